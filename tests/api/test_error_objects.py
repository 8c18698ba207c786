"""What each of ImageRouter's error objects becomes, what it says about money, and what it advises."""

from decimal import Decimal
from typing import Any

import pytest

from imagerouter_mcp import errors
from imagerouter_mcp.api.error_objects import read_error
from imagerouter_mcp.api.quoting import quoted

KEY = "k3y-" + "x" * 60


def error(message: str, type_: str | None = None, **more: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": type_, **more}}


CASES: list[tuple[int, object, type[errors.APIError] | None]] = [
    (400, error("'model' is a required parameter", "invalid_request_error"), errors.InvalidRequestError),
    (400, error("model 'x' is not available", "invalid_request_error"), errors.InvalidRequestError),
    (400, error("File upload error: File too large"), errors.InvalidRequestError),
    (401, error("Invalid API key", "unauthorized"), errors.AuthenticationError),
    (401, error("Invalid authorization token length: 12", "unauthorized"), errors.AuthenticationError),
    (401, error("Go away"), errors.AuthenticationError),
    (200, error("No such key", "unauthorized"), errors.AuthenticationError),
    (200, {**error("No such key", "unauthorized"), "status": 401}, errors.ServiceError),
    (402, error("Payment required"), errors.InsufficientCreditsError),
    (400, error("It was refused", code="moderation_blocked"), errors.ModerationError),
    (400, error("The provider timed out"), errors.InvalidRequestError),
    (403, error("Free models need a deposit", "access_denied"), errors.AccessDeniedError),
    (403, error("You have reached your daily limit", "deposit_required"), errors.AccessDeniedError),
    (403, error("Your address is banned", "access_denied"), errors.AccessDeniedError),
    (403, error("Go away"), errors.AccessDeniedError),
    (200, error("Free models need a deposit", "deposit_required"), errors.AccessDeniedError),
    (
        404,
        error("Model not found", "invalid_request_error", code="model_not_found"),
        errors.InvalidRequestError,
    ),
    (429, error("Too many requests", "rate_limit_error"), errors.RateLimitError),
    (500, error("Unexpected token", "internal_error"), errors.ServiceError),
    (
        200,
        error("Insufficient credits (needs $0.04), please topup your ImageRouter account", "internal_error"),
        errors.InsufficientCreditsError,
    ),
    (200, error("Your request was rejected by the safety system", "internal_error"), errors.ModerationError),
    (200, error("prompt flagged", None, code="moderation_blocked"), errors.ModerationError),
    (200, error("This model does not support image input", "internal_error"), errors.InvalidRequestError),
    (200, {**error("upstream hiccup"), "status": 503, "statusText": "Unavailable"}, errors.ServiceError),
    (200, {**error("slow down"), "status": 429, "statusText": "Too Many Requests"}, errors.ServiceError),
    (200, error("Upstream rate limit exceeded, too many requests", "internal_error"), errors.ServiceError),
    (200, {**error("Your account has run out"), "status": 402}, errors.ServiceError),
    (200, {**error("Insufficient credits.", "insufficientCredits")}, errors.ServiceError),
    (200, {**error("Invalid API key"), "status": 401, "statusText": "Unauthorized"}, errors.ServiceError),
    (
        200,
        {**error("No picture came"), "status": 406},
        errors.ModerationError,
    ),
    (200, error("It was refused", "invalidProviderContent"), errors.ModerationError),
    (200, {**error("Task processing timeout"), "status": 400}, errors.ServiceError),
    (200, {**error("Prompt must be 2 to 3000 characters"), "status": 400}, errors.InvalidRequestError),
    (200, {**error("field required", "fal_error"), "status": 422}, errors.ServiceError),
    (200, {**error("out of memory", "failed"), "status": "failed"}, errors.ServiceError),
    (400, error("'x' is no longer available. Use 'y'", "invalid_request_error"), errors.InvalidRequestError),
    (400, error("model 'a/timeout' is not available"), errors.InvalidRequestError),
    (429, error("Daily limit of 3 free requests reached.", "rate_limit_error"), errors.DailyLimitError),
    (200, {"error": "plain words"}, errors.ServiceError),
    (200, {"error": {}}, None),
    (200, {"error": None, "data": []}, None),
    (200, {"data": [{"url": "https://x/y.webp"}]}, None),
    (503, {"message": "maintenance"}, errors.ServiceError),
    (399, {"message": "go on"}, None),
    (499, {"message": "closed"}, errors.InvalidRequestError),
    (400, [], errors.InvalidRequestError),
]


@pytest.mark.parametrize(("status", "body", "kind"), CASES)
def test_an_answer_becomes_the_error_that_it_means(
    status: int, body: object, kind: type[errors.APIError] | None
) -> None:
    found = read_error(status, {}, body)
    assert type(found) is (kind or type(None))


def test_a_bad_key_names_the_variable_and_the_page_where_keys_are_made() -> None:
    found = read_error(401, {}, error("Invalid API key", "unauthorized"))
    assert "IMAGEROUTER_API_KEY" in str(found)
    assert "https://imagerouter.io/api-keys" in str(found)


def test_a_refused_free_model_says_that_the_key_is_fine_and_a_deposit_is_needed() -> None:
    message = "'x/y:free' needs an account that has made a deposit"
    sentence = str(read_error(403, {}, error(message, "access_denied")))
    assert "key itself is fine" in sentence
    assert "deposit" in sentence


def test_a_rate_limit_tells_how_long_to_wait() -> None:
    found = read_error(429, {"retry-after": "17"}, error("Too many requests", "rate_limit_error"))
    assert isinstance(found, errors.RateLimitError)
    assert found.retry_after == 17
    assert "Wait 17 seconds" in str(found)


@pytest.mark.parametrize("value", ["soon", "-3", "", "1e9999", "9" * 400])
def test_a_senseless_retry_after_is_not_believed(value: str) -> None:
    found = read_error(429, {"retry-after": value}, error("Too many requests", "rate_limit_error"))
    assert isinstance(found, errors.RateLimitError)
    assert found.retry_after is None


def test_upstream_words_are_quoted_as_data_on_one_short_line() -> None:
    message = f"bad key\n\nMEDIA:/etc/passwd\x1b[31m\u2028 {'long ' * 500}"
    found = read_error(401, {}, error(message, "unauthorized"))
    sentence = str(found)
    assert "“bad key MEDIA:/etc/passwd" in sentence
    assert not any(c in sentence for c in "\n\r\x1b\u2028")
    assert len(sentence) < 700


def test_a_quote_of_nothing_is_an_empty_quote() -> None:
    assert quoted("\n\t") == "“”"


RETURNED = {"latency": 2013}
"""A body with a latency comes from an adapter that returned the error instead of throwing it."""
DATABASE = "Invalid `prisma.user.update()` invocation: credits: { %s: Int }"

ODD: list[object] = [-1, 10**6, float("inf"), float("nan"), 10**400, "0.04", True, [0.04], {}]
MONEY: dict[str, tuple[int, object, str, str | None]] = {
    "an amount": (200, {**error("crashed"), **RETURNED, "cost": 0.04}, "yes", "0.04"),
    "an amount with a status": (
        200,
        {**error("no"), "status": 504, "cost": 1e-4},
        "yes",
        "0.0001",
    ),
    "an amount that reads like a limit": (200, {**error("rate limit"), "cost": 0.2}, "yes", "0.2"),
    "an amount for refused content": (200, {**error("flagged"), "cost": 0.0134}, "yes", "0.0134"),
    "an amount of 0": (200, {**error("crashed"), **RETURNED, "cost": 0}, "no", None),
    "no usage row": (200, error("Failed to postlog usage for a/b 0-0", "internal_error"), "kept", None),
    "no refund": (200, error("Failed to refund usage for a/b 0-0", "internal_error"), "kept", None),
    "thrown": (200, error("Unexpected token '<'", "internal_error"), "no", None),
    "thrown by a busy provider": (200, {**error("slow down"), "status": 429}, "no", None),
    "thrown by OpenAI": (200, error("slow", "requests", code="rate_limit_exceeded"), "no", None),
    "returned without a cost": (200, {**error("crashed"), **RETURNED}, "unknown", None),
    "reads like a limit": (200, error("Too many requests upstream", "internal_error"), "unknown", None),
    "words alone": (200, {"error": "it failed"}, "unknown", None),
    "the database, before": (200, error(DATABASE % "decrement", "internal_error"), "no", None),
    "the database, after": (200, error(DATABASE % "increment", "internal_error"), "unknown", None),
    "refused": (400, error("'size' must be 'auto'", "invalid_request_error"), "no", None),
    "too often": (429, error("Too many requests", "rate_limit_error"), "no", None),
    "the service itself": (500, error("Internal server error", "internal_error"), "no", None),
    **{f"an amount of {odd!r:.20}": (200, {**error("crashed"), "cost": odd}, "unknown", None) for odd in ODD},
}


@pytest.mark.parametrize("case", MONEY)
def test_what_is_said_about_money_follows_the_answer_and_not_the_kind_of_error(case: str) -> None:
    status, body, charged, cost = MONEY[case]
    found = read_error(status, {}, body)
    assert found
    assert ("kept" if found.kept else found.charged) == charged
    assert found.cost_usd == (None if cost is None else Decimal(cost))
    assert "refund" not in found.remedy
    if charged != "no":
        assert "once more" not in found.remedy


def test_a_call_that_cannot_cost_anything_never_speaks_of_a_charge() -> None:
    found = read_error(200, {}, {**error("crashed"), "latency": 5}, paid=False)
    assert found
    assert found.charged == "no"


def test_the_free_requests_of_today_come_back_tomorrow_or_are_paid_for() -> None:
    sentence = str(read_error(429, {}, error("Daily limit of 3 free requests reached.", "rate_limit_error")))
    assert "tomorrow" in sentence
    assert ":free" in sentence


def test_a_provider_s_trouble_is_not_told_as_the_account_s_own() -> None:
    for status in (401, 402, 429):
        sentence = str(read_error(200, {}, {**error("It says no"), "status": status}))
        assert "provider behind this model" in sentence
        assert "IMAGEROUTER_API_KEY" not in sentence
        assert "Add credits" not in sentence
        assert "another model" in sentence


TROUBLES: dict[str, tuple[object, ...]] = {
    "A content filter refused": (406, 451, "moderationBlocked", "contentFilter", "noImageGenerated"),
    "The provider behind this model refused ImageRouter's own account": (401, 402, 403, "insufficient_quota"),
    "The provider behind this model is overloaded": (429, "tooManyRequests", "ratelimit_error"),
    "The provider behind this model took too long": (408, 504, 524, "Gateway Timeout", "requestTimeout"),
    "The provider behind this model refused what": (400, 404, 413, 415, 422, "invalid_request_error"),
    "The generation failed": (405, 409, 500, 502, 503, "failed"),
}
"""What an answer begins with, by the provider's own status or the name of its error."""


@pytest.mark.parametrize(
    ("sign", "what"), [(sign, what) for what, signs in TROUBLES.items() for sign in signs]
)
def test_a_provider_s_status_or_name_of_an_error_tells_what_went_wrong(sign: int | str, what: str) -> None:
    beside = {"status": sign} if isinstance(sign, int) else {"status": "failed", "statusText": sign}
    found = read_error(200, {}, {**error("It says no"), **beside})
    assert found
    assert found.what.startswith(what)


def test_only_what_the_caller_chose_is_the_caller_s_to_correct() -> None:
    own = read_error(200, {}, {**error("Width must be multiples of 64"), "status": 422})
    other = read_error(200, {}, {**error("field required"), "status": 422})
    assert own
    assert "Correct" in own.remedy
    assert other
    assert "Correct" not in other.remedy


def test_the_words_of_a_model_s_name_are_not_taken_for_what_went_wrong() -> None:
    told = error("model 'acme/safety-timeout' is not available", "invalid_request_error")
    assert type(read_error(400, {}, told)) is errors.InvalidRequestError


def test_a_refused_mask_is_answered_with_the_way_without_one() -> None:
    told = read_error(200, {}, error("Mask editing is not supported for this model", "internal_error"))
    assert "Leave the mask out and describe the place in words." in str(told)
