"""Several things at once, none of which takes the others down."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from anyio import CapacityLimiter, create_task_group

from imagerouter_mcp.errors import ImageRouterError

T = TypeVar("T")


async def abreast(calls: Sequence[Callable[[], Awaitable[T]]], at_once: int) -> list[T | ImageRouterError]:
    """Run calls side by side; each one's result, or the error that it raised, in their order.

    Args:
        calls: What to run.
        at_once: How many at the same time.
    """
    outcomes: dict[int, T | ImageRouterError] = {}
    limiter = CapacityLimiter(at_once)

    async def run(number: int, call: Callable[[], Awaitable[T]]) -> None:
        async with limiter:
            try:
                outcomes[number] = await call()
            except ImageRouterError as error:
                outcomes[number] = error

    async with create_task_group() as tasks:
        for number, call in enumerate(calls):
            tasks.start_soon(run, number, call)
    return [outcomes[number] for number in range(len(calls))]
