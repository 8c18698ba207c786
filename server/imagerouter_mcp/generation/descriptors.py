"""Share out the file descriptors of this process, so that what was paid for can always be stored."""

import os
from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import cached_property

import anyio

from imagerouter_mcp.descriptor_limit import descriptor_limit
from imagerouter_mcp.errors import NotSentError

_RESERVE = 8
"""What storing an answer opens at most at once: a connection, the picture's file, the database's files."""
_ONE_CALL = 2 * 17
"""Descriptors of 16 sources and a mask while they are prepared, each with its original."""


class Descriptors:
    """Gives descriptors to calls in turn."""

    def __init__(self) -> None:
        self._line = anyio.Lock()
        self._returned = anyio.Event()
        self._taken = 0

    @asynccontextmanager
    async def sources(self, count: int) -> AsyncGenerator[None]:
        """Wait, first come first served, until so many source images may be open; held until the end.

        Args:
            count: How many there are, a mask included.
        """
        wanted = min(2 * count, self._share)
        async with self._line:
            while self._taken + wanted > self._share:
                self._returned = anyio.Event()
                await self._returned.wait()
            self._taken += wanted
        try:
            yield
        finally:
            self._taken -= wanted
            self._returned.set()

    @contextmanager
    def reserve(self) -> Generator[None]:
        """Keep free during the block what storing an answer needs.

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
                    "Ask again when less is under way, or let the server open more files (`ulimit -n`).",
                ) from None
            yield

    @cached_property
    def _share(self) -> int:
        """How many descriptors source images may take: a quarter, as connections of clients may."""
        return max(descriptor_limit() // 4, _ONE_CALL)
