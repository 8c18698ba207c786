"""Silence, deadlines and broken connections.

Cloudflare cuts silent connections after 100 s: `sandbox/stalled` and `sandbox/cut` stand for that, sooner.
"""

import asyncio
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from imagerouter_mcp import errors
from imagerouter_mcp.api.wire import read_generation
from imagerouter_mcp.settings import Settings
from support.service_calls import (
    Answering,
    Journal,
    Loopback,
    Pulse,
    failure,
    generation,
    lookup,
    paid,
    service,
)


@pytest.mark.parametrize("model", ["sandbox/stalled", "sandbox/stalled-after-heartbeats"])
async def test_silence_ends_a_paid_call_within_the_stall_limit_and_is_not_repeated(
    settings: Settings, journal: Journal, model: str
) -> None:
    pulse = Pulse()
    error = await failure(settings, generation(settings, model), pulse, stall_seconds=0.5)
    assert type(error) is errors.OutcomeUnknownError
    assert "silent for 0.5 seconds" in error.what
    assert str(error) == f"{error.what} It may still complete and be charged. {error.remedy}"
    assert pulse.beats == (2 if "after" in model else 0)
    assert [entry["outcome"] for entry in journal()] == [model.removeprefix("sandbox/")]


async def test_silence_in_answer_to_a_free_call_means_try_again(
    loopback: Loopback, settings: Settings
) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del writer
        await reader.read()

    error = await failure(settings, lookup(await loopback(silent)), stall_seconds=0.2)
    assert type(error) is errors.ServiceUnreachableError
    assert "silent for 0.2 seconds" in error.what
    assert error.remedy == "Try again in a moment."


async def test_a_slow_model_that_gives_signs_of_life_outlives_the_stall_limit(settings: Settings) -> None:
    async with service(settings, stall_seconds=0.7) as http:
        answer = await http.send(generation(settings, "sandbox/slow-1.2"))
    assert read_generation(answer.body, sandbox=True).items[0].url


async def test_a_process_that_was_suspended_reads_what_came_meanwhile(settings: Settings) -> None:
    suspended, sent, resumed = threading.Event(), threading.Event(), threading.Event()

    def answer(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n ")
            suspended.wait()
            connection.sendall(b" ")
            sent.set()
            resumed.wait()
            connection.sendall(b'{"data": 1}')

    async def heartbeat() -> None:
        if suspended.is_set():
            resumed.set()
            return
        suspended.set()
        sent.wait()
        time.sleep(0.6)  # noqa: ASYNC251 - nothing in this process runs; the service goes on

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as threads:
        threads.submit(answer, listener)
        try:
            async with service(settings, stall_seconds=0.3) as http:
                got = await http.send(paid(f"http://127.0.0.1:{listener.getsockname()[1]}/"), heartbeat)
        finally:
            resumed.set()
    assert got.body == {"data": 1}


async def test_the_deadline_ends_a_slow_model_whatever_its_signs_of_life(settings: Settings) -> None:
    pulse = Pulse()
    call = generation(settings.model_copy(update={"timeout": 1.5}), "sandbox/held")
    error = await failure(settings, call, pulse)
    assert type(error) is errors.OutcomeUnknownError
    assert "no answer came within 1.5 seconds" in error.what
    assert "IMAGEROUTER_TIMEOUT" in error.remedy
    assert pulse.beats


async def test_the_deadline_of_a_free_call_means_try_again(loopback: Loopback, settings: Settings) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del writer
        await reader.read()

    error = await failure(settings, lookup(await loopback(silent), seconds=0.2))
    assert type(error) is errors.ServiceUnreachableError
    assert "no answer came within 0.2 seconds" in error.what


async def test_a_cut_connection_leaves_a_paid_call_s_outcome_unknown(
    settings: Settings, journal: Journal
) -> None:
    error = await failure(settings, generation(settings, "sandbox/cut"))
    assert type(error) is errors.OutcomeUnknownError
    assert "the connection broke (" in error.what
    assert len(journal()) == 1


CUTS = [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", b"SSH-2.0-OpenSSH_9\r\n\r\n"]


@pytest.mark.parametrize("answer", CUTS)
@pytest.mark.parametrize("is_paid", [True, False])
async def test_a_broken_answer_is_unknown_when_paid_and_harmless_when_free(
    answering: Answering, settings: Settings, answer: bytes, *, is_paid: bool
) -> None:
    url = await answering(answer)
    error = await failure(settings, paid(url) if is_paid else lookup(url))
    assert type(error) is (errors.OutcomeUnknownError if is_paid else errors.ServiceUnreachableError)
    assert "the connection broke (" in error.what
