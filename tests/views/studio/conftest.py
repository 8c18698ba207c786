"""A studio that serves, as the command starts it, and pages of it in the browser."""

from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image
from playwright.async_api import Browser, Page, ViewportSize, expect

from imagerouter_mcp.sandbox.service.serve import Sandbox
from support.browser import open_tab
from support.running_studio import Studio, running_studio

WIDE: ViewportSize = {"width": 1280, "height": 800}
SMALL = {"size": "256x256", "model": "test/test"}
"""What agents ask for here, because it is quick."""


@pytest.fixture(scope="session")
def studio_process(
    session_sandbox: tuple[Sandbox, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Studio]:
    """Run the command for all tests; they use `studio`."""
    with running_studio(session_sandbox[0], tmp_path_factory.mktemp("studio")) as studio:
        yield studio


@pytest_asyncio.fixture(loop_scope="session")
async def studio(studio_process: Studio, sandbox: Sandbox) -> Studio:
    """Return a studio with an empty gallery."""
    del sandbox  # resets its journal
    await studio_process.empty()
    return studio_process


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, studio: Studio) -> AsyncGenerator[Page]:
    """Open the studio in a tab of its own, which has to stay without errors."""
    errors: list[str] = []
    async with open_tab(browser, viewport=WIDE, reduced_motion="reduce") as tab:
        tab.on("pageerror", lambda error: errors.append(str(error)))
        await tab.goto(studio.link())
        await expect(tab.get_by_role("heading", name="Studio", exact=True)).to_be_visible()
        yield tab
    assert errors == []


def generations(journal: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the requests that the sandbox was asked to make something with."""
    return [request for request in journal if request["path"].endswith(("/generations", "/edits"))]


def photo(folder: Path) -> Path:
    """Return a small photo of the person's."""
    path = folder / "holiday.png"
    Image.linear_gradient("L").convert("RGB").save(path)
    return path
