"""The HTTP server as a process of its own on a loopback port, for every test that wants one."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from imagerouter_mcp.sandbox.service.accounts import KEY
from imagerouter_mcp.sandbox.service.serve import Sandbox

COMMAND = [sys.executable, "-m", "imagerouter_mcp"]
CLOSING_SECONDS = 3
"""How long an idle server may take to end."""
_READY = "Serving MCP at "


@dataclass(frozen=True)
class Serving:
    """A serving process, the address of its MCP endpoint, and where it logs."""

    process: "subprocess.Popen[str]"
    url: str
    log: Path

    @property
    def base(self) -> str:
        """The address without the path of the endpoint."""
        return self.url.removesuffix("/mcp")

    @property
    def said(self) -> str:
        """What it wrote to stderr, save for the line that tells where it serves."""
        return self.log.read_text("utf-8").partition("\n")[2]

    def logged(self, lines: int) -> list[str]:
        """What it wrote, once it is so many lines: a request's line follows its answer."""
        while len(found := self.said.splitlines()) < lines and self.process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=0.02)
        return found

    def end(self, how: signal.Signals, seconds: float = CLOSING_SECONDS) -> tuple[int, str]:
        """Its exit status after a signal, and what it said."""
        self.process.send_signal(how)
        self.process.wait(timeout=seconds)
        return self.process.returncode, self.said


@contextmanager
def serving(environment: Mapping[str, str], *options: str) -> Generator[Serving]:
    """A server on a free port; killed at the end of the block if it still runs."""
    command = [*COMMAND, "http", "--port", "0", *options]
    # A pipe that nobody reads would fill and hold up the server.
    with (
        tempfile.NamedTemporaryFile("r", encoding="utf-8") as log,
        Path(log.name).open("w") as into,
        subprocess.Popen(  # noqa: S603 - our own command
            command, env=environment, stdout=subprocess.PIPE, stderr=into, text=True, cwd="/"
        ) as process,
    ):
        try:
            first = _first_line(process, Path(log.name))
            assert first.startswith(_READY), first
            yield Serving(process, first.removeprefix(_READY).strip(), Path(log.name))
        finally:
            process.kill()


def _first_line(process: "subprocess.Popen[str]", log: Path) -> str:
    while True:
        text = log.read_text("utf-8")
        if "\n" in text or process.poll() is not None:
            return text.partition("\n")[0]
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.02)


def bare_environment(home: Path) -> dict[str, str]:
    """What every process needs: a home of its own, and where the interpreter finds things."""
    passed = {name: value for name, value in os.environ.items() if _is_needed(name)}
    return {**passed, "HOME": str(home), "USERPROFILE": str(home)}


def _is_needed(name: str) -> bool:
    return name in ("PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR") or name.startswith("COVERAGE_")


def sandbox_environment(sandbox: Sandbox, home: Path) -> dict[str, str]:
    """The variables by which a process works with a sandbox, in folders of its own."""
    return {
        "IMAGEROUTER_API_KEY": KEY,
        "IMAGEROUTER_BASE_URL": sandbox.base_url,
        "IMAGEROUTER_OUTPUT_DIR": str(home / "pictures"),
        "IMAGEROUTER_DATA_DIR": str(home / "data"),
    }
