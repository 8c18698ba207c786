"""The view in every host that draws it: six steps as a person takes them, again and again."""

import re
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import anyio
from installing import CLIENTS, Installed, version
from playwright.async_api import Error, FrameLocator, expect
from pydantic import SecretStr
from view_hosts import ViewHost, Window, inspector, own_page, sunpeak
from workshop import Workshop

from imagerouter_mcp import __version__
from imagerouter_mcp.sandbox.service.accounts import KEY
from imagerouter_mcp.sandbox.service.serve import Sandbox
from imagerouter_mcp.sandbox.service.state import SandboxState
from imagerouter_mcp.settings import Settings
from support.browser import find_chromium, running_browser
from support.faulty_sandbox import running_faulty_sandbox
from support.faulty_state import FaultySettings

VIEW_HEAD = ("host", "version", "runs", "without a failure", "seconds a run", "what failed")
SCREENSHOTS = CLIENTS / "screenshots"
"""What the browser showed when a step failed."""
PATIENCE_MS = 30_000
WAIT_SECONDS = 1.0
"""How long the server waits for a picture before it hands the call off."""
WIDTH, HEIGHT = 1024, 768
HOSTS: dict[str, tuple[str, ViewHost]] = {
    "our own page": ("", own_page),
    "sunpeak as Claude": ("sunpeak", sunpeak("claude")),
    "sunpeak as ChatGPT": ("sunpeak", sunpeak("chatgpt")),
    "MCP Inspector": ("inspector", inspector),
}
"""By name: the client that has to be installed, if any, and what runs it."""


@dataclass
class Tried:
    """What came of the visits to one host."""

    host: str
    version: str
    seconds: list[float] = field(default_factory=list[float])
    failures: list[str] = field(default_factory=list[str])

    @property
    def cells(self) -> list[str]:
        """The row's cells."""
        runs = len(self.seconds) + len(self.failures)
        each = f"{median(self.seconds):.1f}" if self.seconds else ""
        return [self.host, self.version, str(runs), str(len(self.seconds)), each, "; ".join(self.failures)]


@dataclass
class Visit:
    """One run through the steps.

    Attributes:
        window: The host's.
        service: What makes the pictures.
        name: Of the visit; no two ask for the same picture.
        step: The step that was begun last.
    """

    window: Window
    service: SandboxState
    name: str
    step: str = ""

    async def go_through(self) -> None:
        """Take the six steps."""
        self.step = "picture seen"
        view = await self._draw("a fox")
        picture = view.get_by_role("img", name=f"a fox, {self.name}")
        await expect(picture).to_be_visible()

        self.step = "made sharp"
        await expect(view.locator("[data-sharp]")).to_be_visible()
        width = await picture.evaluate("element => element.naturalWidth ?? element.width")
        assert width == WIDTH, f"it is {width} pixels wide"

        self.step = "edited with a painted region"
        await self._paint(view)

        self.step = "one of four picked"
        view = await self._draw("four foxes", n=4)
        await view.get_by_role("button", name="Use number 3").press("Enter")
        await expect(view.get_by_text(re.compile(r"[Cc]hose number 3|use number 3 ")).first).to_be_visible()

        self.step = "a slow one collected"
        self._hold(on=True)
        view = await self._draw("a slow fox", model="sandbox/held")
        await expect(view.get_by_role("progressbar")).to_be_visible()
        self._hold(on=False)
        await expect(view.get_by_role("img", name=f"a slow fox, {self.name}")).to_be_visible()

        self.step = "an error shown"
        view = await self._draw("no fox", model="sandbox/moderated")
        await expect(view.get_by_role("alert")).to_contain_text("Nothing was charged.")

    def _hold(self, *, on: bool) -> None:
        """Have the slow model wait with its pictures, or not."""
        assert isinstance(self.service.settings, FaultySettings)
        self.service.settings.held = on

    async def _draw(self, prompt: str, *, model: str = "test/test", **more: object) -> FrameLocator:
        """Have the host ask for a picture; return its view."""
        arguments = {"prompt": f"{prompt}, {self.name}", "model": model, "size": f"{WIDTH}x{HEIGHT}", **more}
        return await self.window.call("generate_image", arguments)

    async def _paint(self, view: FrameLocator) -> None:
        """Paint a stroke with the keyboard, say what to change, and pay."""
        await view.get_by_role("button", name="Paint the part").press("Enter")
        canvas = view.get_by_role("application")
        for key in ("Enter", "Shift+ArrowRight", "Shift+ArrowRight", "Enter"):
            await canvas.press(key)
        wish = f"a red hat, {self.name}"
        await view.get_by_role("textbox", name="What to change").fill(wish)
        await view.get_by_role("button", name=re.compile(r"^Change the part for")).press("Enter")
        await expect(view.get_by_role("img", name=wish)).to_be_visible()
        told = [
            str(entry["fields"]) for entry in self.service.journal.as_json() if wish in str(entry["fields"])
        ]
        assert f"'{wish}'" not in told[-1], "the service was not told which part to change"


def try_views(folder: Path, installed: Installed, runs: int) -> list[Tried]:
    """Try the view in every host.

    Args:
        folder: For what the hosts and the server keep.
        installed: The hosts.
        runs: How often in each.
    """
    return anyio.run(_try_all, folder, installed, runs)


async def _try_all(folder: Path, installed: Installed, runs: int) -> list[Tried]:
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("Chromium is missing: `make test-tools` installs it.")
    tried = [Tried(name, version(client) if client else __version__) for name, (client, _) in HOSTS.items()]
    with running_faulty_sandbox() as sandbox:
        async with running_browser(chromium) as browser:
            for row, (client, host) in zip(tried, HOSTS.values(), strict=True):
                if why := installed.failed.get(client):
                    row.failures.append(f"installed: {why}")
                    continue
                shop = Workshop(folder / row.host.replace(" ", "-"), installed.folders)
                async with host(shop, _settings(sandbox, shop)) as windows:
                    for number in range(1, runs + 1):
                        async with windows(browser) as window:
                            await _visit(row, window, sandbox, number)
    return tried


def _settings(sandbox: Sandbox, shop: Workshop) -> Settings:
    return Settings(
        base_url=sandbox.base_url,
        api_key=SecretStr(KEY),
        data_dir=shop.home / "data",
        output_dir=shop.home / "pictures",
        wait_seconds=WAIT_SECONDS,
    )


async def _visit(row: Tried, window: Window, sandbox: Sandbox, number: int) -> None:
    """Go through the steps once; a failure names its step and leaves a screenshot."""
    window.page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    visit = Visit(window, sandbox.app.state.sandbox, f"{row.host} {number}")
    begun = time.monotonic()
    try:
        await visit.go_through()
    except (Error, AssertionError) as error:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        file = SCREENSHOTS / f"{visit.name}.png".replace(" ", "-")
        with suppress(Error):
            await window.page.screenshot(path=file)
        said = str(error).splitlines()[0][:200]
        row.failures.append(f"run {number}, {visit.step}: {said}")
        print(f"FAIL  {visit.name}: not {row.failures[-1]}; {file}", flush=True)
    else:
        row.seconds.append(time.monotonic() - begun)
        print(f"ok    {visit.name}, {row.seconds[-1]:.1f} s", flush=True)
