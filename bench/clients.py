"""A team: 200 clients that one server process over HTTP serves at once, and the memory that it takes."""

import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
from mcp import Client

from bench.figures import Figure
from bench.processes import RATE, mib, sandbox_process, serving

CLIENTS = 200
ERAS = ("auto", "legacy")
_CALL = {"prompt": "a lighthouse at dusk", "model": "test/test", "size": "1024x1024", "again": True}


async def measure() -> list[Figure]:
    """Connect them all, let each make a picture at the same time, and look at the server meanwhile."""
    with (
        sandbox_process() as base_url,
        tempfile.TemporaryDirectory() as folder,
        serving(base_url, Path(folder), IMAGEROUTER_HTTP_RATE=RATE) as (process, url),
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
