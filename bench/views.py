"""The view inside the chat: its size, and how soon a picture is painted, in Chromium.

Times are taken inside the view's frame: from the message with the result to the end of the frame in which the
picture was first painted. Beside it, the same message in a view that does nothing but show the preview.
"""

import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import anyio
from pydantic import SecretStr

from bench.figures import Figure
from bench.processes import sandbox_process
from imagerouter_mcp.sandbox.service.accounts import KEY
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.views.document import document

MOST_BYTES = 60_000
FIRST_MS, SHARP_MS = 150, 1000
ROUNDS = 12
_CALL = {"prompt": "A lighthouse at dusk", "model": "test/test", "size": "1024x1024"}
_WATCH = """<script>
  self.painted = {};
  addEventListener("message", ({ data }) => {
    if (data?.method === "ui/notifications/tool-result") painted.told ??= performance.now();
  });
  const drawn = (element) => element.complete !== false && (element.naturalWidth || element.width) > 1;
  requestAnimationFrame(function look() {
    const pictures = [...document.querySelectorAll("img, canvas")].filter(drawn);
    const sharp = pictures.some((each) => each.closest("[data-sharp]"));
    setTimeout(() => {
      if (pictures.length) painted.first ??= performance.now() - painted.told;
      if (sharp) painted.sharp ??= performance.now() - painted.told;
    });
    if (!painted.sharp) requestAnimationFrame(look);
  });
</script>"""
_WATCH_ALL = """(watch) => {
  const inner = mount;
  window.mount = (given) => inner({ ...given, html: given.html.replace("<head>", `<head>${watch}`) });
}"""
_BARE = """<!doctype html><html><head></head><body><img alt=""><script>
addEventListener("message", ({ data }) => {
  const block = data.params?.content?.find(({ type }) => type === "image");
  if (block) document.querySelector("img").src = `data:${block.mimeType};base64,${block.data}`;
});
parent.postMessage({ jsonrpc: "2.0", method: "ui/notifications/initialized" }, "*");
</script></body></html>"""


def measure() -> list[Figure]:
    """Measure the document, and both paints."""
    size = len(document().encode()) / 1000
    return [
        Figure("document of the view in the chat", f"{size:.1f} kB", "", size, MOST_BYTES / 1000, "kB"),
        *anyio.run(_paints),
    ]


async def _paints() -> list[Figure]:
    from support.browser import find_chromium, running_browser  # noqa: PLC0415 - Playwright takes its time
    from views.host_page import as_json, open_chat  # noqa: PLC0415 - as above

    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("Chromium is missing: `make test-tools` installs it.")
    with sandbox_process() as sandbox, tempfile.TemporaryDirectory() as folder:
        settings = _settings(sandbox, Path(folder))
        async with running_browser(chromium) as browser, open_chat(browser, settings) as chat:
            await chat.page.evaluate(_WATCH_ALL, _WATCH)
            result = as_json(await chat.client.call_tool("generate_image", _CALL))

            async def painted(which: str) -> float:
                frame = chat.page.frames[1]
                await frame.wait_for_function(f"self.painted?.{which}")
                return float(await frame.evaluate(f"painted.{which}"))

            first: list[float] = []
            sharp: list[float] = []
            bare: list[float] = []
            for _ in range(ROUNDS + 2):
                await chat.draw(result, _CALL)
                await chat.view.locator("[data-sharp]").wait_for()
                sharp.append(await painted("sharp"))
                first.append(await painted("first"))
                await chat.page.evaluate("given => mount(given)", _bare(result))
                await chat.view.locator("img").wait_for()
                bare.append(await painted("first"))
    ours, alone, whole = (median(times[2:]) for times in (first, bare, sharp))
    return [
        Figure("result to its preview's paint", f"{ours:.0f} ms", f"{alone:.0f} ms", ours, FIRST_MS, "ms"),
        Figure("result to the sharp picture's paint", f"{whole:.0f} ms", "", whole, SHARP_MS, "ms"),
    ]


def _bare(result: dict[str, Any]) -> dict[str, Any]:
    """Return what the host page draws: a view that shows the preview alone."""
    told = [("ui/notifications/tool-result", result)]
    return {"html": _BARE, "about": {}, "refuses": [], "ignores": [], "notifications": told}


def _settings(sandbox: str, folder: Path) -> Settings:
    return Settings(
        base_url=sandbox,
        api_key=SecretStr(KEY),
        data_dir=folder / "data",
        output_dir=folder / "pictures",
    )
