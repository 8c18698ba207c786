"""What ImageRouter's error objects mean: from status and body to a typed error with its remedy.

The status line alone says little, for most failures arrive with status 200; so the type, the code and
the words of the message decide too.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from imagerouter_mcp.api.decoded import as_object
from imagerouter_mcp.api.quoting import quoted
from imagerouter_mcp.errors import (
    AccessDeniedError,
    APIError,
    AuthenticationError,
    InsufficientCreditsError,
    InvalidRequestError,
    ModerationError,
    RateLimitError,
    ServiceError,
)
from imagerouter_mcp.settings import KEYS_PAGE

DEPOSIT_PAGE = "https://imagerouter.io/pricing"
"""Where a person adds credits; the service's own messages name it."""

_UNAUTHORIZED, _FORBIDDEN, _TOO_MANY, _CLIENT_ERROR, _SERVER_ERROR = 401, 403, 429, 400, 500
_MODERATED = re.compile(
    r"moderat|safety|content.?polic|content.?filter|flagged|nsfw|prohibited|sensitive", re.IGNORECASE
)
_CREDITS = re.compile(r"insufficient (credits|balance|funds)|not enough credits", re.IGNORECASE)
_RATE = re.compile(r"rate.?limit|too many requests", re.IGNORECASE)
_PARAMETER = re.compile(
    r"not available|is required|must be|\bexpected\b|does(n't| not) (support|accept|take)|not supported|"
    r"invalid (size|value|parameter|image)|too long|unexpected field|too large|too big|retired|deprecated",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Refusal:
    """One error object of the service, read."""

    status: int
    message: str
    error_type: str | None
    code: str | None

    def as_error(self, make: type[APIError], what: str, remedy: str) -> APIError:
        return make(what, remedy, status=self.status, error_type=self.error_type, code=self.code)


def refusal(
    status: int, headers: Mapping[str, str], body: object, secrets: tuple[str, ...] = ()
) -> APIError | None:
    """Read the error that an answer holds.

    Args:
        status: The HTTP status.
        headers: The answer's headers, for `Retry-After`.
        body: The decoded JSON.
        secrets: What the error's sentence must not repeat.

    Returns:
        The error to raise, or None when the answer is a success.
    """
    whole = as_object(body)
    error = whole.get("error")
    if not error and status < _CLIENT_ERROR:
        return None
    fields = as_object(error) or {"message": error}
    message = str(fields.get("message") or whole.get("message") or f"status {status} without a message")
    provider_status = whole.get("status")
    read = _Refusal(
        provider_status if isinstance(provider_status, int) and status < _CLIENT_ERROR else status,
        quoted(message, secrets),
        _text(fields.get("type")),
        _text(fields.get("code")),
    )
    return _classify(read)(read, headers)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


_Wording = Callable[[_Refusal, Mapping[str, str]], APIError]


def _classify(read: _Refusal) -> _Wording:  # noqa: PLR0911 - a table in code: one row a meaning
    kind = read.error_type or ""
    words = f"{read.message} {read.code or ''}"
    if read.status == _UNAUTHORIZED or kind == "unauthorized":
        return _authentication
    if _CREDITS.search(words):
        return _credits
    if kind == "deposit_required" or (kind == "access_denied" and ":free" in words) or "deposit" in words:
        return _deposit
    if read.status == _TOO_MANY or kind == "rate_limit_error" or _RATE.search(words):
        return _rate
    if _MODERATED.search(words):
        return _moderation
    if kind == "access_denied" or read.status == _FORBIDDEN:
        return _access
    if (
        _CLIENT_ERROR <= read.status < _SERVER_ERROR
        or kind == "invalid_request_error"
        or _PARAMETER.search(words)
    ):
        return _parameter
    return _service


def _authentication(read: _Refusal, _: Mapping[str, str]) -> APIError:
    return read.as_error(
        AuthenticationError,
        f"ImageRouter does not accept the API key: it says {read.message}.",
        f"Set IMAGEROUTER_API_KEY to a working key (keys are made at {KEYS_PAGE}; a management key cannot "
        "make pictures) and restart this server.",
    )


def _credits(read: _Refusal, _: Mapping[str, str]) -> APIError:
    return read.as_error(
        InsufficientCreditsError,
        f"The ImageRouter account has too few credits for this model: it says {read.message}.",
        f"Add credits at {DEPOSIT_PAGE}, or choose a cheaper model (search_models with sort=price).",
    )


def _deposit(read: _Refusal, _: Mapping[str, str]) -> APIError:
    return read.as_error(
        AccessDeniedError,
        "ImageRouter gives free models only to accounts that have made a deposit; the API key itself is "
        f"fine. It says {read.message}.",
        f"Make a deposit at {DEPOSIT_PAGE}, or use a paid model.",
    )


def _access(read: _Refusal, _: Mapping[str, str]) -> APIError:
    return read.as_error(
        AccessDeniedError,
        f"ImageRouter denies this account or address the request: it says {read.message}.",
        "Use another model, or write to ImageRouter's support if this is unexpected.",
    )


def _rate(read: _Refusal, headers: Mapping[str, str]) -> APIError:
    seconds = _retry_after(headers)
    wait = f"Wait {seconds:g} seconds, then try again." if seconds else "Wait a minute, then try again."
    error = read.as_error(
        RateLimitError, f"ImageRouter limits how often this account may ask: it says {read.message}.", wait
    )
    cast("RateLimitError", error).retry_after = seconds
    return error


def _retry_after(headers: Mapping[str, str]) -> float | None:
    value = headers.get("retry-after", "")
    return float(value) if re.fullmatch(r"\d{1,7}(\.\d+)?", value) else None


def _moderation(read: _Refusal, _: Mapping[str, str]) -> APIError:
    return read.as_error(
        ModerationError,
        f"A content filter refused the prompt or a picture: ImageRouter says {read.message}.",
        "Reword the prompt or use another source image; another model may also judge differently.",
    )


def _parameter(read: _Refusal, _: Mapping[str, str]) -> APIError:
    return read.as_error(
        InvalidRequestError,
        f"ImageRouter refused the request: it says {read.message}.",
        "Correct what it names (search_models tells what each model takes), then try again.",
    )


def _service(read: _Refusal, _: Mapping[str, str]) -> APIError:
    return read.as_error(
        ServiceError,
        f"The generation failed at ImageRouter or at the provider behind it: it says {read.message}.",
        "Failed generations are refunded. Try once more, or use another model.",
    )
