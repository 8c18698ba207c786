"""What is sent, where, and on which connection."""

import asyncio
import re

import pytest

from imagerouter_mcp import __version__
from imagerouter_mcp.api.http import Call
from imagerouter_mcp.sandbox.service import accounts
from imagerouter_mcp.settings import Settings
from support.service_calls import Answering, Journal, Loopback, lookup, paid, raw, service


async def test_the_key_goes_along_only_where_it_is_asked_for(settings: Settings, journal: Journal) -> None:
    async with service(settings) as http:
        await http.send(lookup(f"{settings.base_url}/v1/models"))
        await http.send(Call("GET", f"{settings.base_url}/v1/credits", 10))
    assert [entry["authorized"] for entry in journal()] == [False, True]


async def test_every_request_names_this_program_and_its_version(settings: Settings, journal: Journal) -> None:
    async with service(settings) as http:
        await http.send(lookup(f"{settings.base_url}/v1/models"))
    assert journal()[0]["user_agent"] == f"imagerouter-mcp/{__version__}"


async def test_the_authorization_header_is_the_key_as_a_bearer(
    answering: Answering, settings: Settings
) -> None:
    heard: list[bytes] = []
    url = await answering(raw(b"{}"), heard=heard)
    async with service(settings) as http:
        await http.send(paid(url))
    assert f"\r\nAuthorization: Bearer {accounts.KEY}\r\n".encode() in heard[0]


async def test_calls_in_a_row_share_one_connection(loopback: Loopback, settings: Settings) -> None:
    connections: list[int] = []

    async def patient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(0)
        while True:
            await reader.readuntil(b"\r\n\r\n")
            connections[-1] += 1
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n  {}")
            await writer.drain()

    url = await loopback(patient)
    async with service(settings) as http:
        for _ in range(3):
            await http.send(lookup(url))
    assert connections == [3]


@pytest.mark.parametrize("read_before_closing", [False, True])
async def test_an_idle_connection_that_is_closed_as_the_next_request_arrives_loses_no_request(
    loopback: Loopback, settings: Settings, *, read_before_closing: bool
) -> None:
    answered: list[bytes] = []

    async def one_request_each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answered.append(await request_line(reader))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n  {}")
        await writer.drain()
        if read_before_closing:
            await request_line(reader)
        else:
            await reader.read(1)
            writer.transport.abort()

    url = await loopback(one_request_each)
    async with service(settings) as http:
        for call in (lookup(url), lookup(url), paid(url), paid(url), lookup(url)):
            assert (await http.send(call)).body == {}
    assert [line.split()[0] for line in answered] == [b"GET", b"GET", b"POST", b"POST", b"GET"]


async def test_a_paid_call_through_a_proxy_has_a_connection_of_its_own(
    loopback: Loopback, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections: list[list[bytes]] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests: list[bytes] = []
        connections.append(requests)
        while True:
            requests.append((await request_line(reader)).split()[0])
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n  {}")
            await writer.drain()

    monkeypatch.setenv("HTTP_PROXY", await loopback(proxy))
    url = "http://service.invalid/v1"
    async with service(settings) as http:
        for call in (lookup(url), paid(url), paid(url), lookup(url)):
            await http.send(call)
    assert connections == [[b"GET", b"GET"], [b"POST"], [b"POST"]]


async def request_line(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    await reader.readexactly(int(length[1]) if length else 0)
    return head.splitlines()[0]


@pytest.mark.parametrize(
    ("header", "ours"),
    [
        ("Server: imagerouter-sandbox", True),
        ("Server: cloudflare", False),
        ("X-Server: imagerouter-sandbox", False),
    ],
)
async def test_only_the_server_header_says_that_it_was_the_sandbox(
    answering: Answering, settings: Settings, header: str, *, ours: bool
) -> None:
    url = await answering(raw(b'{"sandbox": true, "server": "imagerouter-sandbox"}', header))
    async with service(settings) as http:
        assert (await http.send(lookup(url))).sandbox is ours


async def test_the_running_sandbox_says_so(settings: Settings) -> None:
    async with service(settings) as http:
        assert (await http.send(lookup(f"{settings.base_url}/v1/models"))).sandbox
