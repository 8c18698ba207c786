"""A studio that serves, as the command starts it, and pages of it in the browser."""

import subprocess
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from mcp import Client
from PIL import Image
from playwright.async_api import Browser, Page, ViewportSize, expect
from pydantic import SecretStr

from imagerouter_mcp.gallery.days import LAST
from imagerouter_mcp.sandbox.service.accounts import KEY
from imagerouter_mcp.sandbox.service.serve import Sandbox
from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import open_app
from support.http_serving import COMMAND, bare_environment, sandbox_environment

WIDE: ViewportSize = {"width": 1280, "height": 800}
SMALL = {"size": "256x256", "model": "test/test"}
"""What agents ask for here, because it is quick."""


@dataclass(frozen=True)
class Studio:
    """A running `imagerouter-mcp studio`, and the settings with which others work on the same gallery."""

    process: "subprocess.Popen[str]"
    settings: Settings

    def link(self) -> str:
        """Press Enter where the command runs, and return the link that it prints."""
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.printed_link()

    def printed_link(self) -> str:
        """Return the next link that the command prints."""
        assert self.process.stdout
        return next(line.strip() for line in self.process.stdout if "/studio#" in line)

    async def empty(self) -> None:
        """Delete all pictures."""
        async with open_app(self.settings) as app:
            app.deletion.delete(app.deletion.before(LAST).handles)

    @asynccontextmanager
    async def agent(self) -> AsyncGenerator[Client]:
        """Connect an agent to a server of its own, another process than the studio's, on the same gallery."""
        async with open_app(self.settings) as app, Client(build_server(app)) as client:
            yield client


@pytest.fixture(scope="session")
def studio_process(
    session_sandbox: tuple[Sandbox, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Studio]:
    """Run the command for all tests; they use `studio`."""
    home = tmp_path_factory.mktemp("studio")
    sandbox = session_sandbox[0]
    environment = {**bare_environment(home), **sandbox_environment(sandbox, home)}
    with subprocess.Popen(  # noqa: S603 - our own command
        [*COMMAND, "studio", "--no-browser"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
    ) as process:
        settings = Settings(
            base_url=sandbox.base_url,
            api_key=SecretStr(KEY),
            output_dir=home / "pictures",
            data_dir=home / "data",
        )
        studio = Studio(process, settings)
        studio.printed_link()
        yield studio
        process.terminate()
        process.communicate()


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
    context = await browser.new_context(viewport=WIDE, reduced_motion="reduce")
    tab = await context.new_page()
    tab.on("pageerror", lambda error: errors.append(str(error)))
    await tab.goto(studio.link())
    await expect(tab.get_by_role("heading", name="Studio", exact=True)).to_be_visible()
    yield tab
    await context.close()
    assert errors == []


def generations(journal: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the requests that the sandbox was asked to make something with."""
    return [request for request in journal if request["path"].endswith(("generations", "edits"))]


def photo(folder: Path) -> Path:
    """Return a small photo of the person's."""
    path = folder / "holiday.png"
    Image.linear_gradient("L").convert("RGB").save(path)
    return path
