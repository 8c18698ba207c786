"""Clients that are many, or act as if they were: the others are served all the while."""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from pydantic import SecretStr

from imagerouter_mcp.http_app import sessions
from imagerouter_mcp.sandbox.service.serve import Sandbox
from imagerouter_mcp.settings import Settings
from patience import PATIENCE_SECONDS
from support.http_in_process import served
from support.http_serving import Serving, bare_environment, sandbox_environment, serving
from support.raw_http import HEAD, INITIALIZE, MIB, get, post, send, status

Row = Callable[[str, str, str], None]

SECTION = "Crowds over HTTP"
DESCRIPTORS = 256
"""What macOS gives a process; a quarter of them is for connections."""
RATE = 20
FIRST_TOKEN, SECOND_TOKEN = "first-token-of-two-0123456789abcdef", "second-token-of-two-0123456789abcde"
ACCEPT = {"Accept": "application/json, text/event-stream"}
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "pytest", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
HANDSHAKE = json.loads(INITIALIZE)


def call(tool: str, **arguments: object) -> bytes:
    """A call of the newer protocol, which needs no session."""
    parameters = {"name": tool, "arguments": arguments, "_meta": META}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": parameters}
    named = f"Mcp-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: {tool}\r\n"
    return post(json.dumps(message).encode(), headers=named.encode())


def are_served(server: Serving) -> list[str]:
    """What three who do nothing wrong get: a probe, a client of each protocol."""
    probe, older, newer = (
        get(target=b"/health"),
        post(INITIALIZE, headers=b"Connection: close\r\n"),
        call("list_images"),
    )
    return [status(send(server.url, each)) for each in (probe, older, newer)]


SERVED = ["200"] * 3


@pytest.fixture(scope="module")
def environment(
    session_sandbox: tuple[Sandbox, Any], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    home = tmp_path_factory.mktemp("home")
    return {
        **bare_environment(home),
        **sandbox_environment(session_sandbox[0], home),
        "IMAGEROUTER_HTTP_RATE": "1000",
    }


@pytest.fixture(scope="module")
def server(environment: dict[str, str]) -> Iterator[Serving]:
    """One with few descriptors, without a token."""
    with serving(environment, descriptors=DESCRIPTORS) as running:
        yield running


@pytest.fixture(scope="module")
def guarded(environment: dict[str, str]) -> Iterator[Serving]:
    with serving({**environment, "IMAGEROUTER_MCP_TOKEN": FIRST_TOKEN}) as running:
        yield running


@pytest.fixture(scope="module")
def slow(environment: dict[str, str]) -> Iterator[Serving]:
    """One whose clients may make few requests."""
    with serving({**environment, "IMAGEROUTER_HTTP_RATE": str(RATE)}) as running:
        yield running


@contextmanager
def connected(server: Serving, count: int, first: bytes) -> Generator[list[socket.socket]]:
    """So many connections at once, on each of which something was sent."""
    parts = urlsplit(server.url)
    with ExitStack() as stack:
        opened: list[socket.socket] = []
        for _ in range(count):
            each = stack.enter_context(
                socket.create_connection((parts.hostname or "", parts.port or 0), timeout=PATIENCE_SECONDS)
            )
            each.sendall(first)
            opened.append(each)
        yield opened


def ends(connection: socket.socket) -> bool:
    """Whether the server closes a connection soon."""
    connection.settimeout(PATIENCE_SECONDS)
    try:
        while connection.recv(65_536):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


UNFINISHED: list[tuple[str, bytes]] = [
    ("connections on which nothing is sent", b""),
    ("half heads", HEAD),
    ("half bodies", post(b"{", length=100)),
    ("half bodies in chunks", HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"),
    (
        "half uploads without a signature",
        b"PUT /uploads/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n",
    ),
]


@pytest.mark.parametrize(("tried", "first"), UNFINISHED, ids=[each[0] for each in UNFINISHED])
def test_the_longest_idle_connection_gives_way(server: Serving, row: Row, tried: str, first: bytes) -> None:
    with connected(server, 150, first) as opened:
        assert are_served(server) == SERVED
        assert ends(opened[0]), "it made room for a later one"
    row(
        SECTION,
        f"150 {tried}, where 64 are allowed, all of one address",
        "the oldest are closed; all others are served",
    )


def test_the_longest_listener_gives_way(server: Serving, row: Row) -> None:
    listening = get(
        b"Accept: text/event-stream\r\nMcp-Protocol-Version: 2025-11-25\r\n", target=b"/mcp"
    ).removesuffix(b"\r\n")
    with ExitStack() as stack:
        for _ in range(70):
            began = send(server.url, post(INITIALIZE, headers=b"Connection: close\r\n"))
            (session,) = re.findall(rb"(?i)mcp-session-id: (\w+)", began)
            head = listening + b"Mcp-Session-Id: " + session + b"\r\n\r\n"
            (stream,) = stack.enter_context(connected(server, 1, head))
            assert stream.recv(12) == b"HTTP/1.1 200"
        assert are_served(server) == SERVED
    row(
        SECTION,
        "70 streams of 70 sessions, where 64 connections are allowed",
        "the oldest are closed; all others are served",
    )


def test_with_few_descriptors_beside_many_connections_pictures_are_made_and_edited(
    server: Serving, row: Row
) -> None:
    with connected(server, 225, b""):
        made = send(server.url, call("generate_image", prompt="A fox", model="test/test", again=True))
        (handle,) = set(re.findall(rb'"handle":\s*"(img_\w+)"', made))
        sources = [handle.decode()] * 16
        edited = send(server.url, call("edit_image", prompt="Invert", model="test/test", images=sources[:1]))
        (link,) = set(re.findall(rb'"download_url":\s*"([^"]+)"', edited))
        assert httpx.get(link.decode(), trust_env=False, timeout=60).status_code == 200
    row(SECTION, "225 idle connections beside an edit, with 256 descriptors", "the edit arrives")


@contextmanager
def flooding(server: Serving, data: bytes, connections: int = 4) -> Generator[None]:
    """Send the same request as fast as answers come; begin the block when more came than may at once."""
    parts = urlsplit(server.url)
    answers = iter(range(10 * RATE + 10))
    many, over = threading.Event(), threading.Event()

    def flood() -> None:
        while not over.is_set():
            with (
                suppress(OSError),
                socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as connection,
            ):
                heard = b"HTTP/1.1"
                while heard and not over.is_set():
                    connection.sendall(data)
                    heard = connection.recv(65_536)
                    if next(answers, None) is None:
                        many.set()

    threads = [threading.Thread(target=flood) for _ in range(connections)]
    for each in threads:
        each.start()
    try:
        assert many.wait(PATIENCE_SECONDS)
        yield
    finally:
        over.set()
        for each in threads:
            each.join()


FLOODS: list[tuple[str, bytes]] = [
    ("probes", get(target=b"/health")),
    ("requests for a page that is not there", get(target=b"/nothing")),
    ("calls", call("list_images")),
]


@pytest.mark.parametrize(("tried", "data"), FLOODS, ids=[each[0] for each in FLOODS])
def test_a_flood_keeps_nobody_out(slow: Serving, row: Row, tried: str, data: bytes) -> None:
    with flooding(slow, data):
        assert are_served(slow) == SERVED
    row(SECTION, f"a flood of {tried}, from the address of the others", "all others are served")


def refused(server: Serving, data: bytes) -> tuple[str, bool]:
    """The status of an answer to a request without end, and whether the connection is closed with it."""
    parts = urlsplit(server.url)
    with socket.create_connection(
        (parts.hostname or "", parts.port or 0), timeout=PATIENCE_SECONDS
    ) as connection:
        connection.sendall(data)
        heard = b""
        with suppress(ConnectionError):
            while chunk := connection.recv(65_536):
                heard += chunk
                with suppress(ConnectionError):
                    connection.sendall(b" ")
        return status(heard), b"onnection: close" in heard


DRIPPING = b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"
WITH_TOKEN = f"Authorization: Bearer {FIRST_TOKEN}\r\n".encode()
REFUSED: list[tuple[str, bytes, str]] = [
    ("without the token", HEAD + DRIPPING, "401"),
    ("of another page", HEAD + b"Origin: https://attacker.example\r\n" + WITH_TOKEN + DRIPPING, "403"),
    ("for another host", HEAD.replace(b"localhost", b"attacker.example") + DRIPPING, "421"),
    ("declared to be of 39 MiB", HEAD + WITH_TOKEN + b"Content-Length: 40894464\r\n\r\n{", "413"),
    ("for a link that is none", HEAD.replace(b"/mcp", b"/uploads/x") + DRIPPING, "403"),
]


@pytest.mark.parametrize(("tried", "data", "expected"), REFUSED, ids=[each[0] for each in REFUSED])
def test_the_body_of_a_refused_request_is_not_read(
    guarded: Serving, row: Row, tried: str, data: bytes, expected: str
) -> None:
    assert refused(guarded, data) == (expected, True)
    row(SECTION, f"a body {tried}, which does not end", f"{expected}, then closed")


SMALL_CHUNKS = b"1\r\n \r\n" * 40_000


@pytest.mark.parametrize("sent", [b"", WITH_TOKEN], ids=["refused", "permitted"])
def test_a_body_in_chunks_of_one_byte_keeps_nobody_out(guarded: Serving, row: Row, sent: bytes) -> None:
    heard = send(guarded.url, HEAD + sent + b"Transfer-Encoding: chunked\r\n\r\n", *[SMALL_CHUNKS] * 40)
    assert status(heard) in ({"400"} if sent else {"400", "401"})
    assert status(send(guarded.url, get(target=b"/health"))) == "200"
    row(
        SECTION,
        f"1.6 million chunks of one byte, {'with' if sent else 'without'} the token",
        "400, then closed" if sent else "400 or 401, then closed",
    )


def peak(server: Serving) -> int:
    """MiB that the process had at most."""
    told = Path(f"/proc/{server.process.pid}/status").read_text("ascii")
    return int(re.findall(r"VmHWM:\s+(\d+) kB", told)[0]) // 1024


def arguments(*pieces: bytes) -> bytes:
    """A request of 4 MiB of the same pieces."""
    begin, end = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":', b"}}"
    between = pieces[1] * ((4 * MIB - 200) // len(pieces[1]))
    return begin + pieces[0] + between + pieces[2] + end


BODIES: list[tuple[str, bytes, set[str]]] = [
    ("lists", arguments(b"[", b"[],", b"[]]"), {"413"}),
    ("objects", arguments(b"[", b"{},", b"{}]"), {"413"}),
    ("keys", arguments(b'{"a":1', b',"aaaaaa":1', b"}"), {"413"}),
    ("one text", arguments(b'"', b"a", b'"'), {"400"}),
    ("one text of escapes", arguments(b'"', b"\\u00e9", b'"'), {"400"}),
    ("one number", arguments(b"", b"1", b""), {"400"}),
    ("spaces", arguments(b"1", b" ", b""), {"400"}),
]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system tells no peak of memory")
@pytest.mark.parametrize(("tried", "body", "expected"), BODIES, ids=[each[0] for each in BODIES])
def test_json_of_4_mib_takes_little_memory(
    *, server: Serving, row: Row, tried: str, body: bytes, expected: set[str]
) -> None:
    before = peak(server)
    assert status(send(server.url, post(body))) in expected
    assert peak(server) - before < 64
    assert are_served(server) == SERVED
    row(SECTION, f"4 MiB of JSON: {tried}", f"{' or '.join(expected)}; less than 64 MiB of memory")


@pytest.fixture
async def two_clients(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """Two clients, each with a token of its own, of a server that keeps 10 sessions."""
    monkeypatch.setattr(sessions, "MAX_SESSIONS", 10)
    tokens = (FIRST_TOKEN, SECOND_TOKEN)
    async with served(settings.model_copy(update={"mcp_token": tuple(map(SecretStr, tokens))})) as (links, _):
        one, other = (
            httpx.AsyncClient(
                base_url=links.base_url,
                headers={**ACCEPT, "Authorization": f"Bearer {token}"},
                trust_env=False,
                timeout=60,
            )
            for token in tokens
        )
        async with one, other:
            yield one, other


async def began(client: httpx.AsyncClient) -> dict[str, str]:
    """Begin a session, and return the headers that name it."""
    answer = (await client.post("/mcp", json=HANDSHAKE)).raise_for_status()
    return {"Mcp-Session-Id": answer.headers["mcp-session-id"]}


async def ping(client: httpx.AsyncClient, session: dict[str, str]) -> int:
    message = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
    return (await client.post("/mcp", json=message, headers=session)).status_code


async def test_who_opens_very_many_sessions_loses_their_own(
    two_clients: tuple[httpx.AsyncClient, httpx.AsyncClient], row: Row
) -> None:
    greedy, honest = two_clients
    kept = await began(honest)
    opened = [await began(greedy) for _ in range(30)]
    assert await ping(honest, kept) == 200
    assert await ping(honest, await began(honest)) == 200
    assert [await ping(greedy, opened[n]) for n in (0, -1)] == [404, 200], "the longest idle has ended"
    row(
        SECTION, "three times as many sessions as there may be", "their longest idle end; others begin theirs"
    )


async def test_a_session_that_only_listens_makes_room_too(
    two_clients: tuple[httpx.AsyncClient, httpx.AsyncClient],
) -> None:
    greedy, honest = two_clients
    opened = [await began(greedy) for _ in range(10)]
    async with AsyncExitStack() as listening:
        for session in opened:
            await listening.enter_async_context(greedy.stream("GET", "/mcp", headers=session))
        assert await ping(honest, await began(honest)) == 200
        assert await ping(greedy, opened[0]) == 404


async def call_in(client: httpx.AsyncClient, session: dict[str, str], tool: str, **values: object) -> str:
    """The answer to a call with the id that all of them have."""
    parameters = {"name": tool, "arguments": values}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": parameters}
    answer = await client.post("/mcp", json=message, headers=session, timeout=30)
    return answer.text


async def test_two_requests_with_one_id_each_get_their_answer(
    two_clients: tuple[httpx.AsyncClient, httpx.AsyncClient], change_sandbox: Callable[..., None], row: Row
) -> None:
    change_sandbox(latency_seconds=0.5)
    client, _ = two_clients
    session = await began(client)
    slow, quick = await asyncio.gather(
        call_in(client, session, "generate_image", prompt="A fox", model="test/test"),
        call_in(client, session, "list_images"),
    )
    assert '"generation"' in slow
    assert '"total"' in quick
    assert all('"id":1,' in answer for answer in (slow, quick))
    row(SECTION, "two requests of a session with the same id", "each gets its own answer")


async def test_a_request_with_the_id_of_one_that_was_abandoned_gets_its_own_answer(
    two_clients: tuple[httpx.AsyncClient, httpx.AsyncClient], change_sandbox: Callable[..., None], row: Row
) -> None:
    change_sandbox(latency_seconds=0.5)
    client, _ = two_clients
    session = await began(client)
    parameters = {"name": "generate_image", "arguments": {"prompt": "A fox", "model": "test/test"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": parameters}
    async with client.stream("POST", "/mcp", json=message, headers=session):
        pass
    collected = await call_in(client, session, "list_images")
    assert '"total"' in collected
    row(SECTION, "a request with the id of one that was abandoned", "it gets its own answer")


async def test_a_cancelled_request_ends_by_the_id_that_its_client_gave(
    two_clients: tuple[httpx.AsyncClient, httpx.AsyncClient], change_sandbox: Callable[..., None]
) -> None:
    change_sandbox(latency_seconds=5)
    client, _ = two_clients
    session = await began(client)
    answer = asyncio.create_task(
        call_in(client, session, "generate_image", prompt="A fox", model="test/test")
    )
    cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    while not answer.done():
        await client.post("/mcp", json=cancelled, headers=session)
        await asyncio.wait([answer], timeout=0.1)
    assert "Request cancelled" in await answer
    assert '"id":1,' in await answer


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such limit")
@pytest.mark.parametrize("hard", [512, 100_000])
def test_the_limit_of_descriptors_is_raised_as_far_as_it_can_be(hard: int) -> None:
    script = (
        "from resource import *; from imagerouter_mcp.descriptor_limit import *;"
        "_, hard = getrlimit(RLIMIT_NOFILE);"
        f"hard = min({hard}, hard); setrlimit(RLIMIT_NOFILE, (256, hard));"
        "raise_descriptor_limit(); print(descriptor_limit() == min(hard, WANTED))"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603 - our own command
    assert ended.stdout == "True\n"
