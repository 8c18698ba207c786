"""`make views`: draw every state of the view, in light and dark, narrow and wide, to be looked at."""

import asyncio
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.async_api import Page, expect
from pydantic import SecretStr

from imagerouter_mcp.sandbox.service.accounts import KEY
from imagerouter_mcp.settings import Settings
from support.browser import find_chromium, running_browser
from support.faulty_sandbox import running_faulty_sandbox
from views.host_page import Chat, open_chat
from views.states import STATES, State

FOLDER = Path(__file__).parents[2] / "views-shots"
WIDTHS = (320, 700, 1600)
THEMES = ("light", "dark")
HEIGHT = 1400
"""So that all of a view is in sight."""
PATIENCE_MS = 60_000
"""An upper bound; even a busy machine needs far less."""
_GAP = 24


async def main() -> int:
    """Write the pictures of each state, and a sheet of them.

    Returns:
        1 without a browser, else 0.
    """
    chromium = find_chromium()
    if chromium is None:
        print("This needs Chromium, which `make test-tools` installs.", file=sys.stderr)
        return 1
    FOLDER.mkdir(exist_ok=True)
    expect.set_options(timeout=PATIENCE_MS)
    with running_faulty_sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            base_url=sandbox.base_url,
            api_key=SecretStr(KEY),
            output_dir=Path(folder, "pictures"),
            data_dir=Path(folder, "data"),
            wait_seconds=1,
        )
        async with (
            running_browser(chromium) as browser,
            open_chat(browser, settings, page={"reduced_motion": "reduce"}) as chat,
        ):
            for name, state in STATES.items():
                await _shoot(chat, name, state)
                print(name, flush=True)
    print(f"Look at {FOLDER.name}/, first at its sheets.")
    return 0


async def _shoot(chat: Chat, name: str, state: State) -> None:
    result, arguments = await state.make(chat.client)
    files: list[Path] = []
    for theme in THEMES:
        for width in WIDTHS:
            chat.host.context["theme"] = theme
            await chat.page.set_viewport_size({"width": width, "height": HEIGHT})
            await chat.draw(result, arguments)
            await state.show(chat.view)
            files.append(FOLDER / f"{name.replace(' ', '-')}-{theme}-{width}.png")
            await _settled(chat.page)
            await chat.page.locator("iframe").screenshot(path=files[-1])
    _sheet(files, FOLDER / f"sheet-{name.replace(' ', '-')}.png")


async def _settled(page: Page) -> None:
    """Wait until what the view has asked for is there, and the frame has the view's height."""
    await page.wait_for_load_state("networkidle")
    for frame in page.frames:
        await frame.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )


def _sheet(files: list[Path], to: Path) -> None:
    """Put a state's pictures on one sheet, light above dark."""
    shots = [Image.open(file).convert("RGB") for file in files]
    rows = [shots[: len(WIDTHS)], shots[len(WIDTHS) :]]
    width = sum(WIDTHS) + _GAP * (len(WIDTHS) + 1)
    heights = [max(shot.height for shot in row) + _GAP for row in rows]
    sheet = Image.new("RGB", (width, sum(heights) + _GAP), "#888888")
    top = _GAP
    for row, height in zip(rows, heights, strict=True):
        left = _GAP
        for shot in row:
            sheet.paste(shot, (left, top))
            left += shot.width + _GAP
        top += height
    sheet.save(to)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
