"""Await several things concurrently, so that the failure of one does not stop the others."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

from imagerouter_mcp.errors import ImageRouterError

T = TypeVar("T")


async def gather_outcomes(work: Iterable[Awaitable[T]]) -> list[T | ImageRouterError]:
    """Await everything concurrently; return, in order, each result or the error that it raised.

    Any other exception is raised only after everything has ended, so that no other result is lost.
    """
    results = await asyncio.gather(*work, return_exceptions=True)
    outcomes: list[T | ImageRouterError] = []
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, ImageRouterError):
            raise result
        outcomes.append(result)
    return outcomes
