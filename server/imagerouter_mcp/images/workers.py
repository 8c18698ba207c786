"""Decode pictures in a few threads, so that even many pictures do not hold up other work."""

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
"""Light work queues by purpose; heavy work, whose thread waits for a child process, has its own queue."""

_THREADS: dict[Queue, int] = {"sources": 1, "previews": 2, "thumbnails": 1, "heavy": 1}
_LIMITERS: RunVar[dict[Queue, CapacityLimiter]] = RunVar("threads that decode")

T = TypeVar("T")


async def decode(
    queue: Queue, picture: Path | BinaryIO | None, work: Callable[..., T], *args: object, **kwargs: object
) -> T:
    """Call a function that decodes a picture, in one of the threads for that.

    Args:
        queue: The queue for light work.
        picture: The picture that decides whether the work is heavy, or None if none is decoded. Nothing else
            may read the file meanwhile.
        work: The function to call.
        args: Arguments of `work`.
        kwargs: Arguments of `work`.
    """
    heavy = picture is not None and await to_thread.run_sync(_is_heavy, picture, limiter=_limiter(queue))
    limiter = _limiter("heavy" if heavy else queue)
    return await to_thread.run_sync(partial(work, *args, **kwargs), limiter=limiter)


def _is_heavy(picture: Path | BinaryIO) -> bool:
    try:
        return is_heavy(inspect(picture))
    except (NotAPictureError, OSError):
        return False  # the work reports this itself


def _limiter(queue: Queue) -> CapacityLimiter:
    try:
        limiters = _LIMITERS.get()
    except LookupError:
        limiters: dict[Queue, CapacityLimiter] = {
            name: CapacityLimiter(threads) for name, threads in _THREADS.items()
        }
        _LIMITERS.set(limiters)
    return limiters[queue]
