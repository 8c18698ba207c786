"""Load: many calls at once over HTTP against a service that takes its time, and memory after very many."""

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import anyio
import httpx
from mcp import Client

from bench.figures import Figure
from bench.processes import RATE, mib, sandbox_process, serving

CALLS, ABREAST, SECONDS_EACH = 200, 20, 2.0
GENERATIONS, WARM = 2000, 100
_CLIENTS = 10
_IDEAL_SECONDS = CALLS / ABREAST * SECONDS_EACH
_UNDER_WAY = {"preparing", "queued", "working", "received"}


async def measure() -> list[Figure]:
    """Measure both, each with a sandbox and a server of its own."""
    return [*await _many_at_once(), await _growth()]


async def _many_at_once() -> list[Figure]:
    with sandbox_process() as sandbox, tempfile.TemporaryDirectory() as folder:
        async with httpx.AsyncClient(base_url=sandbox, trust_env=False) as admin:
            settings = {"latency_seconds": SECONDS_EACH}
            (await admin.put("/sandbox/settings", json=settings)).raise_for_status()
            with serving(
                sandbox, Path(folder), IMAGEROUTER_CONCURRENCY=str(ABREAST), IMAGEROUTER_HTTP_RATE=RATE
            ) as (_, address):
                elapsed = await _call_all(address, CALLS, "crowd")
            requests = (await admin.get("/sandbox/journal")).raise_for_status().json()
    prompts = Counter(entry["fields"].get("prompt") for entry in requests if entry["paid"])
    twice = sum(count - 1 for count in prompts.values())
    if len(prompts) != CALLS:
        raise RuntimeError(f"{len(prompts)} of {CALLS} pictures were made")
    what = f"{CALLS} calls at once, {ABREAST} abreast, {SECONDS_EACH:g} s each"
    ratio = elapsed / _IDEAL_SECONDS
    return [
        Figure(
            f"{what}: until all are answered",
            f"{elapsed:.1f} s",
            f"{_IDEAL_SECONDS:g} s (ideal)",
            ratio,
            1.15,
            "×",
        ),
        Figure(f"{what}: paid twice", str(twice), "", twice, 0, "pictures"),
    ]


async def _growth() -> Figure:
    with (
        sandbox_process() as sandbox,
        tempfile.TemporaryDirectory() as folder,
        serving(sandbox, Path(folder), IMAGEROUTER_CONCURRENCY=str(ABREAST), IMAGEROUTER_HTTP_RATE=RATE) as (
            process,
            address,
        ),
    ):
        await _call_all(address, WARM, "warm")
        before = mib(process, "VmRSS")
        await _call_all(address, GENERATIONS - WARM, "more")
        grown = mib(process, "VmRSS") - before
    what = f"growth of the server from generation {WARM} to {GENERATIONS}"
    return Figure(what, f"{grown:.1f} MiB", "", grown, 20, "MiB")


async def _call_all(address: str, calls: int, name: str) -> float:
    """Make so many pictures with distinct prompts; the seconds until the last one has been answered."""
    numbers = iter(range(calls))
    began = time.perf_counter()

    async def work(client: Client) -> None:
        for number in numbers:
            await _call(client, f"{name} {number}")

    async with anyio.create_task_group() as tasks:
        for _ in range(min(_CLIENTS, calls)):
            tasks.start_soon(_with_client, address, work, calls // _CLIENTS)
    return time.perf_counter() - began


async def _with_client(
    address: str, work: Callable[[Client], Coroutine[Any, Any, None]], abreast: int
) -> None:
    async with Client(address) as client, anyio.create_task_group() as tasks:
        for _ in range(min(abreast, ABREAST)):
            tasks.start_soon(work, client)


async def _call(client: Client, prompt: str) -> None:
    result = await client.call_tool(
        "generate_image", {"prompt": prompt, "model": "test/test", "size": "256x256", "preview": "none"}
    )
    told: dict[str, Any] = result.structured_content or {}
    while told.get("state") in _UNDER_WAY:
        result = await client.call_tool("get_generation", {"generation": told["generation"], "wait": 45})
        told = result.structured_content or {}
    if result.is_error or not told.get("images"):
        raise RuntimeError(result.content)
