"""The README's pictures of the view in the chat and of the studio, in a real browser."""

import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.async_api import Browser, ViewportSize, expect
from pydantic import SecretStr

from imagerouter_mcp.sandbox.service.accounts import KEY
from imagerouter_mcp.sandbox.service.asgi import build_app
from imagerouter_mcp.sandbox.service.serve import Sandbox, running_sandbox
from imagerouter_mcp.settings import Settings
from support.browser import find_chromium, running_browser
from support.running_studio import running_studio
from views.host_page import open_chat
from views.states import STATES

IN_THE_CHAT = {"painting": "painting.jpg", "four pictures": "four-pictures.jpg"}
"""States of the view, and what their pictures are called."""
CHAT: ViewportSize = {"width": 640, "height": 1400}
STUDIO: ViewportSize = {"width": 1120, "height": 700}
MODEL = "openai/gpt-image-1.5"
WISHES = (
    *("a sailing boat at sunset", "a castle by the sea", "a fox in the snow", "a cat in a cosy room"),
    *("a lighthouse on a cliff at dusk", "a balloon over the hills", "a city at night", "a lake at dawn"),
    *("a sunflower field", "a rocket to the moon", "an owl in the moonlight", "a lighthouse in winter"),
)
"""The last one comes first in the gallery."""
MOST_BYTES = 60_000


async def draw_screens(folder: Path) -> None:
    """Draw the pictures into a folder.

    Raises:
        RuntimeError: There is no browser.
    """
    chromium = find_chromium()
    if chromium is None:
        raise RuntimeError("This needs Chromium, which `make test-tools` installs.")
    with (
        running_sandbox(build_app()) as sandbox,
        tempfile.TemporaryDirectory() as chat,
        tempfile.TemporaryDirectory() as studio,
    ):
        async with running_browser(chromium) as browser:
            await _draw_chat(browser, sandbox, Path(chat), folder)
            await _draw_studio(browser, sandbox, Path(studio), folder)


async def _draw_chat(browser: Browser, sandbox: Sandbox, home: Path, folder: Path) -> None:
    settings = Settings(
        base_url=sandbox.base_url,
        api_key=SecretStr(KEY),
        output_dir=home / "pictures",
        data_dir=home / "data",
    )
    page = {"reduced_motion": "reduce", "viewport": CHAT}
    async with open_chat(browser, settings, page=page) as chat:
        for name, file in IN_THE_CHAT.items():
            result, arguments = await STATES[name].make(chat.client)
            await chat.draw(result, arguments)
            await STATES[name].show(chat.view)
            await chat.page.wait_for_load_state("networkidle")
            _save(await chat.page.locator("iframe").screenshot(), folder / file)


async def _draw_studio(browser: Browser, sandbox: Sandbox, home: Path, folder: Path) -> None:
    with running_studio(sandbox, home) as studio:
        async with studio.agent() as agent:
            for wish in WISHES:
                await agent.call_tool("generate_image", {"prompt": wish, "model": MODEL, "preview": "none"})
        page = await browser.new_page(viewport=STUDIO, reduced_motion="reduce")
        await page.goto(studio.link())
        await expect(page.locator(".thumb img[src]").first).to_be_visible()
        await expect(page.locator(".thumb:not(:has(img[src]))")).to_have_count(0)
        _save(await page.screenshot(), folder / "studio.jpg")


def _save(screenshot: bytes, to: Path) -> None:
    """Write a picture as good as fits into what the README's pictures may have."""
    with Image.open(BytesIO(screenshot)) as picture:
        for quality in range(90, 40, -5):
            picture.convert("RGB").save(to, quality=quality, optimize=True, progressive=True)
            if to.stat().st_size < MOST_BYTES:
                return
