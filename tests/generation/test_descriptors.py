"""How many files are open at once, and that what was paid for can always be stored."""

import asyncio
import resource
from collections.abc import Iterator

import pytest

from imagerouter_mcp.errors import NotSentError
from imagerouter_mcp.generation.descriptors import Descriptors


@pytest.fixture
def few() -> Iterator[int]:
    """A process with 256 descriptors, as on macOS."""
    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, usual[1]))
    yield 256
    resource.setrlimit(resource.RLIMIT_NOFILE, usual)


async def test_sources_of_many_calls_leave_most_descriptors_to_others(few: int) -> None:
    descriptors, held, most = Descriptors(), 0, 0

    async def edit() -> None:
        nonlocal held, most
        async with descriptors.sources(16):
            held += 2 * 16
            most = max(most, held)
            await asyncio.sleep(0)
            held -= 2 * 16

    await asyncio.gather(*(edit() for _ in range(50)))
    assert 2 * 16 <= most <= few / 3
    assert held == 0


async def test_who_leaves_the_line_keeps_nobody_waiting(few: int) -> None:
    del few
    descriptors = Descriptors()
    async with descriptors.sources(40):
        waiting = asyncio.create_task(_take(descriptors))
        await asyncio.sleep(0)
        waiting.cancel()
        after = asyncio.create_task(_take(descriptors))
    await asyncio.wait_for(after, 60)
    assert waiting.cancelled()


async def _take(descriptors: Descriptors) -> None:
    async with descriptors.sources(40):
        pass


def test_nothing_is_sent_whose_answer_could_not_be_stored(few: int) -> None:
    opened = [open("/dev/null", "rb") for _ in range(2)]  # noqa: SIM115, PTH123 - closed below
    try:
        while len(opened) < few:
            opened.append(open("/dev/null", "rb"))  # noqa: SIM115, PTH123 - as above
    except OSError:
        opened.pop().close()
    try:
        with pytest.raises(NotSentError, match="Too many open files"), Descriptors().reserve():
            pass
    finally:
        for file in opened:
            file.close()
    with Descriptors().reserve():
        pass
