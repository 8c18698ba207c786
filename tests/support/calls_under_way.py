"""Calls that are still at work: begun, watched, cancelled and collected."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

from mcp.types import CallToolResult

from imagerouter_mcp.gallery.entries import OPEN_STATES
from imagerouter_mcp.sandbox.service.serve import Sandbox
from patience import PATIENCE_SECONDS, until

Hosts = Callable[..., AbstractAsyncContextManager[Any]]
Change = Callable[..., None]
LetGo = Callable[[], None]
HELD = {"model": "sandbox/held", "size": "256x256"}
"""Answered once the test lets it go."""
FAST = {"model": "sandbox/slow-0", "size": "256x256"}


def asked(sandbox: Sandbox) -> list[dict[str, Any]]:
    """The requests that cost money, as they have arrived so far."""
    entries: list[dict[str, Any]] = sandbox.app.state.sandbox.journal.as_json()
    return [entry for entry in entries if entry["path"].startswith("/v1/openai/")]


def prompts(sandbox: Sandbox) -> list[str]:
    return [entry["fields"]["prompt"] for entry in asked(sandbox)]


@asynccontextmanager
async def under_way(
    sandbox: Sandbox,
    host: Any,  # noqa: ANN401 - conftest's Host
    tool: str,
    **arguments: object,
) -> AsyncGenerator["asyncio.Task[Any]"]:
    """A call whose request has arrived at the service; cancelled at the end of the block."""
    before = len(asked(sandbox))
    task = asyncio.create_task(host(tool, **arguments))
    try:
        await until(lambda: len(asked(sandbox)) > before)
        yield task
    finally:
        await cancel(task)


async def listening(host: Any, told: list[str], **wish: object) -> CallToolResult:  # noqa: ANN401 - conftest's Host
    """Have a picture made, and note what is told meanwhile."""

    async def note(progress: float, total: float | None, message: str | None) -> None:
        del progress, total
        told.append(message or "")

    return await host.client.call_tool("generate_image", wish, progress_callback=note)


async def cancel(task: "asyncio.Task[Any]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def collected(host: Any, handle: str) -> Any:  # noqa: ANN401 - conftest's Host and Told
    """What a host that keeps asking is told in the end."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            told = await host("get_generation", generation=handle)
            assert not told.failed, (told.text, told.fields)
            if "ask_again_seconds" not in told.fields:
                return told


NOT_CHARGED_AGAIN = "This is the result of the same call made before; nothing was charged again."


async def recorded(host: Any) -> dict[str, Any]:  # noqa: ANN401 - conftest's Host
    """What is listed as soon as nothing is under way any more."""

    async def look() -> dict[str, Any]:
        while True:
            listed: dict[str, Any] = (await host("list_images", limit=20)).fields
            if not any(entry["state"] in OPEN_STATES for entry in listed["unfinished"]):
                return listed

    return await asyncio.wait_for(look(), PATIENCE_SECONDS)
