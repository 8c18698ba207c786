"""Requests that are too large, too slow, ambiguous or broken: each is refused, and the next one is served."""

import asyncio
import gzip
import re
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from imagerouter_mcp.gallery.entries import Metadata, StoredImage
from imagerouter_mcp.gallery.signed_links import Links
from imagerouter_mcp.http_app import connections, json_bodies, upload_page
from imagerouter_mcp.sandbox.service.serve import Sandbox
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import App
from patience import wait_until
from support.http_in_process import served
from support.http_serving import Serving, bare_environment, sandbox_environment, serving
from support.raw_http import HEAD, INITIALIZE, MIB, chunked, get, post, send, status

Row = Callable[[str, str, str], None]

SECTION = "Headers and bodies over HTTP"
SECRET = "link-secret-of-this-test-0123456789abcdef"  # noqa: S105 - it guards nothing


@pytest.fixture(scope="module")
def server(
    session_sandbox: tuple[Sandbox, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Serving]:
    home = tmp_path_factory.mktemp("home")
    environment = {
        **bare_environment(home),
        **sandbox_environment(session_sandbox[0], home),
        "IMAGEROUTER_LINK_SECRET": SECRET,
        "IMAGEROUTER_HTTP_RATE": "1000",
    }
    with serving(environment) as running:
        yield running


def is_served(server: Serving) -> bool:
    """Whether a client that does nothing wrong is served now."""
    return b'"serverInfo"' in send(server.url, post(INITIALIZE, headers=b"Connection: close\r\n"))


CHUNKS = b"Transfer-Encoding: chunked\r\n\r\n"
TRAILED = HEAD + CHUNKS + b"2\r\n{}\r\n0\r\n"
HEADERS: list[tuple[str, bytes, set[str]]] = [
    ("a header of 1 MiB", get(b"X: " + b"a" * MIB + b"\r\n"), {"400", "closed"}),
    ("100,000 headers", get(*(b"X-%d: 1\r\n" % n for n in range(100_000))), {"400", "closed"}),
    ("a target of 1 MiB", get(target=b"/" + b"a" * MIB), {"400", "closed"}),
    ("a header name of 1 MiB", get(b"a" * MIB + b": 1\r\n"), {"400", "closed"}),
    ("two hosts", get(b"Host: attacker.example\r\n"), {"400"}),
    ("no host", get(host=b""), {"400"}),
    ("no host, in HTTP/1.0", b"GET /mcp HTTP/1.0\r\n\r\n", {"421"}),
    ("an empty host", get(host=b"Host: \r\n"), {"421"}),
    ("a host that a page rebound", get(host=b"Host: attacker.example\r\n"), {"421"}),
    ("a host that begins like ours", get(host=b"Host: localhost.attacker.example\r\n"), {"421"}),
    ("a host that ends like ours", get(host=b"Host: attacker.example:80@localhost\r\n"), {"421"}),
    ("a host with a user before it", get(host=b"Host: localhost@attacker.example\r\n"), {"421"}),
    ("a host with a port of letters", get(host=b"Host: localhost:http\r\n"), {"421"}),
    ("our address in another spelling", get(host=b"Host: 2130706433\r\n"), {"421"}),
    ("the origin of another page", get(b"Origin: https://attacker.example\r\n"), {"403"}),
    ("the origin `null`", get(b"Origin: null\r\n"), {"403"}),
    ("an origin that begins like ours", get(b"Origin: http://localhost.attacker.example\r\n"), {"403"}),
    ("an origin with a user before it", get(b"Origin: http://localhost@attacker.example\r\n"), {"403"}),
    (
        "two origins, one of them ours",
        get(b"Origin: http://localhost\r\nOrigin: https://a.example\r\n"),
        {"403"},
    ),
    (
        "a preflight of another page",
        get(b"Origin: https://a.example\r\n").replace(b"GET", b"OPTIONS"),
        {"403"},
    ),
    ("a zero byte in a header", get(b"X: a\0b\r\n"), {"400"}),
    ("a header without a colon", get(b"nothing\r\n"), {"400"}),
    ("a header name with a space", get(b"X Y: 1\r\n"), {"400"}),
    ("a space before the colon", get(b"Content-Length : 5\r\n"), {"400"}),
    ("a header's name of other letters", get("Ünï: 1\r\n".encode()), {"400"}),
    ("a carriage return alone", get(b"X: a\rY: b\r\n"), {"400"}),
    ("no HTTP at all", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200) + b"\r\n\r\n", {"400"}),
    ("HTTP/9.9", b"GET /mcp HTTP/9.9\r\nHost: localhost\r\n\r\n", {"406"}),
    ("the method TRACE", get().replace(b"GET", b"TRACE"), {"405"}),
    ("the method CONNECT", get().replace(b"GET", b"CONNECT"), {"405"}),
    ("a method of 10,000 letters", get().replace(b"GET", b"G" * 10_000), {"405", "400"}),
    ("an upgrade to a web socket", get(b"Connection: Upgrade\r\nUpgrade: websocket\r\n"), {"400", "406"}),
    ("two lengths", post(INITIALIZE, headers=b"Content-Length: 5\r\n"), {"400"}),
    ("a length of -1", post(INITIALIZE, length=-1), {"400"}),
    ("a length of +5", HEAD + b"Content-Length: +5\r\n\r\nhello", {"400"}),
    ("a length of 5e1", HEAD + b"Content-Length: 5e1\r\n\r\nhello", {"400"}),
    ("a length of 21 digits", HEAD + b"Content-Length: " + b"9" * 21 + b"\r\n\r\n", {"400", "413"}),
    ("an encoding that is not chunked", HEAD + b"Transfer-Encoding: gzip\r\n\r\n", {"501", "400"}),
    ("two encodings", HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n", {"501", "400"}),
    (
        "the same encoding in two headers",
        HEAD + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n0\r\n\r\n",
        {"501", "400"},
    ),
    ("an encoding behind a control character", HEAD + b"Transfer-Encoding: \x0bchunked\r\n\r\n", {"400"}),
    ("our name with two dots at its end", get(host=b"Host: localhost..\r\n"), {"421"}),
    ("our name with a part of another address", get(host=b"Host: localhost/attacker\r\n"), {"421"}),
    ("our name with a letter in per cent", get(host=b"Host: loc%61lhost\r\n"), {"421"}),
    ("our name with a dotless i in it", get(host="Host: localhost\u0131\r\n".encode()), {"421"}),
    ("our address with a zone", get(host=b"Host: [::1%25eth0]\r\n"), {"421"}),
    ("two names in one header", get(host=b"Host: localhost, attacker.example\r\n"), {"421"}),
    ("the origin of our name with a path", get(b"Origin: http://localhost:1/\r\n"), {"403"}),
    ("two origins in one header", get(b"Origin: http://localhost http://a.example\r\n"), {"403"}),
    ("HTTP/2 without leave", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {"421"}),
]
"""What is sent, and how it may end."""


@pytest.mark.parametrize(("tried", "sent", "expected"), HEADERS, ids=[tried for tried, *_ in HEADERS])
def test_a_head_that_no_client_sends_is_refused(
    server: Serving, row: Row, tried: str, sent: bytes, expected: set[str]
) -> None:
    ended = status(send(server.url, sent))
    assert ended in expected
    assert is_served(server)
    row(SECTION, f"head: {tried}", f"{' or '.join(sorted(expected))}; the next request is served")


def call(text: str) -> bytes:
    return post(text.encode())


BODIES: list[tuple[str, bytes, set[str]]] = [
    ("5 MiB declared", post(b"", length=5 * MIB), {"413"}),
    ("5 MiB that nobody declared", chunked(*(b" " * MIB for _ in range(5))), {"413"}),
    (
        "a chunk of a length that is no number",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
        {"400", "closed"},
    ),
    (
        "a chunk's length of 1,000 digits",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 1000 + b"\r\n",
        {"400", "closed"},
    ),
    ("nothing", post(b""), {"400"}),
    ("no JSON", call("hello"), {"400"}),
    ("half of a JSON object", post(INITIALIZE[:40]), {"400"}),
    ("5,000 brackets within each other", call("[" * 5_000), {"400"}),
    ("100,000 brackets within each other", call("[" * 100_000), {"413"}),
    ("100,000 objects within each other", call('{"a":' * 100_000 + "1" + "}" * 100_000), {"413"}),
    (
        "a number of 100,000 digits as id",
        call('{"jsonrpc":"2.0","id":' + "9" * 100_000 + ',"method":"ping"}'),
        {"400"},
    ),
    ("NaN as id", call('{"jsonrpc":"2.0","id":NaN,"method":"ping"}'), {"400"}),
    ("bytes that are no text", post(b'{"jsonrpc":"2.0","id":1,"method":"\xff\xfe"}'), {"400"}),
    ("half a surrogate pair", call('{"jsonrpc":"2.0","id":1,"method":"\\ud800"}'), {"400"}),
    (
        "a list of 10,000 requests",
        call("[" + ",".join(['{"jsonrpc":"2.0","id":1,"method":"ping"}'] * 10_000) + "]"),
        {"413"},
    ),
    ("a method that is a number", call('{"jsonrpc":"2.0","id":1,"method":1}'), {"400"}),
    (
        "a gzip bomb of 100 MiB",
        post(gzip.compress(bytes(100 * MIB), 1), headers=b"Content-Encoding: gzip\r\n"),
        {"400"},
    ),
    ("a session that does not exist", post(INITIALIZE, headers=b"Mcp-Session-Id: 0\r\n"), {"404"}),
    (
        "a version that does not exist",
        post(INITIALIZE, headers=b"Mcp-Protocol-Version: 1999-01-01\r\n"),
        {"400"},
    ),
    (
        "another type",
        post(INITIALIZE).replace(b"Content-Type: application/json", b"Content-Type: text/plain"),
        {"400"},
    ),
    ("a chunk's length below nothing", HEAD + CHUNKS + b"-2\r\n{}\r\n0\r\n\r\n", {"400"}),
    ("a chunk's length with 0x", HEAD + CHUNKS + b"0x2\r\n{}\r\n0\r\n\r\n", {"400"}),
    ("a chunk's length with a line", HEAD + CHUNKS + b"0_2\r\n{}\r\n0\r\n\r\n", {"400"}),
    ("a chunk that is longer than it says", HEAD + CHUNKS + b"2\r\n{}XX\r\n0\r\n\r\n", {"400"}),
    ("a chunk with a quoted line break", HEAD + CHUNKS + b'2;x="\r\n0\r\n\r\n"\r\n{}\r\n', {"400"}),
    ("a token among the trailers", TRAILED + b"Host: attacker.example\r\n\r\n", {"400"}),
    ("trailers of 1 MiB", TRAILED + b"X: " + b"a" * MIB + b"\r\n\r\n", {"400", "closed"}),
    ("a form", post(b"a=b").replace(b"application/json\r\nA", b"multipart/form-data\r\nA"), {"400"}),
]


@pytest.mark.parametrize(("tried", "sent", "expected"), BODIES, ids=[tried for tried, *_ in BODIES])
def test_a_body_that_no_client_sends_is_refused(
    server: Serving, row: Row, tried: str, sent: bytes, expected: set[str]
) -> None:
    ended = status(send(server.url, sent))
    assert ended in expected
    assert is_served(server)
    row(SECTION, f"body: {tried}", f"{' or '.join(sorted(expected))}; the next request is served")


def test_no_second_request_hides_in_the_first(server: Serving, row: Row) -> None:
    """A proxy that believes the length, and a server that believes the chunks, see different requests."""
    hidden = b"GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n"
    both = HEAD + f"Content-Length: {len(hidden) + 5}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    heard = send(server.url, both + b"0\r\n\r\n" + hidden)
    assert b'"lacking"' not in heard
    assert is_served(server)
    row(
        SECTION,
        "body: a length and chunks at once, with a request behind them",
        "the hidden request is not served",
    )


def form(*parts: bytes, boundary: bytes = b"x") -> bytes:
    return (
        b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + boundary + b"--\r\n"
    )


FILE = b'Content-Disposition: form-data; name="file"; filename="a.png"\r\n'
FIELD = b'Content-Disposition: form-data; name="a"\r\n\r\n'
MULTIPART = "multipart/form-data; boundary=x"
UPLOADS: list[tuple[str, str, bytes, set[int]]] = [
    ("26 MiB", "image/png", bytes(26 * MIB), {413}),
    ("26 MiB in a form", MULTIPART, form(FILE + b"\r\n" + bytes(26 * MIB)), {413}),
    ("nothing", "image/png", b"", {415}),
    ("text", "image/png", b"root:x:0:0:root:/root:/bin/sh\n" * 10, {415}),
    (
        "a picture's first bytes before a secret",
        "image/png",
        b"\x89PNG\r\n\x1a\n" + b"SECRET=1\n" * 50,
        {415},
    ),
    (
        "a script dressed as a picture",
        "image/svg+xml",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>",
        {415},
    ),
    ("an archive", "application/zip", b"PK\x03\x04" + bytes(500), {415}),
    ("a form without a boundary", "multipart/form-data", form(FILE + b"\r\nx"), {400}),
    ("a form that never ends", MULTIPART, form(FILE + b"\r\nx")[:-6], {400, 415}),
    ("a form that is none", MULTIPART, bytes(1000), {400}),
    ("a form of 10,000 fields", MULTIPART, form(*([FIELD + b"b"] * 10_000)), {400}),
    ("a form of two files", MULTIPART, form(FILE + b"\r\nx", FILE + b"\r\ny"), {400}),
    ("a form with a field of 2 MiB", MULTIPART, form(FIELD + bytes(2 * MIB)), {400}),
    (
        "a form with a part's head of 1 MiB",
        MULTIPART,
        form(b"X: " + b"a" * MIB + b"\r\n" + FILE + b"\r\nx"),
        {400},
    ),
    ("a form without a file", MULTIPART, form(FIELD + b"b"), {415}),
    (
        "a form in an encoding that Python calls undefined",
        f"{MULTIPART}; charset=undefined",
        form(FILE + b"\r\nx"),
        {400},
    ),
    ("a form whose part has no name", MULTIPART, form(b"X: y\r\n\r\nx"), {400}),
    ("a form in bare line feeds", MULTIPART, form(FILE + b"\r\nx").replace(b"\r", b""), {400}),
    ("a form in a form", MULTIPART, form(b"Content-Type: " + MULTIPART.encode() + b"\r\n\r\nx"), {400}),
    (
        "a file's name with a path",
        MULTIPART,
        form(FILE.replace(b"a.png", b"../../../a.png") + b"\r\nx"),
        {415},
    ),
]


@pytest.mark.parametrize(
    ("tried", "media_type", "body", "expected"), UPLOADS, ids=[each[0] for each in UPLOADS]
)
def test_an_upload_that_is_no_picture_leaves_nothing(
    *, server: Serving, row: Row, tried: str, media_type: str, body: bytes, expected: set[int]
) -> None:
    url = Links(server.base, SECRET.encode()).upload("upload_00000000000000cc")
    answer = httpx.post(url, content=body, headers={"Content-Type": media_type}, trust_env=False, timeout=60)
    assert answer.status_code in expected
    assert is_served(server)
    assert httpx.get(url, trust_env=False, timeout=60).status_code == 200, (
        "the link still waits for a picture"
    )
    assert set(answer.json()) == {"error"}, "it says why"
    row(SECTION, f"upload: {tried}", f"{' or '.join(map(str, sorted(expected)))}; nothing is kept")


BROUGHT = ["a" * 65, "a b", "a;b", "ä", "\x1b[31m", "MEDIA:x", "../x", "{}", "%0a", ""]


@pytest.mark.parametrize("brought", BROUGHT)
def test_a_request_id_that_is_no_plain_word_is_replaced(server: Serving, row: Row, brought: str) -> None:
    sent = get(b"X-Request-Id: " + brought.encode("latin-1") + b"\r\n", target=b"/nowhere")
    heard = send(server.url, sent)
    answered = re.search(rb"(?i)\r\nx-request-id: ([0-9a-f]{16})\r\n", heard)
    assert answered or status(heard) == "400"
    assert not brought or brought not in server.said
    row(SECTION, f"head: the request id {brought[:20]!r}", "another one is used" if answered else "400")


def test_no_path_writes_a_line_of_the_log(server: Serving, row: Row) -> None:
    send(server.url, get(target=b"/x%0aINFO%20fake%0d%1b%5b31m%e2%80%ae?signature=secret-of-a-link"))
    wait_until(lambda: "/x?INFO?fake??[31m?" in server.said)
    log = server.said
    assert "secret-of-a-link" not in log
    assert not [line for line in log.splitlines() if line.startswith("INFO")]
    row(
        SECTION,
        "head: a path with line breaks and escape codes",
        "one line of the log, with ? in their place",
    )
    row(SECTION, "head: a signature in the query", "it is not logged")


def test_who_the_client_is_is_believed_of_named_proxies_only(server: Serving, row: Row) -> None:
    lines = len(server.said.splitlines())
    send(server.url, get(b"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n", target=b"/nowhere"))
    assert "203.0.113.9" not in "".join(server.logged(lines + 1))
    row(SECTION, "head: X-Forwarded-For of who is no proxy", "not believed")


PATIENCE = 0.3
"""Seconds that the servers below wait, in place of a quarter of a minute and more."""


@pytest.fixture
async def impatient(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> AsyncGenerator[tuple[Links, App]]:
    """A server in this process, with short times; yields its links and what it works with."""
    for name in ("ARRIVAL_SECONDS", "LINGERING_SECONDS", "TAKING_SECONDS"):
        monkeypatch.setattr(connections, name, PATIENCE)
    async with served(settings) as (links, app):
        yield links, app


async def outcome(url: str, first: bytes, then: bytes = b"") -> str:
    """The status of what the server answers to some bytes and a drip of others, until it closes."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    dripping = asyncio.create_task(_drip(writer, first, then))
    heard = b""
    try:
        async with asyncio.timeout(30 * PATIENCE):
            with suppress(ConnectionError):
                while chunk := await reader.read(65_536):
                    heard += chunk
    finally:
        dripping.cancel()
        writer.close()
    return status(heard)


async def _drip(writer: asyncio.StreamWriter, first: bytes, then: bytes) -> None:
    writer.write(first)
    with suppress(ConnectionError):
        while then:
            writer.write(then)
            await writer.drain()
            await asyncio.sleep(PATIENCE / 10)


SLOW: list[tuple[str, bytes, bytes, str]] = [
    ("nothing is sent", b"", b"", "closed"),
    ("half of a head", HEAD, b"", "closed"),
    ("a head that drips", HEAD, b"X: 1\r\n", "closed"),
    ("a first line that drips", b"GET /", b"a", "closed"),
    ("a body that does not come", HEAD + b"Content-Length: 100\r\n\r\n", b"", "408"),
    ("a body that drips", HEAD + b"Content-Length: 10000\r\n\r\n", b" ", "408"),
    ("chunks that drip", HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", "408"),
    ("a body that waits for leave", HEAD + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n", b"", "100"),
    ("the rest of a refused body drips", post(b"", length=5 * MIB), b" ", "413"),
]


@pytest.mark.parametrize(("tried", "first", "then", "expected"), SLOW, ids=[each[0] for each in SLOW])
async def test_nobody_holds_a_connection_by_being_slow(
    *, impatient: tuple[Links, App], row: Row, tried: str, first: bytes, then: bytes, expected: str
) -> None:
    links, _ = impatient
    assert await outcome(links.base_url, first, then) == expected
    row(SECTION, f"slow: {tried}", "closed" if expected in ("closed", "100") else f"{expected}, then closed")


async def test_bodies_together_take_no_more_than_their_share(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, row: Row
) -> None:
    monkeypatch.setattr(json_bodies, "MAX_HELD_BYTES", 5 * MIB)
    monkeypatch.setattr(upload_page, "MAX_ARRIVING_BYTES", 5 * MIB)
    async with served(settings) as (links, app):
        upload = links.upload(app.uploads.new_name()).removeprefix(links.base_url)
        put = f"PUT {upload} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {2 * MIB}\r\n".encode()
        for what, head, expected in (
            ("bodies", HEAD + f"Content-Length: {2 * MIB}\r\n".encode(), "400"),
            ("uploads with one link", put, "415"),
        ):
            half = head + b"\r\n" + b" " * MIB
            tasks = [asyncio.create_task(outcome(links.base_url, half, b" ")) for _ in range(4)]
            (refused, *_), others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            assert refused.result() == "503"
            for each in others:
                each.cancel()
            whole = head + b"Connection: close\r\n\r\n" + b" " * 2 * MIB
            while (ended := await outcome(links.base_url, whole)) == "503":
                pass
            assert ended == expected
            row(
                SECTION,
                f"many: {what} that together are too large to be held",
                "503; when they are gone, others are served",
            )


async def test_a_slow_upload_leaves_nothing(impatient: tuple[Links, App], row: Row) -> None:
    links, app = impatient
    name = app.uploads.new_name()
    target = links.upload(name).removeprefix(links.base_url).encode()
    head = b"PUT " + target + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000\r\n\r\n"
    assert await outcome(links.base_url, head, b" ") == "408"
    assert app.uploads.find(name) is None
    row(SECTION, "slow: an upload that drips", "408, then closed; nothing is kept")


async def test_a_client_that_does_not_take_its_answer_is_left(
    impatient: tuple[Links, App], row: Row, tmp_path: Path
) -> None:
    links, app = impatient
    large = tmp_path / "large.png"
    large.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(30 * MIB))
    (handle,), _ = app.journal.begin("any", [("p", "m")], again=True)
    record = app.journal.record(handle, [StoredImage(path=large)], (), Metadata(prompt="p", model="m"))
    target = links.download(record.images[0].handle).removeprefix(links.base_url)
    parts = urlsplit(links.base_url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1024)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    await asyncio.sleep(5 * PATIENCE)  # what is tried is to take nothing meanwhile
    taken = 0
    with suppress(ConnectionError):
        while chunk := await reader.read(MIB):
            taken += len(chunk)
    writer.close()
    assert taken < 30 * MIB
    row(SECTION, "slow: 30 MiB are asked for and not taken", "closed")
