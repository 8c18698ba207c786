"""A team: 200 clients that one server process over HTTP serves at once, and the memory that it takes."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import anyio
from mcp import Client

from bench.figures import Figure
from bench.processes import mib, sandbox_process, sandbox_variables

CLIENTS = 200
ERAS = ("auto", "legacy")
_CALL = {"prompt": "a lighthouse at dusk", "model": "test/test", "size": "1024x1024"}


async def measure() -> list[Figure]:
    """Connect them all, let each make a picture at the same time, and look at the server meanwhile."""
    with (
        sandbox_process() as base_url,
        tempfile.TemporaryDirectory() as folder,
        _serving(base_url, Path(folder)) as (process, url),
    ):
        peak = await _work(process, url)
    what = f"peak memory of one HTTP server, {CLIENTS} clients making pictures at once"
    return [Figure(what, f"{peak:.0f} MiB", "", peak, 300, "MiB")]


async def _work(process: int, url: str) -> float:
    """MiB that the server had at most, while all were connected and until each had its picture."""
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(Client(url, mode=ERAS[n % len(ERAS)])) for n in range(CLIENTS)
        ]
        async with anyio.create_task_group() as tasks:
            for client in clients:
                tasks.start_soon(_make, client)
        return mib(process, "VmHWM")


async def _make(client: Client) -> None:
    await client.list_tools()
    result = await client.call_tool("generate_image", _CALL)
    if result.is_error:
        raise RuntimeError(result.content)


@contextmanager
def _serving(base_url: str, folder: Path) -> Generator[tuple[int, str]]:
    """A server over HTTP with its settings as they are by default; yields its process id and its address."""
    command = [sys.executable, "-m", "imagerouter_mcp", "http", "--port", "0"]
    environment = {**os.environ, **sandbox_variables(base_url, folder)}
    log = folder / "log"
    with log.open("w") as into, subprocess.Popen(command, env=environment, stderr=into) as process:  # noqa: S603 - our own command
        try:
            while "\n" not in log.read_text():
                time.sleep(0.02)
            yield process.pid, log.read_text().partition("\n")[0].rpartition(" ")[2]
        finally:
            process.terminate()
