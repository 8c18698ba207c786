"""Download of addresses that others chose: followed with care, never for ever, never with the key."""

import asyncio
import gzip
import io
import socket
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from imagerouter_mcp import __version__
from imagerouter_mcp.addresses import Policy
from imagerouter_mcp.api.client import ImageRouterClient
from imagerouter_mcp.api.http import ServiceHTTP
from imagerouter_mcp.fetch import MAX_REDIRECTS, Fetcher, FetchError, http_client
from imagerouter_mcp.settings import Settings

Journal = Callable[[], list[dict[str, Any]]]
Answering = Callable[..., Awaitable[str]]
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Loopback = Callable[[Script], Awaitable[str]]

MANY = 2**24
STALL = 2.0


@asynccontextmanager
async def fetcher(stall_seconds: float = STALL) -> AsyncGenerator[Fetcher]:
    async with aclosing(Fetcher(Policy(allow_private=True), stall_seconds)) as fetch:
        yield fetch


async def fetched(url: str, max_bytes: int = MANY) -> bytes:
    target = io.BytesIO()
    async with fetcher() as fetch:
        count = await fetch.download(url, target, max_bytes=max_bytes, seconds=10)
    assert count == len(target.getvalue())
    return target.getvalue()


async def refused(
    url: str, *, max_bytes: int = MANY, seconds: float = 10, stall_seconds: float = STALL
) -> FetchError:
    async with fetcher(stall_seconds) as fetch:
        with pytest.raises(FetchError) as caught:
            await fetch.download(url, io.BytesIO(), max_bytes=max_bytes, seconds=seconds)
    assert str(caught.value) == caught.value.reason
    return caught.value


async def made(settings: Settings, model: str) -> str:
    """The address of a picture that the sandbox has made."""
    async with http_client() as http:
        api = ImageRouterClient(ServiceHTTP(http, settings.key, STALL), settings)
        answer = await api.generate({"model": model, "prompt": "a fox", "size": "64x64"})
    return answer.items[0].url or ""


def raw(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {size}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def redirect(location: str) -> bytes:
    return raw(b"elsewhere", f"Location: {location}", status="302 Found")


# What arrives


async def test_what_lies_at_an_address_is_fetched_byte_for_byte(answering: Answering) -> None:
    body = bytes(range(256)) * 20_000
    assert await fetched(await answering(raw(body))) == body


async def test_a_made_picture_is_fetched_without_the_key(settings: Settings, journal: Journal) -> None:
    data = await fetched(await made(settings, "test/test"))
    assert data.startswith(b"\xff\xd8\xff")
    entry = journal()[-1]
    assert entry["path"].startswith("/files/")
    assert not entry["authorized"]
    assert entry["user_agent"] == f"imagerouter-mcp/{__version__}"


async def test_no_header_shows_who_asks(answering: Answering) -> None:
    heard: list[bytes] = []
    await fetched(await answering(raw(b"x"), heard=heard))
    lines = heard[0].decode().split("\r\n")[1:]
    names = {line.partition(":")[0].lower() for line in lines if line}
    assert names <= {"host", "accept", "accept-encoding", "connection", "user-agent"}


async def test_a_cookie_that_was_set_is_not_sent_back(loopback: Loopback) -> None:
    heard: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        elsewhere = raw(b"", "Location: /there", "Set-Cookie: who=you; Path=/", status="302 Found")
        writer.write(elsewhere if len(heard) == 1 else raw(b"x"))

    assert await fetched(f"{await loopback(script)}/here") == b"x"
    assert len(heard) == 2
    assert b"cookie" not in heard[1].lower()


async def test_an_empty_body_is_no_failure_here(answering: Answering) -> None:
    assert await fetched(await answering(raw(b""))) == b""


async def test_a_body_without_a_length_ends_with_its_connection(answering: Answering) -> None:
    assert await fetched(await answering(b"HTTP/1.1 200 OK\r\n\r\nall of it")) == b"all of it"


async def test_a_body_of_exactly_the_limit_is_taken(answering: Answering) -> None:
    assert await fetched(await answering(raw(b"12345")), max_bytes=5) == b"12345"


async def test_the_file_is_emptied_before_each_attempt(answering: Answering, tmp_path: Path) -> None:
    url = await answering(
        raw(b"the first and longer part", length=99), raw(b"no", status="503 Busy"), raw(b"whole")
    )
    left: list[bytes] = []
    path = tmp_path / "target"
    with path.open("w+b") as target:
        async with fetcher() as fetch:
            for attempt in range(3):
                try:
                    count = await fetch.download(url, target, max_bytes=MANY, seconds=10)
                    assert (attempt, count) == (2, 5)
                except FetchError as error:
                    assert error.passing  # noqa: PT017 - the third attempt raises nothing
                target.flush()
                left.append(path.read_bytes())
                target.write(b"something that was written after it")
    assert left[1:] == [b"", b"whole"]


# Redirects


async def test_a_redirect_is_followed(settings: Settings, journal: Journal) -> None:
    assert await fetched(await made(settings, "sandbox/url-redirect"))
    assert [entry["status"] for entry in journal()[1:]] == [302, 200]
    assert not any(entry["authorized"] for entry in journal()[1:])


@pytest.mark.parametrize("location", ["/over/there?a=1", "there?a=1", "//{host}/over/there?a=1"])
async def test_a_relative_redirect_is_followed_from_where_it_was_met(
    loopback: Loopback, location: str
) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, host = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:2]
        away = first.startswith("GET /over/here ")
        there = location.format(host=host.removeprefix("Host: "))
        writer.write(redirect(there) if away else raw(first.encode()))

    found = await fetched(f"{await loopback(script)}/over/here")
    assert found == b"GET /over/there?a=1 HTTP/1.1"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_every_kind_of_redirect_is_followed_to_another_host(answering: Answering, status: int) -> None:
    there = await answering(raw(b"here"))
    here = await answering(raw(b"", f"Location: {there}/x", status=f"{status} Moved"))
    assert await fetched(here) == b"here"


async def test_a_loop_of_redirects_is_left(settings: Settings, journal: Journal) -> None:
    error = await refused(await made(settings, "sandbox/url-redirect-loop"))
    assert (error.reason, error.passing) == (f"it redirects more than {MAX_REDIRECTS} times", False)
    assert len(journal()) == 1 + MAX_REDIRECTS + 1


async def test_as_many_redirects_as_allowed_are_followed(answering: Answering) -> None:
    url = await answering(*[redirect("/again")] * MAX_REDIRECTS, raw(b"here"))
    assert await fetched(url) == b"here"


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("file:///etc/passwd", "it is not an http or https address"),
        ("ftp://127.0.0.1/x", "it is not an http or https address"),
        ("gopher://127.0.0.1/x", "it is not an http or https address"),
        ("data:,x", "it is not a web address"),
        ("http://user:s3cret@127.0.0.1/x", "it holds a user name or a password"),
        ("//user@127.0.0.1/x", "it holds a user name or a password"),
        ("http://[", "it redirects to what is not a web address"),
        ("http://127.0.0.1:99999/", "it is not a web address"),
    ],
)
async def test_a_redirect_to_what_may_not_be_fetched_is_not_followed(
    answering: Answering, location: str, reason: str
) -> None:
    error = await refused(await answering(redirect(location)))
    assert (error.reason, error.passing) == (reason, False)


@pytest.mark.parametrize("status", ["302 Found", "304 Not Modified", "300 Multiple Choices"])
async def test_a_redirect_to_nowhere_is_a_status_like_any_other(answering: Answering, status: str) -> None:
    answer = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
    error = await refused(await answering(answer))
    assert (error.reason, error.passing) == (f"it answers with status {status[:3]}", False)


# Refusals


async def test_nothing_there_is_not_worth_another_try(settings: Settings) -> None:
    error = await refused(await made(settings, "sandbox/url-404"))
    assert (error.reason, error.passing) == ("it answers with status 404", False)


async def test_status_503_passes(settings: Settings) -> None:
    url = await made(settings, "sandbox/url-503-once")
    error = await refused(url)
    assert (error.reason, error.passing) == ("it answers with status 503", True)
    assert await fetched(url)


@pytest.mark.parametrize(
    ("status", "passing"),
    [
        (401, False),
        (403, False),
        (408, True),
        (410, False),
        (429, True),
        (500, True),
        (501, False),
        (504, True),
    ],
)
async def test_a_status_tells_whether_another_try_may_help(
    answering: Answering, status: int, *, passing: bool
) -> None:
    error = await refused(await answering(raw(b"", status=f"{status} No")))
    assert (error.reason, error.passing) == (f"it answers with status {status}", passing)


async def test_a_slow_drip_ends_with_its_time(settings: Settings) -> None:
    error = await refused(await made(settings, "sandbox/url-slow"), seconds=0.5)
    assert (error.reason, error.passing) == ("it takes longer than 0.5 seconds", True)


async def test_redirects_share_the_time_of_one_download(answering: Answering, loopback: Loopback) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del writer
        await reader.read()

    error = await refused(await answering(redirect(await loopback(silent))), seconds=0.3)
    assert (error.reason, error.passing) == ("it takes longer than 0.3 seconds", True)


async def test_an_endless_body_ends_at_the_limit(settings: Settings) -> None:
    error = await refused(await made(settings, "sandbox/url-endless"), max_bytes=3 * 2**20)
    assert (error.reason, error.passing) == ("it is larger than 3 MiB", False)


async def test_what_says_that_it_is_too_large_is_not_even_begun(loopback: Loopback) -> None:
    async def announce(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw(b"", length=2**20 + 1))
        await reader.read()

    error = await refused(await loopback(announce), max_bytes=2**20)
    assert (error.reason, error.passing) == ("it is larger than 1 MiB", False)


async def test_a_small_file_that_unpacks_to_a_large_one_is_too_large(answering: Answering) -> None:
    packed = gzip.compress(bytes(4 * 2**20))
    error = await refused(await answering(raw(packed, "Content-Encoding: gzip")), max_bytes=2**20)
    assert (error.reason, error.passing) == ("it is larger than 1 MiB", False)


async def test_nothing_compressed_is_asked_for(answering: Answering) -> None:
    heard: list[bytes] = []
    await fetched(await answering(raw(b"x"), heard=heard))
    assert b"accept-encoding: identity" in heard[0].lower()


@pytest.mark.parametrize(
    "location", ["http://[", "http://[::1", "http://x:99999999/", "http://x\x7f/", "//["]
)
async def test_a_redirect_to_an_invalid_address_is_not_worth_another_try(
    answering: Answering, location: str
) -> None:
    assert not (await refused(await answering(redirect(location)))).passing


async def test_a_body_that_is_cut_short_may_be_whole_the_next_time(settings: Settings) -> None:
    error = await refused(await made(settings, "sandbox/url-truncated"))
    assert error.reason.startswith("the connection failed (")
    assert error.passing


@pytest.mark.parametrize(
    "answer",
    [
        raw(b"less", length=99),
        raw(b"x", length=-1),
        raw(b"", "Content-Length: 5"),
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        raw(b"not packed", "Content-Encoding: gzip"),
        b"SSH-2.0-OpenSSH_9\r\n\r\n",
        b"",
    ],
)
async def test_a_lying_or_broken_answer_is_a_failed_connection(answering: Answering, answer: bytes) -> None:
    error = await refused(await answering(answer))
    assert error.reason.startswith("the connection failed (")
    assert not error.reason.endswith("()")
    assert error.passing


async def test_more_than_was_announced_is_not_taken(answering: Answering) -> None:
    assert await fetched(await answering(raw(b"12345 and more", length=5))) == b"12345"


async def test_a_reset_connection_is_told_in_words(loopback: Loopback) -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw(b"half", length=99))
        await writer.drain()
        connection: socket.socket = writer.get_extra_info("socket")
        # Closed without lingering, TCP says RST in place of FIN.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    error = await refused(await loopback(reset))
    assert error.reason.startswith("the connection failed (")
    assert not error.reason.endswith("()")


@pytest.mark.parametrize("begun", [b"", raw(b"half", length=99)])
async def test_silence_ends_within_the_stall_limit(loopback: Loopback, begun: bytes) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(begun)
        await reader.read()

    error = await refused(await loopback(silent), stall_seconds=0.3)
    assert (error.reason, error.passing) == ("it does not answer", True)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "it is not an http or https address"),
        ("fox.png", "it is not an http or https address"),
        ("//127.0.0.1/x", "it is not an http or https address"),
        ("ftp://127.0.0.1/x", "it is not an http or https address"),
        ("file:///etc/passwd", "it is not an http or https address"),
        ("http://", "it is not an http or https address"),
        ("http:///x", "it is not an http or https address"),
        ("http://[::1", "it is not a web address"),
        ("http://127.0.0.1:port/", "it is not a web address"),
        ("http://127.0.0.1:99999/", "it is not a web address"),
        ("http://127.0.0.1:-1/", "it is not a web address"),
        ("http://127.0.0.1/\0", "it is not a web address"),
        ("http://xn--.invalid/", "it is not a web address"),
        ("http://\ud800.invalid/", "it is not a web address"),
        ("http://127.0.0.1/" + "a" * 70_000, "it is not a web address"),
        ("http://user:s3cret@127.0.0.1/x", "it holds a user name or a password"),
        ("http://user@127.0.0.1/x", "it holds a user name or a password"),
        ("http://:s3cret@127.0.0.1/x", "it holds a user name or a password"),
    ],
)
async def test_what_is_no_plain_web_address_is_not_asked_for(url: str, reason: str) -> None:
    error = await refused(url)
    assert (error.reason, error.passing) == (reason, False)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "http://nonexistent.invalid/x"])
async def test_what_cannot_be_reached_may_be_reached_later(url: str) -> None:
    error = await refused(url)
    assert error.passing
    assert error.reason.startswith("the connection failed (")


async def test_a_failed_download_leaves_its_connection_to_nobody(settings: Settings) -> None:
    good, endless = await made(settings, "test/test"), await made(settings, "sandbox/url-endless")
    async with fetcher() as fetch:
        with pytest.raises(FetchError, match="larger"):
            await fetch.download(endless, io.BytesIO(), max_bytes=2**20, seconds=10)
        target = io.BytesIO()
        await fetch.download(good, target, max_bytes=MANY, seconds=10)
    assert target.getvalue().startswith(b"\xff\xd8\xff")
