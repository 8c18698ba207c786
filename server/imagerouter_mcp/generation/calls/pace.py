"""Decide whose turn it is to send: a few at once, calls in turn, never faster than the account may."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio

from imagerouter_mcp.api.rate import RateLimits
from imagerouter_mcp.errors import NotSentError


@dataclass(frozen=True, slots=True)
class _Place:
    """One request in the queue, and what reports how many are before it."""

    turn: asyncio.Future[None]
    on_wait: Callable[[int], None]


class Pace:
    """The queue of one process.

    A call with several requests takes turns with other calls, so that a call for one picture does not wait
    for eight of another.

    Args:
        at_once: How many requests may be under way.
        rate: The account's rate limit, as far as it is known.
    """

    def __init__(self, at_once: int, rate: RateLimits) -> None:
        self._free = at_once
        self._rate = rate
        self._waiting: deque[tuple[str, deque[_Place]]] = deque()
        self._stopped = False

    @asynccontextmanager
    async def turn(self, call: str, on_wait: Callable[[int], None]) -> AsyncGenerator[None]:
        """Wait for a turn and keep it until the block ends.

        Args:
            call: The handle of the call.
            on_wait: Called with the number of requests before this one when it has to wait, and again when
                that changes; if a call has several waiting, the first one's is called.

        Raises:
            NotSentError: The server is ending and sends nothing more.
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
        """Give no more turns; those who wait for one get an error."""
        self._stopped = True
        for _, line in self._waiting:
            for place in line:
                if not place.turn.done():
                    place.turn.set_exception(_ending())
        self._waiting.clear()

    async def _enter(self, call: str, on_wait: Callable[[int], None]) -> None:
        if self._stopped:
            raise _ending()
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line_of(call).append(_Place(turn, on_wait))
        self._report()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._leave()  # the turn had just been given
            raise

    def _line_of(self, call: str) -> deque[_Place]:
        for waiting, line in self._waiting:
            if waiting == call:
                return line
        line: deque[_Place] = deque()
        self._waiting.append((call, line))
        return line

    def _report(self) -> None:
        """Report to each waiting call how many turns come before its next."""
        for before, (_, line) in enumerate(self._waiting):
            if not line[0].turn.done():
                line[0].on_wait(before)

    def _leave(self) -> None:
        """Pass the turn on to the next call."""
        while self._waiting:
            call, line = self._waiting.popleft()
            place = line.popleft()
            if line:
                self._waiting.append((call, line))
            if not place.turn.done():
                place.turn.set_result(None)
                self._report()
                return
        self._free += 1


def _ending() -> NotSentError:
    return NotSentError("This server is ending and sends nothing more.", "Ask again in a moment.")
