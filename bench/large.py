"""A large result, 4096×4096 noise, some 50 MB of PNG: the event loop's longest pause, and memory."""

import tempfile
import time
from pathlib import Path

import anyio
from mcp import Client
from mcp.client.stdio import stdio_client

from bench.figures import Figure
from bench.processes import sandbox_process, server, server_mib
from imagerouter_mcp.generation.calls.outcome import Finished
from imagerouter_mcp.generation.planning.request import Order, Request
from imagerouter_mcp.images.pixels.preview import make_preview
from imagerouter_mcp.sandbox.service.accounts import KEY
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import App, open_app

SIZE = "4096x4096"
MODEL = "sandbox/noise"
_TICK_SECONDS = 0.005


async def measure() -> list[Figure]:
    """Make the picture twice: here beside a ticking clock, and in a server whose memory is read."""
    with sandbox_process() as base_url, tempfile.TemporaryDirectory() as folder:
        pause = await _longest_pause(base_url, Path(folder))
        peak = await _peak_mib(base_url, Path(folder))
    return [
        Figure(f"longest pause of the event loop, {SIZE} noise", f"{pause:.0f} ms", "", pause, 50, "ms"),
        Figure(f"peak memory of the server, {SIZE} noise", f"{peak:.0f} MiB", "", peak, 250, "MiB"),
    ]


async def _longest_pause(base_url: str, folder: Path) -> float:
    settings = Settings(api_key=KEY, base_url=base_url, output_dir=folder, data_dir=folder)  # pyright: ignore[reportArgumentType] - a plain string will do
    longest = 0.0

    async def tick() -> None:
        nonlocal longest
        while True:
            before = time.perf_counter()
            await anyio.sleep(_TICK_SECONDS)
            longest = max(longest, time.perf_counter() - before - _TICK_SECONDS)

    async with open_app(settings) as app:
        await app.catalogue.models()
        await _generate(app, Request(prompt="warm", model="test/test"))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(tick)
            made = await _generate(app, Request(prompt="noise", model=MODEL, size=SIZE))
            path = made.results[0].record.images[0].path
            if path is None:
                raise RuntimeError("there is no file")
            await anyio.to_thread.run_sync(make_preview, path, "large")
            tasks.cancel_scope.cancel()
    return longest * 1000


async def _ignore(_: str) -> None:
    """Report progress to nobody."""


async def _generate(app: App, request: Request) -> Finished:
    made = await app.calls.ask(Order(tool="generate_image", requests=(request,)), 60, _ignore)
    if not isinstance(made, Finished):
        raise RuntimeError("it takes too long")  # noqa: TRY004 - not a matter of types
    return made


async def _peak_mib(base_url: str, folder: Path) -> float:
    async with Client(stdio_client(server(base_url, folder))) as client:
        for preview in ("auto", "large"):
            result = await client.call_tool(
                "generate_image", {"prompt": "noise", "model": MODEL, "size": SIZE, "preview": preview}
            )
            if result.is_error:
                raise RuntimeError(result.content)
        return server_mib(folder, "VmHWM")
