"""Several things at once, none of which takes the others down."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from imagerouter_mcp.errors import ImageRouterError

T = TypeVar("T")


async def abreast(calls: Sequence[Callable[[], Awaitable[T]]]) -> list[T | ImageRouterError]:
    """Run calls side by side; each one's result, or the error that it raised, in their order.

    A failure that nobody foresaw is raised when all of them have ended, so that it costs no other its result.

    Args:
        calls: What to run.
    """
    outcomes = await asyncio.gather(*(call() for call in calls), return_exceptions=True)
    foreseen: list[T | ImageRouterError] = []
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, ImageRouterError):
            raise outcome
        foreseen.append(outcome)
    return foreseen
