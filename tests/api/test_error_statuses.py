"""Errors with a status of their own, and what each means.

Not tested: how the service counts requests (a 429 is a 429), and malformed JSON, which nothing here writes.
"""

from typing import Any

import pytest
from pydantic import SecretStr

from imagerouter_mcp import errors
from imagerouter_mcp.api.http import Call
from imagerouter_mcp.sandbox.service import accounts
from imagerouter_mcp.settings import KEYS_PAGE, Settings
from support.service_calls import (
    FREE_MODEL,
    Answering,
    Journal,
    failure,
    generation,
    lookup,
    paid,
    posted,
    raw,
    service,
)

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


async def test_what_a_gateway_says_in_json_is_not_the_service_s_word(
    answering: Answering, settings: Settings
) -> None:
    page = raw(b'{"message": "no upstream"}', status="503 Service Unavailable")
    error = await failure(settings, paid(await answering(page)))
    assert type(error) is errors.OutcomeUnknownError
    assert "no upstream" in error.what


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
