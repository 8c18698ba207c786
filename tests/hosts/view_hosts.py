"""The hosts that draw the view, each in a browser: what a tool answers there is drawn in a frame."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlencode

import anyio
import httpx
from playwright.async_api import Browser, FrameLocator, Page, ViewportSize
from workshop import Workshop

from imagerouter_mcp.settings import Settings
from patience import LOOK_SECONDS
from support.held_port import held_port
from views.host_page import open_chat

START_SECONDS = 60
EDITOR = "//*[text()='Edit as JSON']/following::textarea[contains(@class, 'ace_text-input')][1]"
"""Where the Inspector takes a tool's arguments."""
WINDOW: ViewportSize = {"width": 1400, "height": 1000}


@dataclass(frozen=True)
class Window:
    """A window of a host.

    Attributes:
        page: What the browser shows.
        call: Calls a tool as the model would and returns the view that is drawn of the result.
    """

    page: Page
    call: Callable[[str, Mapping[str, object]], Awaitable[FrameLocator]]


Windows = Callable[[Browser], AbstractAsyncContextManager[Window]]
"""Opens a window of a host that runs."""
ViewHost = Callable[[Workshop, Settings], AbstractAsyncContextManager[Windows]]
"""Runs a host, with our server in it."""


@asynccontextmanager
async def own_page(_: Workshop, settings: Settings) -> AsyncGenerator[Windows]:
    """Run our own page, as a host that keeps to the protocol."""

    @asynccontextmanager
    async def window(browser: Browser) -> AsyncGenerator[Window]:
        async with open_chat(browser, settings, page={"viewport": WINDOW}) as chat:

            async def call(tool: str, arguments: Mapping[str, object]) -> FrameLocator:
                await chat.call(tool, **arguments)
                return chat.view

            yield Window(chat.page, call)

    yield window


def sunpeak(profile: str) -> ViewHost:
    """Return sunpeak's imitation of a host: `claude` or `chatgpt`."""

    @asynccontextmanager
    async def run(shop: Workshop, settings: Settings) -> AsyncGenerator[Windows]:
        with held_port() as port, held_port() as frames:
            words = ["sunpeak", "inspect", "--server", str(shop.command), "--port", str(port)]
            given = [word for each in variables(settings) for word in ("--env", each)]
            environment = {"SUNPEAK_SANDBOX_PORT": str(frames)}
            with shop.running(*words, *given, environment=environment):
                url = f"http://127.0.0.1:{port}/"
                await _answers(url)

                async def call(page: Page, tool: str, arguments: Mapping[str, object]) -> None:
                    wanted = {
                        "tool": tool,
                        "toolInput": json.dumps(arguments),
                        "autoRun": "true",
                        "host": profile,
                        "theme": "dark",
                        "displayMode": "inline",
                        "sidebar": "false",
                        "devOverlay": "false",
                    }
                    await page.goto(f"{url}?{urlencode(wanted)}")

                yield _windows(call)

    return run


@asynccontextmanager
async def inspector(shop: Workshop, settings: Settings) -> AsyncGenerator[Windows]:
    """Run the MCP Inspector, in the newer protocol era."""
    with held_port() as port, held_port() as frames, held_port() as origins:
        given = [word for each in variables(settings) for word in ("-e", each)]
        environment = {
            "MCP_AUTO_OPEN_ENABLED": "false",
            "DANGEROUSLY_OMIT_AUTH": "true",
            "CLIENT_PORT": str(port),
            "MCP_SANDBOX_PORT": str(frames),
            "MCP_APP_ORIGIN_PORT": str(origins),
        }
        words = ["mcp-inspector", "--web", *given, "--protocol-era", "modern", str(shop.command)]
        with shop.running(*words, environment=environment):
            url = f"http://127.0.0.1:{port}/"
            await _answers(url)

            async def call(page: Page, tool: str, arguments: Mapping[str, object]) -> None:
                await page.goto(url)
                await page.get_by_role("switch").first.press(
                    "Space"
                )  # it cannot be clicked while it moves in
                await page.get_by_text("Connected").first.wait_for()
                await page.get_by_text("Apps", exact=True).first.click()
                title = tool.replace("_", " ").capitalize()
                await page.get_by_text(title, exact=True).first.click()
                await page.get_by_role("switch").last.check(force=True)  # "Edit as JSON"
                await page.locator(EDITOR).press("ControlOrMeta+A")
                await page.keyboard.insert_text(json.dumps(arguments))
                await page.get_by_role("button", name="Open App").click()

            yield _windows(call)


def _windows(call: Callable[[Page, str, Mapping[str, object]], Awaitable[None]]) -> Windows:
    """Return what opens windows of a host that draws a view in a frame within a frame."""

    @asynccontextmanager
    async def window(browser: Browser) -> AsyncGenerator[Window]:
        context = await browser.new_context(viewport=WINDOW)
        page = await context.new_page()

        async def drawn(tool: str, arguments: Mapping[str, object]) -> FrameLocator:
            await call(page, tool, arguments)
            return page.frame_locator("iframe").frame_locator("iframe")

        try:
            yield Window(page, drawn)
        finally:
            await context.close()

    return window


def variables(settings: Settings) -> list[str]:
    """Return the server's settings as a host is given them: `NAME=value`."""
    key = settings.api_key.get_secret_value() if settings.api_key else ""
    return [
        f"IMAGEROUTER_API_KEY={key}",
        f"IMAGEROUTER_BASE_URL={settings.base_url}",
        f"IMAGEROUTER_DATA_DIR={settings.data_dir}",
        f"IMAGEROUTER_OUTPUT_DIR={settings.output_dir}",
        f"IMAGEROUTER_WAIT_SECONDS={settings.wait_seconds:g}",
    ]


async def _answers(url: str) -> None:
    """Wait until a host answers."""
    async with httpx.AsyncClient(trust_env=False, timeout=START_SECONDS) as client:
        with anyio.fail_after(START_SECONDS):
            while not await _is_up(client, url):  # noqa: ASYNC110 - another process sets no event
                await anyio.sleep(LOOK_SECONDS)


async def _is_up(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).is_success
    except httpx.TransportError:
        return False
