"""Start the HTTP server as a separate process on a loopback port."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from imagerouter_mcp.sandbox.service.accounts import KEY
from imagerouter_mcp.sandbox.service.serve import Sandbox
from patience import wait_until

COMMAND = [sys.executable, "-m", "imagerouter_mcp"]
ENDS_WITHIN = 15
"""Seconds; less than the grace that a server gives to what was sent, for which an idle one does not wait."""
ACCEPT = {"Accept": "application/json, text/event-stream"}
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "pytest", "version": "1"},
    },
}
"""How a client of the older era begins."""
_READY = "Serving MCP at "


@dataclass(frozen=True)
class Serving:
    """A server process, the address of its MCP endpoint, and its log file."""

    process: "subprocess.Popen[str]"
    url: str
    log: Path

    @property
    def base(self) -> str:
        """Return the address without the endpoint's path."""
        return self.url.removesuffix("/mcp")

    @property
    def said(self) -> str:
        """Return what it wrote to stderr, except for the line with its address."""
        return self.log.read_text("utf-8").partition("\n")[2]

    def logged(self, lines: int) -> list[str]:
        """Return its log once there are that many lines: a request is logged after its answer is sent."""
        wait_until(lambda: len(self.said.splitlines()) >= lines or self.process.poll() is not None)
        return self.said.splitlines()

    def end(self, how: signal.Signals, seconds: float = ENDS_WITHIN) -> tuple[int, str]:
        """Send a signal and return the exit status and the log."""
        self.process.send_signal(how)
        self.process.wait(timeout=seconds)
        return self.process.returncode, self.said


@contextmanager
def serving(
    environment: Mapping[str, str],
    *options: str,
    descriptors: int | None = None,
    within: Sequence[str] = (),
) -> Generator[Serving]:
    """Run a server on a free port; kill it at the end of the block if it still runs.

    Args:
        environment: All of its variables.
        options: Further words of the command.
        descriptors: How many it may have, if that is not to be the system's choice.
        within: A command that is to start it.
    """
    command = [*within, *COMMAND, "http", "--port", "0", *options]
    if descriptors:
        command = ["sh", "-c", f'ulimit -n {descriptors} && exec "$@"', "sh", *command]
    # A pipe that nobody reads would fill and hold up the server.
    with (
        tempfile.NamedTemporaryFile("r", encoding="utf-8") as log,
        Path(log.name).open("w") as into,
        subprocess.Popen(  # noqa: S603 - our own command
            command, env=environment, stdout=subprocess.PIPE, stderr=into, text=True, cwd="/"
        ) as process,
    ):
        try:
            first = _said(_first_line(process, Path(log.name)))
            assert first.startswith(_READY), first
            yield Serving(process, first.removeprefix(_READY).strip(), Path(log.name))
        finally:
            process.kill()


def _said(line: str) -> str:
    """Return the sentence of a line of the log, in either of its forms."""
    return json.loads(line)["message"] if line.startswith("{") else line


def _first_line(process: "subprocess.Popen[str]", log: Path) -> str:
    while True:
        text = log.read_text("utf-8")
        if "\n" in text or process.poll() is not None:
            return text.partition("\n")[0]
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.02)


def bare_environment(home: Path) -> dict[str, str]:
    """Return what every process needs: its own home, and the paths the interpreter uses."""
    passed = {name: value for name, value in os.environ.items() if _is_needed(name)}
    return {**passed, "HOME": str(home), "USERPROFILE": str(home)}


def _is_needed(name: str) -> bool:
    return name in ("PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "TZ") or name.startswith("COVERAGE_")


def sandbox_environment(sandbox: Sandbox, home: Path) -> dict[str, str]:
    """Return the variables that make a process use a sandbox and its own folders."""
    return {
        "IMAGEROUTER_API_KEY": KEY,
        "IMAGEROUTER_BASE_URL": sandbox.base_url,
        "IMAGEROUTER_OUTPUT_DIR": str(home / "pictures"),
        "IMAGEROUTER_DATA_DIR": str(home / "data"),
    }


def modern(method: str, **parameters: object) -> tuple[dict[str, object], dict[str, str]]:
    """Return the body and the headers of a request of the newer era, which needs no session."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "pytest", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
        "progressToken": 1,
    }
    headers = {**ACCEPT, "Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": method}
    if "name" in parameters:
        headers["Mcp-Name"] = str(parameters["name"])
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**parameters, "_meta": meta}}, headers
