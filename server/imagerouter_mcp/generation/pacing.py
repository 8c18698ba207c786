"""Whose turn it is to send: so many at once, each call in its turn, and never faster than the account may."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import anyio

from imagerouter_mcp.api.rate import RateLimits
from imagerouter_mcp.errors import NotSentError


class Pace:
    """The queue of one process.

    A call of several requests takes its turns between those of other calls, so that eight pictures for one
    do not keep another from the first.

    Args:
        at_once: How many requests may be under way.
        rate: What is known of the account's limit.
    """

    def __init__(self, at_once: int, rate: RateLimits) -> None:
        self._free = at_once
        self._rate = rate
        self._waiting: deque[tuple[str, deque[asyncio.Future[None]]]] = deque()
        self._stopped = False

    @asynccontextmanager
    async def turn(self, call: str, on_wait: Callable[[int], None]) -> AsyncGenerator[None]:
        """Wait for a turn, and keep it for the block.

        Args:
            call: The handle of the call.
            on_wait: Told how many requests are before this one, when it has to wait.

        Raises:
            NotSentError: The server is to end, and nothing more is sent.
        """
        await self._enter(call, on_wait)
        try:
            while (pause := self._rate.pause()) and not self._stopped:
                on_wait(0)
                await anyio.sleep(pause)
            if self._stopped:
                raise _ending()
            yield
        finally:
            self._leave()

    def stop(self) -> None:
        """Give no more turns; who waits for one is told so."""
        self._stopped = True
        for _, line in self._waiting:
            for place in line:
                if not place.done():
                    place.set_exception(_ending())
        self._waiting.clear()

    async def _enter(self, call: str, on_wait: Callable[[int], None]) -> None:
        if self._stopped:
            raise _ending()
        if self._free:
            self._free -= 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        on_wait(sum(len(line) for _, line in self._waiting) + 1)
        self._line_of(call).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                self._leave()  # the turn had just been given
            raise

    def _line_of(self, call: str) -> deque[asyncio.Future[None]]:
        for waiting, line in self._waiting:
            if waiting == call:
                return line
        line: deque[asyncio.Future[None]] = deque()
        self._waiting.append((call, line))
        return line

    def _leave(self) -> None:
        """Pass the turn on to the next call in the round."""
        while self._waiting:
            call, line = self._waiting.popleft()
            place = line.popleft()
            if line:
                self._waiting.append((call, line))
            if not place.done():
                place.set_result(None)
                return
        self._free += 1


def _ending() -> NotSentError:
    return NotSentError("This server is ending and sends nothing more.", "Ask again in a moment.")
