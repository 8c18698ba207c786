"""Queue requests: a few are sent at once, and people and their calls take turns."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio

from imagerouter_mcp.errors import NotSentError
from imagerouter_mcp.generation.calls.rate_limit_wait import RateLimitWait


@dataclass(frozen=True, slots=True)
class _Place:
    """One request in the queue, with the callback that reports how many are before it."""

    turn: asyncio.Future[None]
    on_wait: Callable[[int], None]


class _Line:
    """One person's requests in the queue; their calls take turns."""

    def __init__(self) -> None:
        self._places: OrderedDict[str, list[_Place]] = OrderedDict()
        """Requests by the call's handle, the next call first."""

    def __len__(self) -> int:
        return sum(map(len, self._places.values()))

    def __iter__(self) -> Iterator[_Place]:
        return (place for places in self._places.values() for place in places)

    def add(self, call: str, place: _Place) -> None:
        """Put a request behind the others of its call."""
        self._places.setdefault(call, []).append(place)

    def firsts(self) -> list[_Place]:
        """Return the first request of each call, in the order of their turns."""
        return [places[0] for places in self._places.values()]

    def take(self) -> _Place:
        """Remove the next request, and put its call behind the others."""
        call, places = self._places.popitem(last=False)
        if len(places) > 1:
            self._places[call] = places[1:]
        return places[0]


class RequestQueue:
    """The requests of one key in this process.

    People take turns, and so do the calls of each: a call for one picture does not wait for eight of another,
    and nobody waits for all that another person asks for.

    Args:
        at_once: How many requests may be under way.
        wait: Knows how long the service asks the key to wait.
    """

    def __init__(self, at_once: int, wait: RateLimitWait) -> None:
        self._free = at_once
        self._wait = wait
        self._lines: OrderedDict[str, _Line] = OrderedDict()
        """Lines by the person's id, the next person first."""
        self._stopped = False

    @asynccontextmanager
    async def turn(self, person: str, call: str, on_wait: Callable[[int], None]) -> AsyncGenerator[None]:
        """Wait for a turn and keep it until the block ends.

        Args:
            person: The id of the person.
            call: The handle of the call.
            on_wait: Called with the number of requests before this one when it has to wait, and again when
                that changes; if a call has several waiting, the first one's is called.

        Raises:
            NotSentError: The server is shutting down and sends nothing more.
            ConfigurationError: The shared pause cannot be read.
        """
        await self._enter(person, call, on_wait)
        try:
            while (pause := await self._wait.left()) and not self._stopped:
                on_wait(0)
                await anyio.sleep(pause)
            if self._stopped:
                raise _shutting_down()
            try:
                yield
            finally:
                await self._wait.share()
        finally:
            self._leave()

    def stop(self) -> None:
        """Give no more turns; those who wait for one get an error."""
        self._stopped = True
        for line in self._lines.values():
            for place in line:
                if not place.turn.done():
                    place.turn.set_exception(_shutting_down())

    async def _enter(self, person: str, call: str, on_wait: Callable[[int], None]) -> None:
        if self._stopped:
            raise _shutting_down()
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(person, _Line()).add(call, _Place(turn, on_wait))
        self._report()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._leave()  # the turn had just been given
            raise

    def _report(self) -> None:
        """Report to each waiting call how many turns come before its next."""
        lines = list(self._lines.values())
        for number, line in enumerate(lines):
            for own, place in enumerate(line.firsts()):
                # Others get a turn for each of this person's, and one more if they are ahead in line.
                others = sum(
                    min(len(other), own + (n < number)) for n, other in enumerate(lines) if other is not line
                )
                if not place.turn.done():
                    place.on_wait(own + others)

    def _leave(self) -> None:
        """Pass the turn on to the next person's next call."""
        while self._lines:
            person, line = self._lines.popitem(last=False)
            place = line.take()
            if line:
                self._lines[person] = line
            if not place.turn.done():
                place.turn.set_result(None)
                self._report()
                return
        self._free += 1


def _shutting_down() -> NotSentError:
    return NotSentError("This server is shutting down and sends nothing more.", "Ask again in a moment.")
