"""A large result, 4096×4096 noise, some 50 MB of PNG: the event loop's longest pause, and memory."""

import tempfile
from pathlib import Path

import anyio
from mcp import Client
from mcp.client.stdio import stdio_client

from bench.event_loop import finished, longest_pause, settings_in
from bench.figures import Figure
from bench.processes import sandbox_process, server, server_mib
from imagerouter_mcp.generation.planning.request import Request
from imagerouter_mcp.images.pixels.preview import make_preview
from imagerouter_mcp.wiring import open_app

SIZE = "4096x4096"
MODEL = "sandbox/noise"


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
    async with open_app(settings_in(folder, base_url)) as app:
        await app.catalogue.models()
        await finished(app, "generate_image", Request(prompt="warm", model="test/test"))
        async with longest_pause() as pause:
            made = await finished(app, "generate_image", Request(prompt="noise", model=MODEL, size=SIZE))
            path = made.results[0].record.images[0].path
            if path is None:
                raise RuntimeError("there is no file")
            await anyio.to_thread.run_sync(make_preview, path, "large")
    return pause.milliseconds


async def _peak_mib(base_url: str, folder: Path) -> float:
    async with Client(stdio_client(server(base_url, folder))) as client:
        for preview in ("auto", "large"):
            result = await client.call_tool(
                "generate_image", {"prompt": "noise", "model": MODEL, "size": SIZE, "preview": preview}
            )
            if result.is_error:
                raise RuntimeError(result.content)
        return server_mib(folder, "VmHWM")
