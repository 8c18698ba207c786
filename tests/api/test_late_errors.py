"""Heartbeats, and errors that arrive with status 200."""

import asyncio
from collections.abc import Callable

import pytest
from pydantic import SecretStr

from imagerouter_mcp import errors
from imagerouter_mcp.api.wire import read_generation
from imagerouter_mcp.sandbox.service import accounts
from imagerouter_mcp.settings import Settings
from patience import until
from support.service_calls import Answering, Pulse, failure, generation, lookup, paid, posted, raw, service


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
    assert pulse.beats
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
