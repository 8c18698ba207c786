"""The few threads that decode pictures of others, so that no number of pictures keeps other work waiting."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO, Literal, TypeVar

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar

from imagerouter_mcp.images.inspect.binary import NotAPictureError
from imagerouter_mcp.images.inspect.cost import is_heavy
from imagerouter_mcp.images.inspect.inspection import inspect

Queue = Literal["sources", "previews", "thumbnails", "heavy"]
"""Light work waits by its purpose; heavy work, whose thread waits for a child process, by itself."""

_THREADS: dict[Queue, int] = {"sources": 1, "previews": 2, "thumbnails": 1, "heavy": 1}
_LIMITERS: RunVar[dict[Queue, CapacityLimiter]] = RunVar("threads that decode")

T = TypeVar("T")


async def decode(
    queue: Queue, picture: Path | BinaryIO | None, work: Callable[..., T], *args: object, **kwargs: object
) -> T:
    """Call a function that decodes a picture, in the thread whose turn it is.

    Args:
        queue: Where light work waits.
        picture: Whose cost decides whether the work is heavy; nothing else reads the file meanwhile. None for
            work that decodes none.
        work: What to call.
        args: For `work`.
        kwargs: For `work`.
    """
    heavy = picture is not None and await to_thread.run_sync(_is_heavy, picture, limiter=_limiter(queue))
    limiter = _limiter("heavy" if heavy else queue)
    return await to_thread.run_sync(partial(work, *args, **kwargs), limiter=limiter)


def _is_heavy(picture: Path | BinaryIO) -> bool:
    try:
        return is_heavy(inspect(picture))
    except (NotAPictureError, OSError):
        return False  # the work says so itself


def _limiter(queue: Queue) -> CapacityLimiter:
    try:
        limiters = _LIMITERS.get()
    except LookupError:
        limiters: dict[Queue, CapacityLimiter] = {
            name: CapacityLimiter(threads) for name, threads in _THREADS.items()
        }
        _LIMITERS.set(limiters)
    return limiters[queue]
