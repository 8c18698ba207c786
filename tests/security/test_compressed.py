"""Answers that are small on the wire and large once unpacked: they are read no further than a limit."""

import asyncio
import gzip
import io
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable
from contextlib import aclosing

import pytest

from imagerouter_mcp.addresses import Policy
from imagerouter_mcp.api.http import Call, ServiceHTTP
from imagerouter_mcp.errors import UnexpectedResponseError
from imagerouter_mcp.fetch import Fetcher, FetchError, http_client
from imagerouter_mcp.settings import Settings

Row = Callable[[str, str, str], None]
Answering = Callable[..., Awaitable[str]]

SECTION = "Compressed answers"
LIMIT = 2**20
PACKED = gzip.compress(bytes(2**24))
UNREADABLE = {
    "gzip, gzip": gzip.compress(PACKED),
    "gzip, deflate": zlib.compress(PACKED),
    "deflate": zlib.compress(bytes(2**24)),
    "identity, gzip, gzip": gzip.compress(PACKED),
    "br": b"\x1b\xff\xff",
    "zstd": b"\x28\xb5\x2f\xfd",
}


def answer(body: bytes, *encodings: str) -> bytes:
    headers = "".join(f"Content-Encoding: {encoding}\r\n" for encoding in encodings)
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n"
    return head.encode() + body


async def download(url: str) -> int:
    target = io.BytesIO()
    async with aclosing(Fetcher(Policy(allow_private=True), 5)) as fetcher:
        with pytest.raises(FetchError) as caught:
            await fetcher.download(url, target, max_bytes=LIMIT, seconds=20)
    assert not caught.value.passing
    return len(target.getvalue())


@pytest.mark.parametrize("encoding", UNREADABLE)
async def test_a_download_in_layers_is_not_unpacked(answering: Answering, row: Row, encoding: str) -> None:
    assert await download(await answering(answer(UNREADABLE[encoding], encoding))) == 0
    row(SECTION, f"a download with `Content-Encoding: {encoding}`", "refused, nothing unpacked")


async def test_a_layer_in_a_header_of_its_own_counts_too(answering: Answering, row: Row) -> None:
    body = UNREADABLE["gzip, gzip"]
    assert await download(await answering(answer(body, "gzip", "gzip"))) == 0
    row(SECTION, "a download with two headers `Content-Encoding: gzip`", "refused, nothing unpacked")


async def test_a_download_in_one_layer_ends_at_the_limit(answering: Answering, row: Row) -> None:
    url = await answering(answer(gzip.compress(bytes(2**26)), "gzip"))
    tracemalloc.start()
    assert await download(url) <= LIMIT
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 16 * LIMIT, "it is unpacked piece by piece"
    row(SECTION, "a download in gzip that unpacks to more than the limit", "read no further than the limit")


async def test_an_answer_in_one_layer_ends_at_the_limit(
    answering: Answering, settings: Settings, row: Row
) -> None:
    url = await answering(answer(gzip.compress(bytes(2**26)), "gzip"))
    tracemalloc.start()
    async with http_client() as http:
        with pytest.raises(UnexpectedResponseError, match="larger than 16 MiB"):
            await ServiceHTTP(http, settings.key, 5).send(Call("GET", url, 20))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 48 * 2**20, "it is unpacked piece by piece"
    row(SECTION, "an answer in gzip that unpacks to more than the limit", "read no further than the limit")


async def test_an_answer_in_tiny_chunks_leaves_others_their_turn(
    answering: Answering, settings: Settings, row: Row
) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    url = await answering(head + b"1\r\n \r\n" * 20_000 + b"2\r\n{}\r\n0\r\n\r\n")
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    waiting = asyncio.create_task(others())
    async with http_client() as http:
        found = await ServiceHTTP(http, settings.key, 5).send(Call("GET", url, 20))
    waiting.cancel()
    assert found.body == {}
    assert turns > 150
    row(SECTION, "an answer in 20,000 chunks of one byte", "others have their turn")


@pytest.mark.parametrize("encoding", UNREADABLE)
@pytest.mark.parametrize("paid", [True, False])
async def test_an_answer_in_layers_is_not_unpacked(
    answering: Answering, settings: Settings, row: Row, encoding: str, *, paid: bool
) -> None:
    url = await answering(answer(UNREADABLE[encoding], encoding))
    async with http_client() as http:
        service = ServiceHTTP(http, settings.key, 5)
        with pytest.raises(UnexpectedResponseError) as caught:
            await service.send(Call("POST", url, 20, paid=paid))
    assert "compressed" in caught.value.what
    assert caught.value.charged == ("unknown" if paid else "no")
    kind = "a paid" if paid else "a free"
    row(SECTION, f"{kind} call's answer with `Content-Encoding: {encoding}`", "refused, nothing unpacked")
