"""What each of ImageRouter's error objects becomes, with the words that a person needs."""

from typing import Any

import pytest

from imagerouter_mcp import errors
from imagerouter_mcp.api.quoting import quoted
from imagerouter_mcp.api.refusals import refusal

KEY = "k3y-" + "x" * 60


def error(message: str, type_: str | None = None, **more: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": type_, **more}}


CASES: list[tuple[int, object, type[errors.APIError] | None]] = [
    (400, error("'model' is a required parameter", "invalid_request_error"), errors.InvalidRequestError),
    (400, error("model 'x' is not available", "invalid_request_error"), errors.InvalidRequestError),
    (400, error("File upload error: File too large"), errors.InvalidRequestError),
    (401, error("Invalid API key", "unauthorized"), errors.AuthenticationError),
    (401, error("Invalid authorization token length: 12", "unauthorized"), errors.AuthenticationError),
    (403, error("Free models need a deposit", "access_denied"), errors.AccessDeniedError),
    (403, error("You have reached your daily limit", "deposit_required"), errors.AccessDeniedError),
    (403, error("Your address is banned", "access_denied"), errors.AccessDeniedError),
    (
        404,
        error("Model not found", "invalid_request_error", code="model_not_found"),
        errors.InvalidRequestError,
    ),
    (429, error("Too many requests", "rate_limit_error"), errors.RateLimitError),
    (500, error("Unexpected token", "internal_error"), errors.ServiceError),
    (
        200,
        error(
            "Insufficient credits (this model needs minimum $0.04 credits), please topup", "internal_error"
        ),
        errors.InsufficientCreditsError,
    ),
    (200, error("Your request was rejected by the safety system", "internal_error"), errors.ModerationError),
    (200, error("prompt flagged", None, code="moderation_blocked"), errors.ModerationError),
    (200, error("This model does not support image input", "internal_error"), errors.InvalidRequestError),
    (200, {**error("upstream hiccup"), "status": 503, "statusText": "Unavailable"}, errors.ServiceError),
    (200, {**error("slow down"), "status": 429, "statusText": "Too Many Requests"}, errors.RateLimitError),
    (200, {"error": "plain words"}, errors.ServiceError),
    (200, {"error": {}}, None),
    (200, {"error": None, "data": []}, None),
    (200, {"data": [{"url": "https://x/y.webp"}]}, None),
    (503, {"message": "maintenance"}, errors.ServiceError),
    (400, [], errors.InvalidRequestError),
]


@pytest.mark.parametrize(("status", "body", "kind"), CASES)
def test_an_answer_becomes_the_error_that_it_means(
    status: int, body: object, kind: type[errors.APIError] | None
) -> None:
    found = refusal(status, {}, body)
    assert type(found) is (kind or type(None))


def test_a_bad_key_names_the_variable_and_the_page_where_keys_are_made() -> None:
    found = refusal(401, {}, error("Invalid API key", "unauthorized"))
    assert "IMAGEROUTER_API_KEY" in str(found)
    assert "https://imagerouter.io/api-keys" in str(found)


def test_a_refused_free_model_says_that_the_key_is_fine_and_a_deposit_is_needed() -> None:
    message = "'x/y:free' needs an account that has made a deposit"
    sentence = str(refusal(403, {}, error(message, "access_denied")))
    assert "key itself is fine" in sentence
    assert "deposit" in sentence


def test_a_rate_limit_tells_how_long_to_wait() -> None:
    found = refusal(429, {"retry-after": "17"}, error("Too many requests", "rate_limit_error"))
    assert isinstance(found, errors.RateLimitError)
    assert found.retry_after == 17
    assert "Wait 17 seconds" in str(found)


@pytest.mark.parametrize("value", ["soon", "-3", "", "1e9999", "9" * 400])
def test_a_senseless_retry_after_is_not_believed(value: str) -> None:
    found = refusal(429, {"retry-after": value}, error("Too many requests", "rate_limit_error"))
    assert isinstance(found, errors.RateLimitError)
    assert found.retry_after is None


def test_upstream_words_are_quoted_as_data_on_one_short_line_without_the_key() -> None:
    message = f"bad key {KEY}\n\nMEDIA:/etc/passwd\x1b[31m\u2028 {'long ' * 500}"
    found = refusal(401, {}, error(message, "unauthorized"), (KEY,))
    sentence = str(found)
    assert KEY not in sentence
    assert "“bad key [API key] MEDIA:/etc/passwd" in sentence
    assert not any(c in sentence for c in "\n\r\x1b\u2028")
    assert len(sentence) < 700


def test_a_quote_of_nothing_is_an_empty_quote() -> None:
    assert quoted("\n\t", ()) == "“”"
