"""Limit how many file descriptors source images take, so that paid results can always be stored."""

import os
from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import cached_property

import anyio

from imagerouter_mcp.descriptor_limit import descriptor_limit
from imagerouter_mcp.errors import NotSentError

_RESERVE = 8
"""Descriptors that storing an answer needs at most: a connection, the picture's file, the database's."""
_ONE_CALL = 2 * 17
"""Descriptors of one call: 16 sources and a mask, each with its original while it is prepared."""


class Descriptors:
    """Hands out descriptors to calls, first come, first served."""

    def __init__(self) -> None:
        self._line = anyio.Lock()
        self._returned = anyio.Event()
        self._taken = 0

    @asynccontextmanager
    async def sources(self, count: int) -> AsyncGenerator[None]:
        """Wait until this many source images may be open, and hold their descriptors during the block.

        Args:
            count: Number of images, a mask included.
        """
        needed = min(2 * count, self._share)
        async with self._line:
            while self._taken + needed > self._share:
                self._returned = anyio.Event()
                await self._returned.wait()
            self._taken += needed
        try:
            yield
        finally:
            self._taken -= needed
            self._returned.set()

    @contextmanager
    def reserve(self) -> Generator[None]:
        """Reserve during the block the descriptors that storing an answer will need.

        Raises:
            NotSentError: Too many files are open.
        """
        with ExitStack() as held:
            try:
                for _ in range(_RESERVE):
                    held.callback(os.close, os.open(os.devnull, os.O_RDONLY))
            except OSError as error:
                raise NotSentError(
                    f"The result could not be stored: {error.strerror or error}.",
                    "Ask again when fewer calls run, or let the server open more files (`ulimit -n`).",
                ) from None
            yield

    @cached_property
    def _share(self) -> int:
        """Most descriptors for source images: a quarter, the same share as for client connections."""
        return max(descriptor_limit() // 4, _ONE_CALL)
