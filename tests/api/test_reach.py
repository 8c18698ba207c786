"""How far away a host is, or why it cannot be reached."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable

import pytest

from imagerouter_mcp.api.reach import reach
from imagerouter_mcp.errors import ConfigurationError, ServiceUnreachableError
from imagerouter_mcp.fetch import http_client

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Loopback = Callable[[Script], Awaitable[str]]


async def milliseconds(url: str, seconds: float = 20) -> float:
    async with http_client() as http:
        return await reach(http, url, seconds)


async def test_any_answer_counts_and_its_time_is_told_in_milliseconds(
    answering: Callable[..., Awaitable[str]],
) -> None:
    heard: list[bytes] = []
    url = await answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", heard=heard)
    began = time.perf_counter()
    told = await milliseconds(url)
    took = 1000 * (time.perf_counter() - began)
    assert 0.2 < told < took  # no request takes less, and in seconds it would be less
    assert heard[0].startswith(b"HEAD / ")
    assert b"authorization" not in heard[0].lower()


async def test_a_silent_host_is_given_up_after_its_time(loopback: Loopback) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del writer
        await reader.read()

    with pytest.raises(ServiceUnreachableError, match=r"no answer within 0\.1 seconds"):
        await milliseconds(await loopback(silent), 0.1)


async def test_a_broken_connection_is_told_in_its_own_words(answering: Callable[..., Awaitable[str]]) -> None:
    url = await answering(b"\0\r\n\r\n")
    host = re.escape(url.removeprefix("http://").rstrip("/"))
    with pytest.raises(ServiceUnreachableError, match=rf"^{host} could not be reached: \w+.*firewall"):
        await milliseconds(url)


@pytest.mark.parametrize("url", ["http://[::1", "http://\ud800/"])
async def test_what_is_no_address_is_a_matter_of_configuration(url: str) -> None:
    with pytest.raises(ConfigurationError, match="IMAGEROUTER_BASE_URL"):
        await milliseconds(url)
