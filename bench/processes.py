"""The processes that are measured: a sandbox, a server in front of it, and what the system tells of them."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from mcp.client.stdio import StdioServerParameters

from imagerouter_mcp.sandbox.service.accounts import KEY

RATE = "1000"
"""Requests per second, for clients that would have addresses of their own."""
_STARTER = (
    "import os, pathlib, sys; from imagerouter_mcp.cli import main; "
    "pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); sys.exit(main([]))"
)
"""Runs the server, after it has written its process id where the first argument says."""


@contextmanager
def sandbox_process(module: str = "support.faulty_sandbox", *words: str) -> Generator[str]:
    """A sandbox in a process of its own, so that its drawing holds up nothing here; yields its address."""
    command = [sys.executable, "-m", module, *words]
    environment = {**os.environ, "PYTHONPATH": "tests"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:  # noqa: S603 - our own command
        try:
            line = process.stdout.readline() if process.stdout else ""
            yield line.rpartition(" ")[2].strip()
        finally:
            process.terminate()


def server(base_url: str, folder: Path) -> StdioServerParameters:
    """How to start a server over stdio that keeps everything, and its process id, in a folder."""
    return StdioServerParameters(
        command=sys.executable,
        args=["-c", _STARTER, str(folder / "pid")],
        env=sandbox_variables(base_url, folder),
    )


@contextmanager
def serving(base_url: str, folder: Path, **settings: str) -> Generator[tuple[int, str]]:
    """A server over HTTP that keeps everything in a folder; yields its process id and its address."""
    command = [sys.executable, "-m", "imagerouter_mcp", "http", "--port", "0"]
    environment = {**os.environ, **sandbox_variables(base_url, folder), **settings}
    log = folder / f"log-{token_hex(4)}"
    with log.open("w") as into, subprocess.Popen(command, env=environment, stderr=into) as process:  # noqa: S603 - our own command
        try:
            while "\n" not in log.read_text():
                time.sleep(0.02)
            yield process.pid, log.read_text().partition("\n")[0].rpartition(" ")[2]
        finally:
            process.terminate()


def cpu_seconds(process: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def sandbox_variables(base_url: str, folder: Path) -> dict[str, str]:
    """The variables by which a server works with a sandbox and keeps everything in a folder."""
    return {
        "IMAGEROUTER_API_KEY": KEY,
        "IMAGEROUTER_BASE_URL": base_url,
        "IMAGEROUTER_OUTPUT_DIR": str(folder / "pictures"),
        "IMAGEROUTER_DATA_DIR": str(folder / "data"),
    }


def server_mib(folder: Path, field: str) -> float:
    """MiB that the server has now (`VmRSS`) or had at most (`VmHWM`)."""
    process = (folder / "pid").read_text()
    return mib(int(process), field)


def mib(process: int, field: str) -> float:
    """MiB of one field of what Linux tells of a process."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text("ascii"))
    return int(found[1]) / 1024 if found else float("nan")
