"""`imagerouter-mcp studio` as a process of its own."""

import subprocess
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mcp import Client
from pydantic import SecretStr

from imagerouter_mcp.gallery.days import LAST
from imagerouter_mcp.sandbox.service.accounts import KEY
from imagerouter_mcp.sandbox.service.serve import Sandbox
from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import open_app
from support.http_serving import COMMAND, bare_environment, sandbox_environment


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


@contextmanager
def running_studio(sandbox: Sandbox, home: Path) -> Generator[Studio]:
    """Run the command, with all that it writes below `home`."""
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
        try:
            studio = Studio(process, settings)
            studio.printed_link()
            yield studio
        finally:
            process.terminate()
            process.communicate()
