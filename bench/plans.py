"""Plans and sources: how long planning takes, and what many large sources cost in memory."""

import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from mcp import Client
from mcp.client.stdio import stdio_client
from PIL import Image

from bench.figures import Figure
from bench.processes import sandbox_process, server, server_mib
from imagerouter_mcp.api.catalogue import Listing
from imagerouter_mcp.api.model_list import ModelEntry, Price
from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.generation.planning.model_choice import Preference
from imagerouter_mcp.generation.planning.plan import Destination, choose_model, make_plan
from imagerouter_mcp.generation.planning.request import Request

MODELS = 200
_HERE = Destination(Path("/pictures"), "a-fox")
SOURCES, SOURCE_MB = 16, 20
ROUNDS = 50
_REQUESTS = (
    Request(prompt="a fox", model="vendor/model-7-pro", size="1024x1024"),
    Request(prompt="a fox", model="vendor/modle-7-pro"),
    Request(prompt="a fox", aspect_ratio="16:9"),
    Request(prompt="a fox", model="cheapest", images=("/a.png",), mask="box:0,0,50%,50%"),
)


def measure_planning() -> list[Figure]:
    """Plan four kinds of request, one of them refused for a misspelt model, on a warm catalogue."""
    listing = Listing(tuple(_model(number) for number in range(MODELS)))
    times = [max(_plan(request, listing) for request in _REQUESTS) for _ in range(ROUNDS)]
    slowest = median(times) * 1000
    return [
        Figure(
            f"planning on {MODELS} models, the slowest of four kinds",
            f"{slowest:.2f} ms",
            "",
            slowest,
            2,
            "ms",
        )
    ]


def _model(number: int) -> ModelEntry:
    return ModelEntry(
        f"vendor/model-{number}-pro",
        takes_image=number % 2 == 0,
        takes_mask=number % 4 == 0,
        sizes=("1024x1024", "1536x1024", "1024x1536") if number % 3 else (),
        price=Price(0.01, 0.02 + number / 1000, 0.5),
    )


def _plan(request: Request, listing: Listing) -> float:
    popular = [entry.id for entry in listing.models[::-9]]
    began = time.perf_counter()
    try:
        choice = choose_model(request, listing, popular, Preference())
        make_plan(request, choice, response_format="url", destination=_HERE, source=(640, 480))
    except PlanError:
        pass
    return time.perf_counter() - began


async def measure_sources() -> list[Figure]:
    """Edit with 16 sources of 20 MB each; the peak of the server's memory over what it had when idle."""
    with sandbox_process() as base_url, tempfile.TemporaryDirectory() as folder:
        paths = [_source(Path(folder) / f"{number}.png") for number in range(SOURCES)]
        grown = await _edit(base_url, Path(folder), paths)
    what = f"peak over idle, {SOURCES} sources of {SOURCE_MB} MB checked and sent"
    return [Figure(what, f"{grown:.0f} MiB", "", grown, 150, "MiB")]


def _source(path: Path) -> str:
    side = round((SOURCE_MB * 1_000_000 / 3) ** 0.5)
    Image.frombytes("RGB", (side, side), os.urandom(side * side * 3)).save(path, "PNG", compress_level=1)
    return str(path)


async def _edit(base_url: str, folder: Path, paths: Sequence[str]) -> float:
    async with Client(stdio_client(server(base_url, folder))) as client:
        await client.list_tools()
        idle = server_mib(folder, "VmRSS")
        result = await client.call_tool(
            "edit_image",
            {"images": list(paths), "prompt": "join them", "model": "test/test", "preview": "none"},
        )
        if result.is_error:
            raise RuntimeError(result.content)
        return server_mib(folder, "VmHWM") - idle
