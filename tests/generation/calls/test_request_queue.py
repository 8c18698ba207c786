"""Whose turn it is to send, and when the account may ask again."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from imagerouter_mcp.api.rate_limit import RateLimit
from imagerouter_mcp.errors import NotSentError
from imagerouter_mcp.generation.calls.rate_limit_wait import RateLimitWait
from imagerouter_mcp.generation.calls.request_queue import RequestQueue


class Line:
    """Calls that want their turns, what they were told, and the order in which they got them."""

    def __init__(self, at_once: int, limit: RateLimit | None = None) -> None:
        self.queue = RequestQueue(at_once, RateLimitWait(limit or RateLimit()))
        self.turns: list[str] = []
        self.told: list[tuple[str, int]] = []
        self._open = asyncio.Event()

    async def want(self, call: str, person: str = "Anna") -> "asyncio.Task[None]":
        """Let a call of a person stand in the line."""
        task = asyncio.create_task(self._turn(call, person))
        await asyncio.sleep(0)
        return task

    async def finish(self, *tasks: "asyncio.Task[None]") -> None:
        """Let everybody who has a turn be done with it."""
        self._open.set()
        await asyncio.gather(*tasks)

    async def _turn(self, call: str, person: str) -> None:
        async with self.queue.turn(person, call, lambda before: self.told.append((call, before))):
            self.turns.append(call)
            await self._open.wait()


async def test_a_call_of_many_takes_its_turns_between_those_of_others() -> None:
    line = Line(1)
    tasks = [await line.want(call) for call in ("many", "many", "many", "few", "many", "one")]
    await line.finish(*tasks)
    assert line.turns == ["many", "many", "few", "one", "many", "many"]
    assert [before for call, before in line.told if call == "one"] == [2, 1, 0]
    assert [before for call, before in line.told if call == "few"][:4] == [1, 1, 1, 0]


async def test_nobody_waits_for_all_that_another_person_asks_for() -> None:
    line = Line(1)
    wanted = [
        ("a", "Anna"),
        *((f"a{n}", "Anna") for n in range(4)),
        ("b", "Ben"),
        ("b", "Ben"),
        ("c", "Carl"),
    ]
    tasks = [await line.want(call, person) for call, person in wanted]
    told = dict(line.told)
    await line.finish(*tasks)
    assert line.turns == ["a", "a0", "b", "c", "a1", "b", "a2", "a3"]
    assert told == {"a0": 0, "a1": 3, "a2": 5, "a3": 6, "b": 1, "c": 2}


async def test_so_many_have_their_turn_at_once_and_no_more() -> None:
    line = Line(3)
    tasks = [await line.want(str(number)) for number in range(5)]
    assert line.turns == ["0", "1", "2"]
    await line.finish(*tasks)
    assert line.turns == ["0", "1", "2", "3", "4"]
    later = Line(3)
    later.queue = line.queue
    tasks = [await later.want(str(number)) for number in range(5)]
    assert later.turns == ["0", "1", "2"]
    await later.finish(*tasks)


async def test_who_leaves_the_line_keeps_nobody_waiting() -> None:
    line = Line(1)
    first, leaving, last = [await line.want(call) for call in ("first", "leaving", "last")]
    leaving.cancel()
    await line.finish(first, last)
    assert line.turns == ["first", "last"]


async def test_a_turn_that_was_given_to_somebody_who_leaves_is_passed_on() -> None:
    line = Line(1)
    first, leaving, last = [await line.want(call) for call in ("first", "leaving", "last")]
    first.cancel()
    await asyncio.sleep(0)  # the turn passes to the second, which has not run yet
    leaving.cancel()
    for left in (first, leaving):
        with suppress(asyncio.CancelledError):
            await left
    await asyncio.wait_for(line.finish(last), 60)
    assert line.turns[-1] == "last"


async def test_a_failure_within_a_turn_ends_it() -> None:
    queue = RequestQueue(1, RateLimitWait(RateLimit()))
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            async with queue.turn("Anna", "call", lambda _: None):
                raise ZeroDivisionError


async def test_a_server_that_ends_gives_no_more_turns_and_lets_the_present_ones_be() -> None:
    line = Line(1)
    first, waiting = [await line.want(call) for call in ("first", "waiting")]
    line.queue.stop()
    late = await line.want("late")
    for refused in (waiting, late):
        with pytest.raises(NotSentError, match="sends nothing more"):
            await refused
    await line.finish(first)
    assert line.turns == ["first"]


async def _seconds(work: Callable[[], Awaitable[object]]) -> float:
    clock = asyncio.get_running_loop().time
    began = clock()
    await work()
    return clock() - began


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (429, {"retry-after": "0.2"}),
        (429, {"retry-after": "0.2", "ratelimit-remaining": "5"}),
        (200, {"ratelimit-remaining": "0", "ratelimit-reset": "0.2"}),
    ],
)
async def test_nobody_has_a_turn_before_the_account_may_ask_again(
    status: int, headers: dict[str, str]
) -> None:
    limit = RateLimit()
    limit.learn(status, headers)
    line = Line(4, limit)

    async def both() -> None:
        await line.finish(await line.want("one"), await line.want("other"))

    assert 0.15 < await _seconds(both) < 2
    assert line.told == [("one", 0), ("other", 0)]
