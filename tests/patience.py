"""Wait until something is true, or fail after a while."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

LOOK_SECONDS = 0.01
PATIENCE_SECONDS = 120.0
"""An upper bound; even a busy machine needs far less."""


async def until(true: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Return as soon as a condition holds, checking it again and again.

    Args:
        true: The condition.
        seconds: How long to wait at most.

    Raises:
        TimeoutError: It never held.
    """
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(LOOK_SECONDS)


def wait_until(true: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Do the same in a test that is not a coroutine."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(LOOK_SECONDS)


async def at_once(*calls: Coroutine[Any, Any, Any]) -> list[Any]:
    """Run calls side by side and return their results in order."""
    return list(await asyncio.gather(*calls))
