"""How many requests are sent at once, how a 429 is waited for, and what is tried again."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager, closing, contextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest

from imagerouter_mcp.generation.calls import calls, send
from imagerouter_mcp.sandbox.service.serve import Sandbox
from imagerouter_mcp.settings import Settings
from patience import until
from support.held_port import held_port

Hosts = Callable[..., AbstractAsyncContextManager[Any]]
Journal = Callable[[], list[dict[str, Any]]]

SMALL = {"model": "sandbox/slow-0.2", "size": "256x256"}
pytestmark = pytest.mark.parametrize("era", ["auto"])  # the protocol has no part in it


@contextmanager
def watched(sandbox: Sandbox) -> Generator[list[int]]:
    """How many generations the service has under way, looked at again and again within the block."""
    seen: list[int] = []

    async def look() -> None:
        while True:
            entries = sandbox.app.state.sandbox.journal.as_json()
            asked = [entry for entry in entries if entry["path"].startswith("/v1/openai/")]
            seen.append(sum(entry["outcome"] in (None, "status 200") for entry in asked))
            await asyncio.sleep(0.005)

    looking = asyncio.create_task(look())
    try:
        yield seen
    finally:
        looking.cancel()


async def test_no_more_requests_are_under_way_than_the_person_allows(
    connect: Hosts, made: Journal, sandbox: Sandbox
) -> None:
    async with connect(concurrency=2) as host:
        with watched(sandbox) as seen:
            told = await host("generate_image", prompt="A fox", n=6, **SMALL)
    assert len(told.fields["images"]) == 6
    assert max(seen) == 2
    assert len(made()) == 6


async def test_a_call_for_eight_does_not_keep_another_from_its_first(
    connect: Hosts, made: Journal, let_go: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "LOOK_SECONDS", 0.02)
    heard: list[str] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        del progress, total
        heard.append(message or "")

    wish = {"model": "sandbox/held", "size": "256x256"}
    async with connect(concurrency=1) as host:
        many = asyncio.create_task(host("generate_image", prompt="many", n=8, **wish))
        await until(made)
        call = host.client.call_tool("generate_image", {"prompt": "one", **wish}, progress_callback=note)
        single = asyncio.create_task(call)
        await until(lambda: any(line.startswith("Waiting for its turn, 1 before it, ") for line in heard))
        let_go()
        one, told = await single, await many
    order = [entry["fields"]["prompt"] for entry in made()]
    assert order.index("one") <= 2
    assert not one.is_error, one.content
    assert len(told.fields["images"]) == 8


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_the_accounts_rate_is_kept_and_every_picture_arrives(
    connect: Hosts, made: Journal, change_sandbox: Callable[..., None], concurrency: int
) -> None:
    change_sandbox(rate_limit=1, rate_window_seconds=1)
    async with connect(concurrency=concurrency) as host:
        told = await host("generate_image", prompt="A fox", n=2, model="sandbox/slow-0", size="256x256")
    statuses = [entry["status"] for entry in made()]
    assert len(told.fields["images"]) == 2, told.text
    assert statuses.count(200) == 2
    assert statuses.count(429) <= (0 if concurrency == 1 else 1), "the headers had told"


async def test_a_429_is_waited_for_as_long_as_it_says(
    connect: Hosts, made: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send, "RETRY_SECONDS", (0.0, 0.0, 0.0))
    clock = asyncio.get_running_loop().time
    async with connect() as host:
        began = clock()
        told = await host("generate_image", prompt="A fox", model="sandbox/rate-limited-once", size="256x256")
    assert not told.failed, told.text
    assert clock() - began > 0.9
    assert [entry["status"] for entry in made()] == [429, 200]
    assert any("trying again" in line or "Waiting for its turn" in line for line in told.progress)


async def test_a_429_for_ever_is_given_up_after_some_tries(
    connect: Hosts, made: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send, "RETRY_SECONDS", (0.0, 0.0))
    async with connect() as host:
        told = await host("generate_image", prompt="A fox", model="sandbox/rate-limited", size="256x256")
        listed = (await host("spending")).fields
    assert told.fields["error"]["kind"] == "rate_limit"
    assert told.fields["error"]["charged"] == "no"
    assert len(made()) == 3
    assert listed["under_way_usd"] == listed["uncertain_usd"] == 0


async def test_a_429_for_longer_than_a_minute_is_told_at_once(
    connect: Hosts, made: Journal, change_sandbox: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send, "RETRY_SECONDS", (0.0, 0.0))
    change_sandbox(rate_limit=1, rate_window_seconds=120)
    async with connect() as host:
        await host("generate_image", prompt="A fox", **SMALL)
        told = await host("generate_image", prompt="A wolf", **SMALL)
    assert told.fields["error"]["kind"] == "rate_limit"
    assert [entry["status"] for entry in made()] == [200, 429]


async def test_a_429_that_names_no_time_is_told_at_once(
    connect: Hosts, made: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send, "RETRY_SECONDS", (0.0, 0.0))
    async with connect() as host:
        told = await host(
            "generate_image", prompt="A fox", model="sandbox/rate-limited-untimed", size="256x256"
        )
    assert told.fields["error"]["kind"] == "rate_limit"
    assert told.fields["error"]["charged"] == "no"
    assert [entry["status"] for entry in made()] == [429]


async def test_a_request_that_waits_to_be_sent_again_counts_as_not_sent(
    connect: Hosts, made: Journal, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send, "RETRY_SECONDS", (30.0,))
    settings.data_dir.mkdir()
    with closing(sqlite3.connect(settings.data_dir / "gallery.sqlite3")) as connection:

        def states() -> list[tuple[str]]:
            return connection.execute("SELECT state FROM journal").fetchall()

        async with connect(grace_seconds=0) as host:
            wish = {"prompt": "A fox", "model": "sandbox/rate-limited-once", "size": "256x256"}
            asking = asyncio.create_task(host("generate_image", **wish))
            await until(made)
            await until(lambda: states() == [("queued",)])
            asking.cancel()
            await asyncio.wait([asking])


async def test_a_refused_connection_is_tried_again_until_the_service_is_there(
    connect: Hosts,
    made: Journal,
    sandbox: Sandbox,
    loopback: Callable[..., Awaitable[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(send, "RETRY_SECONDS", (0.1,) * 50)
    told = list[str]()

    async def note(progress: float, total: float | None, message: str | None) -> None:
        del progress, total
        told.append(message or "")

    wish = {"prompt": "A fox", **SMALL}
    with held_port() as port:
        async with connect(base_url=f"http://127.0.0.1:{port}") as host:
            call = host.client.call_tool("generate_image", wish, progress_callback=note)
            asking = asyncio.create_task(call)
            await until(lambda: any("reached" in line and "trying again" in line for line in told))
            assert not made()
            await loopback(partial(_relay, sandbox), port)
            result = await asking
    assert not result.is_error, result.content
    assert len(made()) == 1


async def _relay(sandbox: Sandbox, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass a connection on to the sandbox."""
    address = urlsplit(sandbox.base_url)
    to_reader, to_writer = await asyncio.open_connection(address.hostname, address.port)
    with closing(to_writer):
        await asyncio.gather(_pass_on(reader, to_writer), _pass_on(to_reader, writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(65536):
        writer.write(piece)
        await writer.drain()
    writer.write_eof()


async def test_a_failed_handshake_is_tried_again_and_costs_nothing(
    connect: Hosts, loopback: Callable[..., Awaitable[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send, "RETRY_SECONDS", (0.0, 0.0, 0.0))
    met: list[bytes] = []

    async def no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.append(await reader.read(1))
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    address = (await loopback(no_tls)).replace("http:", "https:")
    async with connect(base_url=address) as host:
        told = await host("generate_image", prompt="A fox", **SMALL)
        listed = (await host("list_images")).fields
    assert told.fields["error"]["kind"] == "unreachable"
    assert told.fields["error"]["charged"] == "no"
    assert len(met) >= 4
    assert listed["unfinished"] == []
