"""Waiting for what will be true soon, with an end to the patience."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

LOOK_SECONDS = 0.01
PATIENCE_SECONDS = 10.0


async def until(true: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Return as soon as a condition holds.

    Args:
        true: Looked at again and again.
        seconds: How long.

    Raises:
        TimeoutError: It did not come to hold.
    """
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(LOOK_SECONDS)


def wait_until(true: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """The same for a test that is no coroutine."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(LOOK_SECONDS)


async def at_once(*calls: Coroutine[Any, Any, Any]) -> list[Any]:
    """Run calls side by side; their results in their order."""
    return list(await asyncio.gather(*calls))
