"""Repeat a chore in the background of a server."""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio

from imagerouter_mcp.errors import ImageRouterError

logger = logging.getLogger(__name__)


@asynccontextmanager
async def repeating(
    chore: Callable[[], Awaitable[None]], *, first: float, every: float, failure: str
) -> AsyncGenerator[None]:
    """Repeat a chore until the block ends; if it fails, log that and try again the next time.

    Args:
        chore: Does the work once.
        first: Seconds before the first time.
        every: Seconds between one time and the next.
        failure: What a failure means, for the log.
    """

    async def repeat() -> None:
        await anyio.sleep(first)
        while True:
            try:
                await chore()
            except (ImageRouterError, OSError) as error:
                logger.warning("%s: %s", failure, error)
            await anyio.sleep(every)

    async with anyio.create_task_group() as group:
        group.start_soon(repeat)
        yield
        group.cancel_scope.cancel()
