"""Downloads from a host that cheats: each is refused or read within its limits."""

import io
from collections.abc import Awaitable, Callable
from contextlib import aclosing

import pytest

from imagerouter_mcp.addresses import Policy
from imagerouter_mcp.fetch import Fetcher, FetchError

Row = Callable[[str, str, str], None]
Answering = Callable[..., Awaitable[str]]

SECTION = "Downloads"
LIMIT = 2**20
OK = b"HTTP/1.1 200 OK\r\n"
FOUND = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nConnection: close\r\nLocation: "
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
BROKEN = "the connection failed"
REFUSED: list[tuple[str, bytes, str]] = [
    ("chunks of one byte", CHUNKED + b"1\r\nx\r\n" * 20_000, "it arrives in too many small chunks"),
    (
        "chunks of one byte after large ones",
        CHUNKED + (b"8000\r\n" + bytes(2**15) + b"\r\n") * 28 + b"1\r\nx\r\n" * 5_000,
        "it arrives in too many small chunks",
    ),
    ("a length that is longer than the body", OK + b"Content-Length: 99\r\n\r\nx", BROKEN),
    ("a length of 19 digits", OK + b"Content-Length: " + b"9" * 19 + b"\r\n\r\nx", "it is larger than"),
    ("two lengths", OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", BROKEN),
    ("a chunk of a length of 20 digits", CHUNKED + b"f" * 20 + b"\r\nx", BROKEN),
    ("trailers without an end", CHUNKED + b"1\r\nx\r\n0\r\n" + b"X: y\r\n" * 50_000, BROKEN),
    ("a head without an end", OK + b"X: " + b"a" * LIMIT, BROKEN),
    ("a status of four digits", b"HTTP/1.1 2000 OK\r\n\r\nx", BROKEN),
    (
        "304, although nothing is known yet",
        b"HTTP/1.1 304 Not Modified\r\n\r\n",
        "it answers with status 304",
    ),
    ("another protocol in the middle", b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n", BROKEN),
    ("gzip within the chunks", OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", BROKEN),
    ("a redirect without an address", FOUND.replace(b"Location: ", b"X: ") + b"\r\n\r\n", "it answers with"),
    ("a redirect to itself", FOUND + b"/\r\n\r\n", "it redirects more than 5 times"),
    ("a redirect to nothing", FOUND + b"\r\n\r\n", "it redirects more than 5 times"),
    ("a redirect to 80,000 letters", FOUND + b"/" + b"a" * 80_000 + b"\r\n\r\n", "it is not a web address"),
    (
        "a redirect to half a surrogate pair",
        FOUND + b"http://\xed\xa0\x80/\r\n\r\n",
        "it is not a web address",
    ),
    ("a redirect to a port of five nines", FOUND + b"http://a:99999/\r\n\r\n", "it is not a web address"),
]
"""What comes, and how the reason begins."""
READ: list[tuple[str, bytes, int]] = [
    ("a length that is shorter than the body", OK + b"Content-Length: 1\r\n\r\nxyz", 1),
    ("2,000 times 100 before the answer", b"HTTP/1.1 100 Continue\r\n\r\n" * 2000 + OK + b"\r\n", 0),
    ("a header that sends browsers elsewhere", OK + b"Refresh: 0; url=http://10.0.0.1/\r\n\r\nx", 1),
    ("trailers that ask for another reading", CHUNKED + b"1\r\nx\r\n0\r\nContent-Encoding: br\r\n\r\n", 1),
    ("a type of 60,000 letters", OK + b"Content-Type: " + b"a" * 60_000 + b"\r\n\r\nx", 1),
]
"""What comes, and how many bytes are kept."""


async def download(url: str) -> int:
    async with aclosing(Fetcher(Policy(allow_private=True), 5)) as fetcher:
        return await fetcher.download(url, io.BytesIO(), max_bytes=LIMIT, seconds=20)


@pytest.mark.parametrize(("tried", "sent", "expected"), REFUSED, ids=[each[0] for each in REFUSED])
async def test_a_download_that_cheats_is_refused(
    *, answering: Answering, row: Row, tried: str, sent: bytes, expected: str
) -> None:
    with pytest.raises(FetchError) as caught:
        await download(await answering(sent))
    assert caught.value.reason.startswith(expected)
    assert len(caught.value.reason) < 200
    row(SECTION, tried, f"{expected} …")


@pytest.mark.parametrize(("tried", "sent", "size"), READ, ids=[each[0] for each in READ])
async def test_what_goes_beyond_an_answer_changes_nothing(
    *, answering: Answering, row: Row, tried: str, sent: bytes, size: int
) -> None:
    assert await download(await answering(sent)) == size
    row(SECTION, tried, "only the body counts")
