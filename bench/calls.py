"""Calls: what `generate_image` adds to the same bare requests, and how long `search_models` takes."""

import tempfile
import time
from pathlib import Path
from statistics import median

import httpx
from mcp import Client
from mcp.client.stdio import stdio_client

from bench.figures import Figure
from bench.processes import sandbox_process, server
from imagerouter_mcp.api.catalogue import Catalogue
from imagerouter_mcp.api.decoded import as_object
from imagerouter_mcp.sandbox.service.accounts import KEY
from imagerouter_mcp.sandbox.service.asgi import build_app
from imagerouter_mcp.sandbox.service.serve import running_sandbox
from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import App, open_app

ROUNDS = 40
MODELS = 200
REQUEST = {"model": "test/test", "prompt": "a lighthouse at dusk", "size": "1024x1024", "quality": "auto"}
"""The dummy model answers with one fixed picture, so that drawing does not blur the comparison."""


async def measure() -> list[Figure]:
    """Run both measurements; the sandbox of the first has its own process, to hold up neither side."""
    with sandbox_process() as base_url, tempfile.TemporaryDirectory() as folder:
        generate = await _generate(base_url, Path(folder))
    return [generate, await _search()]


async def _generate(base_url: str, folder: Path) -> Figure:
    ours: list[float] = []
    bare: list[float] = []
    async with Client(stdio_client(server(base_url, folder))) as client, httpx.AsyncClient() as http:
        for _ in range(ROUNDS + 3):
            bare.append(await _bare(http, base_url, folder))
            began = time.perf_counter()
            result = await client.call_tool("generate_image", {**REQUEST, "preview": "none", "again": True})
            ours.append(time.perf_counter() - began)
            if result.is_error:
                raise RuntimeError(result.content)
    our_time, bare_time = median(ours[3:]) * 1000, median(bare[3:]) * 1000
    return Figure(
        "`generate_image` over stdio, 1024×1024, file included",
        f"{our_time:.1f} ms",
        f"{bare_time:.1f} ms",
        our_time - bare_time,
        10,
        "ms more",
    )


async def _bare(http: httpx.AsyncClient, base_url: str, folder: Path) -> float:
    began = time.perf_counter()
    answer = await http.post(
        f"{base_url}/v1/openai/images/generations",
        json={**REQUEST, "response_format": "url"},
        headers={"Authorization": f"Bearer {KEY}"},
    )
    picture = await http.get(answer.json()["data"][0]["url"])
    (folder / "bare").write_bytes(picture.content)
    return time.perf_counter() - began


async def _search() -> Figure:
    with running_sandbox(build_app()) as sandbox, tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            base_url=sandbox.base_url,
            data_dir=Path(folder),
            output_dir=Path(folder),
        )
        async with open_app(settings) as app:
            app.shared.catalogue = Catalogue(lambda: _many_models(app))
            async with Client(build_server(app)) as client:
                times = [await _search_once(client) for _ in range(ROUNDS + 3)][3:]
    milliseconds = median(times) * 1000
    return Figure(
        f"`search_models` on {MODELS} models, warm", f"{milliseconds:.1f} ms", "", milliseconds, 5, "ms"
    )


async def _many_models(app: App) -> object:
    """The sandbox's list, repeated under other names until there are as many as the service has."""
    rows = list(as_object(await app.shared.client.models()).items())
    return {
        f"{model}{'' if n < len(rows) else f'-v{n}'}": row
        for n, (model, row) in enumerate((rows * MODELS)[:MODELS])
    }


async def _search_once(client: Client) -> float:
    began = time.perf_counter()
    result = await client.call_tool("search_models", {"query": "gemeni fast edit"})
    if result.is_error:
        raise RuntimeError(result.content)
    return time.perf_counter() - began
