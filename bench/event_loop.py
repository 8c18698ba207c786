"""Calls in this process beside a ticking clock: how long the event loop is held up."""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio

from imagerouter_mcp.generation.calls.outcome import Finished
from imagerouter_mcp.generation.planning.request import Order, Request
from imagerouter_mcp.sandbox.service.accounts import KEY
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import App

_TICK_SECONDS = 0.005


@dataclass(slots=True)
class Pause:
    """The longest pause that was seen so far, in milliseconds."""

    milliseconds: float = 0.0


def settings_in(folder: Path, base_url: str) -> Settings:
    """Return settings that keep everything in a folder."""
    return Settings(api_key=KEY, base_url=base_url, output_dir=folder, data_dir=folder)  # pyright: ignore[reportArgumentType] - a plain string will do


@asynccontextmanager
async def longest_pause() -> AsyncGenerator[Pause]:
    """Watch the event loop during the block."""
    longest = Pause()

    async def tick() -> None:
        while True:
            before = time.perf_counter()
            await anyio.sleep(_TICK_SECONDS)
            late = time.perf_counter() - before - _TICK_SECONDS
            longest.milliseconds = max(longest.milliseconds, late * 1000)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tick)
        yield longest
        tasks.cancel_scope.cancel()


async def finished(app: App, tool: str, request: Request) -> Finished:
    """Return what a call made.

    Raises:
        RuntimeError: It takes longer than a minute.
    """
    made = await app.calls.ask(Order(tool=tool, requests=(request,)), 60, _ignore)
    if not isinstance(made, Finished):
        raise RuntimeError("it takes too long")  # noqa: TRY004 - not a matter of types
    return made


async def _ignore(_: str) -> None:
    """Report progress to nobody."""
