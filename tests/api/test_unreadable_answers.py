"""Answers that are no answers: garbage, redirects, too many bytes.

The limit of 100 MB is lowered here. What the bytes of a result are is for `generation/delivery.py`.
"""

import asyncio

import pytest

from imagerouter_mcp import errors
from imagerouter_mcp.api import http as http_module
from imagerouter_mcp.settings import Settings
from support.service_calls import Answering, Loopback, failure, generation, lookup, paid, raw, service


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
