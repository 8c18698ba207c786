"""Names of others are looked up apart from everything else, a few at a time and not for long."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from imagerouter_mcp.name_lookup import NameLookup
from patience import until


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Names below `silent.invalid` are not answered before the test ends; what was asked for is noted."""
    asked: list[str] = []
    ended = threading.Event()
    real: Callable[..., Any] = socket.getaddrinfo

    def getaddrinfo(host: str, *arguments: Any, **more: Any) -> Any:  # noqa: ANN401 - as the system's
        if not host.endswith("silent.invalid"):
            return real(host, *arguments, **more)
        asked.append(host)
        ended.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr("imagerouter_mcp.name_lookup.getaddrinfo", getaddrinfo)
    yield asked
    ended.set()


async def test_a_name_and_unusual_spellings_of_addresses_are_resolved() -> None:
    lookup = NameLookup()
    assert "127.0.0.1" in await lookup("localhost", 80)
    assert set(await lookup("0x7f.1", 80)) == {"127.0.0.1"}
    assert set(await lookup("::1", 443)) == {"::1"}


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "no such name.invalid", ""])
async def test_what_has_no_address_is_an_error(host: str) -> None:
    with pytest.raises((OSError, UnicodeError)):
        await NameLookup()(host or "\0", 80)


async def test_a_silent_name_is_waited_for_a_short_time_only(silent: list[str]) -> None:
    with pytest.raises(OSError, match=r"was not found within 0\.05 seconds"):
        await NameLookup(seconds=0.05)("a.silent.invalid", 80)
    assert silent == ["a.silent.invalid"]


async def test_names_over_the_limit_are_refused_at_once_and_taken_when_others_have_ended(
    silent: list[str],
) -> None:
    lookup = NameLookup(at_once=2, seconds=30)
    waiting = [asyncio.create_task(lookup(f"{n}.silent.invalid", 80)) for n in range(2)]
    await until(lambda: len(silent) == 2)
    with pytest.raises(OSError, match="too many names"):
        await lookup("localhost", 80)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    with pytest.raises(OSError, match="too many names"):  # the threads are still at work
        await lookup("localhost", 80)
    assert await NameLookup(at_once=1)("localhost", 80)


async def test_each_lookup_makes_room_for_another() -> None:
    lookup = NameLookup(at_once=1)
    for host in ("localhost", "no such name.invalid") * 3:
        try:
            await lookup(host, 80)
        except socket.gaierror as error:
            assert "too many" not in str(error)  # noqa: PT017 - the other half of these succeed


async def test_the_threads_that_others_share_are_not_used(silent: list[str]) -> None:
    lookup = NameLookup(at_once=64, seconds=60)
    waiting = [asyncio.create_task(lookup(f"{n}.silent.invalid", 80)) for n in range(48)]
    await until(lambda: len(silent) == 48)
    async with asyncio.timeout(30):
        assert await asyncio.get_running_loop().getaddrinfo("localhost", 80)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
