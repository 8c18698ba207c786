"""One request to ImageRouter: every answer and every silence that the service is known for.

What is not tested here, and why:

- Cloudflare's cut of a silent connection after 100 s: `sandbox/stalled` and `sandbox/cut` stand for both of
  its halves, in less time.
- The rate limits' arithmetic (by address, by balance): it is the service's; a 429 is a 429.
- Malformed JSON from us: nothing here writes any; a body that is no object is answered with the same 500.
- The 100 MB answer that `MAX_ANSWER_BYTES` lets pass: the constant is lowered instead.
- Result bytes of another type than was asked for, addresses of other hosts, broken base64: they are an
  answer like any other here, and `generation.deliver` deals with them.
- A failed TLS handshake with a bad certificate: a plain port in place of TLS fails at the same place.
"""

import asyncio
import json
import logging
import re
import socket
import threading
import time
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from imagerouter_mcp import __version__, errors
from imagerouter_mcp.api import http as http_module
from imagerouter_mcp.api.http import Call, ServiceHTTP
from imagerouter_mcp.api.wire import read_generation
from imagerouter_mcp.fetch import http_client, tls_context
from imagerouter_mcp.sandbox.service import accounts
from imagerouter_mcp.settings import KEYS_PAGE, Settings
from patience import until

Journal = Callable[[], list[dict[str, Any]]]
Answering = Callable[..., Awaitable[str]]
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Loopback = Callable[[Script], Awaitable[str]]

FREE_MODEL = "black-forest-labs/FLUX-1-schnell:free"


@asynccontextmanager
async def service(settings: Settings, **changes: object) -> AsyncGenerator[ServiceHTTP]:
    settings = settings.model_copy(update=changes)
    async with http_client() as http:
        yield ServiceHTTP(http, settings.key, settings.stall_seconds)


def posted(settings: Settings, body: object) -> Call:
    url = f"{settings.base_url}/v1/openai/images/generations"
    return Call("POST", url, settings.timeout or 10, paid=True, content={"json": body})


def generation(settings: Settings, model: str = "test/test", **fields: object) -> Call:
    return posted(settings, {"model": model, "prompt": "a red fox", **fields})


def lookup(url: str, seconds: float = 10) -> Call:
    return Call("GET", url, seconds, authorized=False)


def paid(url: str, seconds: float = 10) -> Call:
    return Call("POST", url, seconds, paid=True, content={"json": {"model": "test/test"}})


def raw(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Pulse:
    """Counts signs of life."""

    beats = 0

    async def __call__(self) -> None:
        """Count one."""
        self.beats += 1


async def failure(
    settings: Settings, call: Call, heartbeat: Pulse | None = None, **changes: object
) -> errors.ImageRouterError:
    async with service(settings, **changes) as http:
        with pytest.raises(errors.ImageRouterError) as caught:
            await http.send(call, heartbeat or Pulse())
    return caught.value


# Heartbeats, and errors with status 200


async def test_heartbeats_are_signs_of_life_and_do_not_disturb_the_answer(
    settings: Settings, change_sandbox: Callable[..., None]
) -> None:
    pulse = Pulse()
    async with service(settings) as http:
        asking = asyncio.create_task(http.send(generation(settings, "sandbox/held"), pulse))
        await until(lambda: pulse.beats >= 2)
        change_sandbox(held=False)
        answer = await asking
    assert read_generation(answer.body, sandbox=True).items[0].url


async def test_an_answer_at_once_has_no_heartbeat(answering: Answering, settings: Settings) -> None:
    pulse = Pulse()
    async with service(settings) as http:
        answer = await http.send(paid(await answering(raw(b'  {"data": []}'))), pulse)
    assert (answer.body, pulse.beats) == ({"data": []}, 0)


async def test_spaces_inside_an_answer_are_no_heartbeats(answering: Answering, settings: Settings) -> None:
    pulse = Pulse()
    pieces = (b" ", b'{"a":"', b"   ", b'"} ', b"")
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    url = await answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    async with service(settings) as http:
        answer = await http.send(lookup(url), pulse)
    assert (answer.body, pulse.beats) == ({"a": "   "}, 1)


async def test_an_error_with_status_200_and_no_heartbeat_is_a_failure(settings: Settings) -> None:
    pulse = Pulse()
    call = generation(settings, "openai/gpt-image-1.5")
    error = await failure(settings, call, pulse, api_key=SecretStr(accounts.POOR_KEY))
    assert type(error) is errors.InsufficientCreditsError
    assert (error.status, error.error_type, error.charged, pulse.beats) == (200, "internal_error", "no", 0)
    assert "Insufficient credits (this model needs minimum $" in str(error)


async def test_an_error_after_heartbeats_is_the_provider_s_failure(settings: Settings) -> None:
    pulse = Pulse()
    error = await failure(settings, generation(settings, "sandbox/late-error"), pulse)
    assert type(error) is errors.ServiceError
    assert pulse.beats >= 2
    assert "overloaded" in error.what
    assert error.charged == "no"


LATE: list[tuple[dict[str, str], type[errors.APIError], int, str | None]] = [
    ({"model": "sandbox/moderated"}, errors.ModerationError, 200, "moderation_blocked"),
    ({"model": "sandbox/no-credits"}, errors.InsufficientCreditsError, 200, None),
    # `status` and `statusText` beside the error are the provider's.
    ({"model": "sandbox/provider-error"}, errors.ServiceError, 503, None),
    ({"model": "openai/gpt-image-1.5", "size": "7x7"}, errors.InvalidRequestError, 400, None),
]


@pytest.mark.parametrize(("fields", "kind", "status", "code"), LATE)
async def test_what_the_service_notices_late_has_the_type_that_it_means(
    settings: Settings, fields: dict[str, str], kind: type[errors.APIError], status: int, code: str | None
) -> None:
    error = await failure(settings, posted(settings, fields))
    assert type(error) is kind
    assert (error.status, error.code) == (status, code)


# Errors with a status of their own


INVALID: list[tuple[dict[str, Any], str]] = [
    ({}, "'model' is a required parameter"),
    ({"model": "x"}, "model 'x' is not available"),
    (
        {"model": "ir/test-video"},
        "'ir/test-video' is a video model. Please use the video generation endpoint",
    ),
    ({"model": "test/test", "size": "large"}, "'size' must be 'auto' or in the format 'WIDTHxHEIGHT'"),
    ({"model": "test/test", "quality": "best"}, "Invalid enum value. Expected 'auto' | 'low'"),
    ({"model": "test/test", "prompt": "a" * 10_001}, "'prompt' must be 10,000 characters or less"),
    ({"model": FREE_MODEL, "size": "2048x1024"}, "Free models support maximum size of 1024x1024"),
    ({"model": "stabilityai/sd3.5-medium"}, "Available alternative: 'stabilityai/sd3.5'"),
]


@pytest.mark.parametrize(("fields", "words"), INVALID, ids=[words[:30] for _, words in INVALID])
async def test_a_refused_parameter_is_told_in_the_service_s_words(
    settings: Settings, fields: dict[str, Any], words: str
) -> None:
    error = await failure(settings, posted(settings, fields))
    assert type(error) is errors.InvalidRequestError
    assert (error.status, error.error_type, error.charged) == (400, "invalid_request_error", "no")
    assert words in error.what


async def test_an_answer_without_content_type_is_read_as_json(
    answering: Answering, settings: Settings
) -> None:
    heard: list[bytes] = []
    success = await answering(raw(b'{"a": 1}'), heard=heard)
    refused = await answering(raw(b'{"error": {"message": "no"}}', status="400 Bad Request"))
    async with service(settings) as http:
        assert (await http.send(lookup(success))).body == {"a": 1}
    assert type(await failure(settings, lookup(refused))) is errors.InvalidRequestError
    assert len(heard) == 1


KEYS = [
    (accounts.UNKNOWN_KEY, "Invalid API key"),
    (accounts.MANAGEMENT_KEY, "Management API keys cannot be used"),
    (accounts.EXPIRED_JWT, "Invalid or expired JWT token"),
    ("sk-short", "Invalid authorization token length: 8"),
]


@pytest.mark.parametrize(("key", "words"), KEYS)
async def test_a_key_that_is_not_accepted_is_told_with_the_way_to_a_good_one(
    settings: Settings, key: str, words: str
) -> None:
    error = await failure(settings, generation(settings), api_key=SecretStr(key))
    assert type(error) is errors.AuthenticationError
    assert (error.status, error.error_type, error.charged) == (401, "unauthorized", "no")
    assert words in error.what
    assert "IMAGEROUTER_API_KEY" in error.remedy
    assert KEYS_PAGE in error.remedy
    assert key not in str(error)


async def test_a_call_without_the_header_is_an_authentication_error(settings: Settings) -> None:
    url = f"{settings.base_url}/v1/credits"
    error = await failure(settings, Call("GET", url, 10, authorized=False))
    assert type(error) is errors.AuthenticationError
    assert "must be provided as Bearer token" in error.what


async def test_a_free_model_that_wants_a_deposit_leaves_the_key_in_peace(settings: Settings) -> None:
    key = SecretStr(accounts.NEVER_DEPOSITED_KEY)
    error = await failure(settings, generation(settings, FREE_MODEL), api_key=key)
    assert type(error) is errors.AccessDeniedError
    assert (error.status, error.error_type) == (403, "access_denied")
    assert "key itself is fine" in error.what
    assert "Add credits" in error.remedy


async def test_the_daily_limit_of_free_pictures_says_to_come_back_tomorrow(settings: Settings) -> None:
    key = SecretStr(accounts.FREE_LIMIT_KEY)
    error = await failure(settings, generation(settings, FREE_MODEL), api_key=key)
    assert type(error) is errors.DailyLimitError
    assert "Daily limit of 50 free requests" in error.what
    assert "tomorrow" in error.remedy


async def test_a_banned_address_is_denied_access_and_not_asked_for_money(settings: Settings) -> None:
    error = await failure(settings, generation(settings, "sandbox/access-denied"))
    assert type(error) is errors.AccessDeniedError
    assert (error.status, error.error_type) == (403, "access_denied")
    assert "deposit" not in str(error)


@pytest.mark.parametrize("key", [accounts.KEY, accounts.RATE_LIMITED_KEY])
async def test_too_many_requests_tell_how_long_to_wait(settings: Settings, key: str) -> None:
    call = generation(settings, "sandbox/rate-limited")
    error = await failure(settings, call, api_key=SecretStr(key))
    assert type(error) is errors.RateLimitError
    assert (error.status, error.error_type, error.retry_after) == (429, "rate_limit_error", 1)
    assert error.remedy == "Wait 1 seconds, then try again."


async def test_status_500_is_the_service_s_failure(settings: Settings) -> None:
    error = await failure(settings, generation(settings, "sandbox/status-500"))
    assert type(error) is errors.ServiceError
    assert (error.status, error.error_type) == (500, "internal_error")


async def test_a_body_that_is_no_object_is_the_service_s_failure_too(settings: Settings) -> None:
    error = await failure(settings, posted(settings, "a fox"))
    assert type(error) is errors.ServiceError
    assert (error.status, error.error_type) == (500, "internal_error")


async def test_an_unknown_model_is_a_404_with_its_code(settings: Settings) -> None:
    error = await failure(settings, lookup(f"{settings.base_url}/v1/models/nobody/nothing"))
    assert type(error) is errors.InvalidRequestError
    assert (error.status, error.error_type, error.code) == (404, "invalid_request_error", "model_not_found")


async def test_an_unknown_route_is_blamed_on_the_base_url(settings: Settings) -> None:
    error = await failure(settings, lookup(f"{settings.base_url}/api"))
    assert type(error) is errors.UnexpectedResponseError
    assert "status 404" in error.what
    assert "Cannot GET /api" in error.what
    assert "IMAGEROUTER_BASE_URL" in error.remedy


@pytest.mark.parametrize("model", ["sandbox/html-502", "sandbox/html-504"])
async def test_a_gateway_s_page_leaves_a_paid_call_s_outcome_unknown(
    settings: Settings, journal: Journal, model: str
) -> None:
    error = await failure(settings, generation(settings, model))
    assert type(error) is errors.OutcomeUnknownError
    assert error.charged == "unknown"
    assert f"status {model[-3:]}" in error.what
    assert len(journal()) == 1


async def test_a_gateway_that_limits_how_often_one_may_ask_says_how_long_to_wait(
    answering: Answering, settings: Settings
) -> None:
    page = raw(b"<html>Slow down</html>", "Retry-After: 7", status="429 Too Many Requests")
    error = await failure(settings, paid(await answering(page)))
    assert isinstance(error, errors.RateLimitError)
    assert (error.retry_after, error.charged) == (7, "no")


async def test_a_gateway_s_page_in_answer_to_a_free_call_means_try_again(
    answering: Answering, settings: Settings
) -> None:
    url = await answering(raw(b"<html>502</html>", status="502 Bad Gateway"))
    error = await failure(settings, lookup(url))
    assert type(error) is errors.ServiceUnreachableError
    assert "status 502" in error.what
    assert error.charged == "no"


# Answers that are none


async def test_garbage_in_answer_to_a_paid_call_may_have_cost_something(settings: Settings) -> None:
    error = await failure(settings, generation(settings, "sandbox/garbage"))
    assert type(error) is errors.UnexpectedResponseError
    assert error.charged == "unknown"
    assert "not JSON: “]]] The answer is on its way" in error.what


@pytest.mark.parametrize(
    "body", [b"", b" \n ", b"<!DOCTYPE html><title>Just a moment...</title>", b"[" * 100_000, b"\xff\xfe"]
)
async def test_garbage_in_answer_to_a_free_call_costs_nothing(
    answering: Answering, settings: Settings, body: bytes
) -> None:
    error = await failure(settings, lookup(await answering(raw(body))))
    assert type(error) is errors.UnexpectedResponseError
    assert error.charged == "no"
    assert len(str(error)) < 400


async def test_a_body_that_cannot_be_unpacked_is_a_broken_connection(
    answering: Answering, settings: Settings
) -> None:
    url = await answering(raw(b"not gzip", "Content-Encoding: gzip"))
    assert type(await failure(settings, paid(url))) is errors.OutcomeUnknownError


async def test_a_redirect_is_not_followed_for_the_key_would_go_with_it(
    answering: Answering, settings: Settings
) -> None:
    heard: list[bytes] = []
    elsewhere = await answering(raw(b"{}"), heard=heard)
    url = await answering(raw(b"Moved", f"Location: {elsewhere}/v1", status="308 Permanent Redirect"))
    error = await failure(settings, paid(url))
    assert type(error) is errors.UnexpectedResponseError
    assert "IMAGEROUTER_BASE_URL" in error.remedy
    assert heard == []


@pytest.mark.parametrize(("is_paid", "charged"), [(True, "unknown"), (False, "no")])
async def test_an_answer_that_is_too_large_is_read_no_further(
    loopback: Loopback, settings: Settings, monkeypatch: pytest.MonkeyPatch, *, is_paid: bool, charged: str
) -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n{")
        while True:
            writer.write(b"A" * 65_536)
            await writer.drain()

    monkeypatch.setattr(http_module, "MAX_ANSWER_BYTES" if is_paid else "MAX_LIST_BYTES", 3 * 2**20)
    url = await loopback(endless)
    error = await failure(settings, paid(url) if is_paid else lookup(url))
    assert type(error) is errors.UnexpectedResponseError
    assert "larger than 3 MiB" in error.what
    assert ("response_format=url" in error.remedy) == is_paid
    assert error.charged == charged


async def test_an_answer_of_exactly_the_limit_is_read(
    answering: Answering, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_module, "MAX_ANSWER_BYTES", 12)
    url = await answering(raw(b'{"a": "xyz"}'))
    async with service(settings) as http:
        assert (await http.send(lookup(url))).body == {"a": "xyz"}


# Silence


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
    assert pulse.beats >= 2


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


# Never reached


async def closed_port() -> int:
    """A port where nothing listens any more: the operating system gives it to nobody else so soon."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port


async def test_a_refused_connection_was_never_sent(settings: Settings) -> None:
    error = await failure(settings, paid(f"http://127.0.0.1:{await closed_port()}/v1"))
    assert type(error) is errors.ServiceUnreachableError
    assert error.charged == "no"
    assert "could not be reached at 127.0.0.1" in error.what
    assert "IMAGEROUTER_BASE_URL" in error.remedy


async def test_a_name_that_nobody_knows_was_never_sent(settings: Settings) -> None:
    error = await failure(settings, paid("http://nonexistent.invalid/v1"))
    assert type(error) is errors.ServiceUnreachableError
    assert "could not be reached at nonexistent.invalid" in error.what


async def test_a_failed_tls_handshake_was_never_sent(answering: Answering, settings: Settings) -> None:
    heard: list[bytes] = []
    waiting = await answering(raw(b"{}"), heard=heard)
    for plain in (settings.base_url, waiting):  # the one refuses the handshake, the other says nothing to it
        error = await failure(settings, paid(plain.replace("http://", "https://")), stall_seconds=0.5)
        assert type(error) is errors.ServiceUnreachableError
        assert error.charged == "no"
    assert heard == []


async def test_an_address_that_is_none_is_a_matter_of_configuration(settings: Settings) -> None:
    error = await failure(settings, paid("http://xn--.invalid/v1"))
    assert type(error) is errors.ConfigurationError
    assert "IMAGEROUTER_BASE_URL" in error.remedy


# The key


async def test_without_a_key_the_sentence_tells_where_to_get_one_and_where_to_put_it(
    settings: Settings, journal: Journal
) -> None:
    error = await failure(settings, generation(settings), api_key=None)
    assert type(error) is errors.ConfigurationError
    assert "IMAGEROUTER_API_KEY" in str(error)
    assert KEYS_PAGE == "https://imagerouter.io/api-keys"
    assert KEYS_PAGE in str(error)
    assert journal() == []


@pytest.mark.parametrize(
    "key", ["two words", "line\nbreak", "ключ", "schlüssel", "nul\0", "tab\t", "\x7f", ""]
)
async def test_a_key_that_can_be_none_is_a_matter_of_configuration(
    settings: Settings, journal: Journal, key: str
) -> None:
    error = await failure(settings, generation(settings), api_key=SecretStr(key))
    assert type(error) is errors.ConfigurationError
    assert KEYS_PAGE in error.remedy
    assert not key or key not in str(error)
    assert journal() == []


ECHOES = [
    raw(b'{"error": {"message": "no such key: KEY", "type": "unauthorized"}}', status="401 Unauthorized"),
    raw(b'{"error": {"message": "KEY", "code": "KEY"}}'),
    raw(b"<html>You sent KEY</html>", status="502 Bad Gateway"),
    raw(b"<html>You sent KEY</html>", status="404 Not Found"),
    raw(b"you sent KEY"),
    b"KEY is no status line\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n: KEY is no header\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nKEY is no length\r\n",
]


@pytest.mark.parametrize("echo", ECHOES)
async def test_the_key_is_in_no_sentence_even_when_the_service_repeats_it(
    answering: Answering, settings: Settings, echo: bytes
) -> None:
    url = await answering(echo.replace(b"KEY", accounts.KEY.encode()).replace(b"Content-Length: ", b"X: "))
    error = await failure(settings, paid(url))
    assert accounts.KEY not in f"{error} {error!r} {error.what} {error.remedy}"
    assert "[API key]" in str(error)


async def test_the_key_is_in_no_log_no_representation_and_no_traceback(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shown = [repr(settings)]
    for model in ("test/test", "sandbox/cut", "sandbox/status-500", "sandbox/garbage", "nobody/nothing"):
        async with service(settings) as http:
            shown += [repr(http), str(http)]
            try:
                shown.append(repr(await http.send(generation(settings, model))))
            except errors.ImageRouterError as error:
                shown += traceback.format_exception(error)
    shown += [f"{record.name} {record.getMessage()} {record.args}" for record in caplog.records]
    assert any("OutcomeUnknownError" in line for line in shown)
    assert any("httpcore" in line for line in shown)
    assert accounts.KEY not in "\n".join(shown)


# What is sent, and where


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


# Proxies


async def test_a_proxy_of_the_environment_serves_other_hosts_but_never_this_machine(
    answering: Answering, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[bytes] = []
    proxy = await answering(raw(json.dumps({"by": "proxy"}).encode()), heard=heard)
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(variable, proxy)
    port = settings.base_url.rpartition(":")[2]
    async with service(settings) as http:
        direct = [
            await http.send(lookup(f"http://{host}:{port}/v1/models/test/test"))
            for host in ("127.0.0.1", "localhost")
        ]
        proxied = await http.send(lookup("http://service.invalid/v1/models"))
    assert all(answer.sandbox for answer in direct)
    assert proxied.body == {"by": "proxy"}
    assert [head.split(b"\r\n")[0] for head in heard] == [b"GET http://service.invalid/v1/models HTTP/1.1"]


async def test_a_proxy_that_refuses_to_connect_means_never_sent(
    answering: Answering, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = await answering(raw(b"", status="407 Proxy Authentication Required"))
    monkeypatch.setenv("HTTPS_PROXY", refusing)
    error = await failure(settings, paid("https://service.invalid/v1"))
    assert type(error) is errors.ServiceUnreachableError
    assert "407" in error.what


def test_a_certificate_file_that_is_not_there_is_a_matter_of_configuration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tls_context.cache_clear()
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/at/all.pem")
    with pytest.raises(errors.ConfigurationError, match="SSL_CERT_FILE"):
        http_client()
