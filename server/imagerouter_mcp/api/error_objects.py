"""Read ImageRouter's error objects: what each means, what it cost, and what to do next.

The HTTP status alone says little, because most failures arrive with status 200. Type, code, `status` and
`statusText` decide first, then the words of the message. What is said about money follows the answer's own
`cost` and the failures that are known to keep money, never the kind of error.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from imagerouter_mcp.api.decoded import as_list, as_object, as_usd
from imagerouter_mcp.api.quoting import quoted
from imagerouter_mcp.api.rate_limit import seconds_of
from imagerouter_mcp.errors import (
    AccessDeniedError,
    APIError,
    AuthenticationError,
    DailyLimitError,
    InsufficientCreditsError,
    InvalidRequestError,
    ModerationError,
    RateLimitError,
    ServiceError,
)
from imagerouter_mcp.settings import KEYS_PAGE

DEPOSIT_PAGE = "https://imagerouter.io/pricing"
"""Where a person adds credits; the service's own messages name it."""
LOOK_FIRST = "Look at https://imagerouter.io for the charge first; then again=true asks for another."
"""What to do when the outcome of a paid request is unknown. Without `again`, the same call returns the same
outcome and sends nothing."""

_OK, _UNAUTHORIZED, _PAYMENT, _FORBIDDEN, _TOO_MANY = 200, 401, 402, 403, 429
_CLIENT_ERROR, _SERVER_ERROR = 400, 500
_LONGEST_MESSAGE = 4000
"""Characters of a message to examine."""
_LONGEST_NAME = 100
"""Characters of a type or a code."""

_KEPT = re.compile(r"Failed to (postlog|refund) usage\b")
"""Failures after which ImageRouter does not give back what it set aside."""
_DATABASE = re.compile(r"Invalid `prisma\b")
"""A failure of ImageRouter's own database, before or after the provider was asked."""
_NOT_TAKEN = re.compile(r"\bdecrement\b")
"""The database failed to set money aside: nothing was taken."""
_TOP_UP = re.compile(r"top.?up your ImageRouter account", re.IGNORECASE)
_FREE_REFUSED = re.compile(r"free models|:free|deposit", re.IGNORECASE)
_DAILY = re.compile(r"\bdaily\b|\b(a|per) day\b", re.IGNORECASE)
_QUOTED_NAME = re.compile(r"'[^'\s]*'")
"""Quoted names, such as a model's id, whose words say nothing about the failure."""
_MASK = re.compile(r"\bmask", re.IGNORECASE)
_RETIRED = re.compile(r"no longer available|retired|deprecated", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Trouble:
    """A kind of failure, and how it is recognised.

    Attributes:
        names: What type, code or statusText say, in lower-case letters only.
        statuses: What the provider's own status says.
        words: What the message says.
    """

    names: frozenset[str]
    statuses: frozenset[int]
    words: re.Pattern[str]


_MODERATED = _Trouble(
    frozenset(
        {
            "moderationblocked",
            "requestmoderated",
            "invalidprovidercontent",
            "contentpolicyviolation",
            "contentfilter",
            "noimagegenerated",
        }
    ),
    frozenset({406, 451}),
    re.compile(
        r"moderat|safety|content.?polic|content.?filter|flagged|nsfw|prohibited|sensitive|invalid content",
        re.IGNORECASE,
    ),
)
_BUSY = _Trouble(
    frozenset({"ratelimitexceeded", "ratelimiterror", "toomanyrequests"}),
    frozenset({429}),
    re.compile(r"rate.?limit|too many requests|maximum capacity|overloaded", re.IGNORECASE),
)
_ACCOUNT = _Trouble(
    frozenset({"insufficientcredits", "insufficientquota", "billinghardlimitreached", "invalidapikey"}),
    frozenset({401, 402, 403}),
    re.compile(
        r"insufficient (credits|balance|funds|quota)|not enough credits|out of credits|exceeded your.* quota",
        re.IGNORECASE,
    ),
)
_SLOW = _Trouble(
    frozenset({"timeout", "gatewaytimeout", "requesttimeout"}),
    frozenset({408, 504, 524}),
    re.compile(r"time.?out|timed out|took too long", re.IGNORECASE),
)
_REFUSED = _Trouble(
    frozenset({"invalidrequesterror"}),
    frozenset({400, 404, 413, 415, 422}),
    re.compile(
        r"not available|is required|must be|\bexpected\b|does(n't| not) (support|accept|take)|not supported|"
        r"supports (only|maximum)|please use|invalid (size|value|parameter|image)|too (long|large|big)",
        re.IGNORECASE,
    ),
)
_CALLERS_OWN = re.compile(
    r"prompt|size|width|height|dimension|resolution|aspect|quality|seconds|duration|image|mask|format|model",
    re.IGNORECASE,
)
"""The caller's choices that a provider can refuse."""


@dataclass(frozen=True, slots=True)
class _Failure:
    """An error object that has been read.

    Attributes:
        status: The HTTP status.
        provider_status: The number in `status` beside the error, which is the provider's.
        names: Its type, code and statusText, in lower-case letters only.
        text: Its message.
        message: The same, quoted.
        passed_on: Whether ImageRouter passes on what a provider's adapter threw.
    """

    status: int
    provider_status: int | None
    error_type: str | None
    code: str | None
    names: frozenset[str]
    text: str
    message: str
    passed_on: bool

    def named(self, trouble: _Trouble) -> bool:
        return self.provider_status in trouble.statuses or not self.names.isdisjoint(trouble.names)

    def worded(self, trouble: _Trouble) -> bool:
        return trouble.words.search(_QUOTED_NAME.sub("", self.text)) is not None

    def as_error(self, make: type[APIError], what: str, remedy: str) -> APIError:
        what = f"{what}: it says {self.message}."
        status = self.provider_status or self.status
        return make(what, remedy, status=status, error_type=self.error_type, code=self.code)


def has_error_object(body: object) -> bool:
    """Tell whether an answer holds an error object as ImageRouter writes it, with a message."""
    return isinstance(as_object(as_object(body).get("error")).get("message"), str)


def read_error(
    status: int,
    headers: Mapping[str, str],
    body: object,
    *,
    paid: bool = True,
) -> APIError | None:
    """Read the error that an answer holds.

    Args:
        status: The HTTP status.
        headers: The answer's headers, for `Retry-After`.
        body: The decoded JSON.
        paid: Whether the call could cost anything.

    Returns:
        The error to raise, or None when the answer is a success.
    """
    answer = as_object(body)
    if status < _CLIENT_ERROR and (not answer.get("error") or _has_picture(answer)):
        return None
    failure = _read(status, answer)
    error = _classified(failure, headers)
    if paid:
        _tell_cost(error, failure, answer)
    return error


def _has_picture(answer: Mapping[str, object]) -> bool:
    """Tell whether an answer holds a result beside its error: it has been made, and paid for."""
    items = map(as_object, as_list(answer.get("data")))
    return any(isinstance(item.get(name), str) for item in items for name in ("url", "b64_json"))


def message_of(answer: Mapping[str, object]) -> str:
    """Return the message of an answer's error object, or "" if it has none."""
    fields = as_object(answer.get("error")) or {"message": answer.get("error")}
    return str(fields.get("message") or answer.get("message") or "")[:_LONGEST_MESSAGE]


def _read(status: int, answer: Mapping[str, object]) -> _Failure:
    fields = as_object(answer.get("error"))
    text = message_of(answer) or f"status {status} without a message"
    names = (fields.get("type"), fields.get("code"), answer.get("statusText"))
    provider_status = answer.get("status") if status == _OK else None
    return _Failure(
        status=status,
        provider_status=provider_status if type(provider_status) is int else None,
        error_type=_string(fields.get("type")),
        code=_string(fields.get("code")),
        names=frozenset(
            re.sub(r"[^a-z]", "", name[:_LONGEST_MESSAGE].lower()) for name in names if isinstance(name, str)
        ),
        text=text,
        message=quoted(text),
        passed_on=not {"status", "statusText"}.isdisjoint(answer) or not {"code", "param"}.isdisjoint(fields),
    )


def _string(value: object) -> str | None:
    return value[:_LONGEST_NAME] if isinstance(value, str) else None


def _tell_cost(error: APIError, failure: _Failure, answer: Mapping[str, object]) -> None:
    """Say in the error what was charged, and that asking again may cost again."""
    cost = as_usd(answer.get("cost"))
    if cost:
        error.charged, error.cost_usd = "yes", cost
        error.remedy = "Asking again would cost again. Use another model or other words."
    elif _KEPT.match(failure.text):
        error.charged, error.kept = "yes", True
        error.remedy = "Look at your account on https://imagerouter.io before asking again."
    elif not _known_to_be_free(failure, answer, cost is not None):
        error.charged = "unknown"
        error.remedy = LOOK_FIRST


def _known_to_be_free(failure: _Failure, answer: Mapping[str, object], says_free: bool) -> bool:  # noqa: FBT001
    if says_free:
        return True
    if answer.get("cost") is not None:  # a cost that cannot be read
        return False
    if failure.status != _OK:  # a proper status comes before anything is begun
        return True
    if not has_error_object(answer) or not {"data", "latency", "created"}.isdisjoint(answer):
        return False  # what a provider's adapter returned, instead of throwing it, is not refunded
    if _DATABASE.search(failure.text):
        return _NOT_TAKEN.search(failure.text) is not None
    return failure.passed_on or not (failure.named(_BUSY) or failure.worded(_BUSY))


def _classified(failure: _Failure, headers: Mapping[str, str]) -> APIError:
    if failure.status == _TOO_MANY:
        return _too_many(failure, seconds_of(headers, "retry-after"))
    # ImageRouter's own refusals have a proper status, and no provider behind them.
    troubles = _TROUBLES if failure.status == _OK else _TROUBLES[:1]
    by_structure = (word for trouble, word in troubles if failure.named(trouble))
    by_words = (word for trouble, word in troubles if failure.worded(trouble))
    word = _own(failure) or next(by_structure, None) or next(by_words, None) or _other(failure)
    return word(failure)


def _own(failure: _Failure) -> Callable[[_Failure], APIError] | None:
    """Find what only ImageRouter itself says of an account or a key."""
    by_type = failure.error_type == "unauthorized" and failure.provider_status is None
    if failure.status == _UNAUTHORIZED or by_type:
        return _bad_key
    if failure.status == _FORBIDDEN or failure.error_type in ("access_denied", "deposit_required"):
        return _denied
    return _no_credits if failure.status == _PAYMENT or _TOP_UP.search(failure.text) else None


def _other(failure: _Failure) -> Callable[[_Failure], APIError]:
    refused = failure.named(_REFUSED) or failure.worded(_REFUSED)
    return _refused if refused or _CLIENT_ERROR <= failure.status < _SERVER_ERROR else _failed


def _bad_key(failure: _Failure) -> APIError:
    return failure.as_error(
        AuthenticationError,
        "ImageRouter does not accept the API key",
        f"Set IMAGEROUTER_API_KEY to a working key (make one at {KEYS_PAGE}; a management key cannot make "
        "pictures) and restart this server.",
    )


def _no_credits(failure: _Failure) -> APIError:
    return failure.as_error(
        InsufficientCreditsError,
        "The ImageRouter account has too few credits for this model",
        f"Add credits at {DEPOSIT_PAGE}, or choose a cheaper model (search_models with sort=price).",
    )


def _denied(failure: _Failure) -> APIError:
    if failure.error_type == "deposit_required" or _FREE_REFUSED.search(failure.text):
        return failure.as_error(
            AccessDeniedError,
            "ImageRouter gives free models only to accounts that have credits; the API key itself is fine",
            f"Add credits at {DEPOSIT_PAGE}; free models then work and cost nothing.",
        )
    return failure.as_error(
        AccessDeniedError,
        "ImageRouter refuses requests from this account or address",
        "Use another model, or write to ImageRouter's support if this is unexpected.",
    )


def _too_many(failure: _Failure, seconds: float | None) -> APIError:
    if seconds is None and _DAILY.search(failure.text):
        return failure.as_error(
            DailyLimitError,
            "This account has used up today's free requests",
            "Try again tomorrow, or use the paid model: the same name without “:free”.",
        )
    error = RateLimitError(
        f"ImageRouter limits how often this account may ask: it says {failure.message}.",
        f"Wait {seconds:g} seconds, then try again." if seconds else "Wait a minute, then try again.",
        status=failure.status,
        error_type=failure.error_type,
        code=failure.code,
    )
    error.retry_after = seconds
    return error


def _moderated(failure: _Failure) -> APIError:
    return failure.as_error(
        ModerationError,
        "A content filter refused the prompt or a picture",
        "Use other words or another source image; another model may also judge differently.",
    )


def _account(failure: _Failure) -> APIError:
    return failure.as_error(
        ServiceError,
        "The provider behind this model refused ImageRouter's own account; yours is fine",
        "Use another model, or try again later.",
    )


def _busy(failure: _Failure) -> APIError:
    return failure.as_error(
        ServiceError,
        "The provider behind this model is overloaded",
        "Wait a minute, then ask again, or use another model.",
    )


def _slow(failure: _Failure) -> APIError:
    return failure.as_error(
        ServiceError,
        "The provider behind this model took too long",
        "Try again later, or use another model.",
    )


_TROUBLES = ((_MODERATED, _moderated), (_ACCOUNT, _account), (_BUSY, _busy), (_SLOW, _slow))


def _failed(failure: _Failure) -> APIError:
    return failure.as_error(
        ServiceError,
        "The generation failed at ImageRouter or at the provider behind it",
        "Try once more, or use another model.",
    )


def _refused(failure: _Failure) -> APIError:
    if _RETIRED.search(failure.text):
        return failure.as_error(
            InvalidRequestError, "ImageRouter no longer offers this model", "Use the model that it names."
        )
    if not failure.passed_on or failure.status != _OK:
        return failure.as_error(
            InvalidRequestError,
            "ImageRouter refused the request",
            "Leave the mask out and describe the place in words."
            if _MASK.search(failure.text)
            else "Correct what it names (describe_model says what each model accepts), then try again.",
        )
    if _CALLERS_OWN.search(failure.text):
        return failure.as_error(
            InvalidRequestError,
            "The provider behind this model refused the request",
            "Correct what it names, or use another model.",
        )
    return failure.as_error(
        ServiceError, "The provider behind this model refused what ImageRouter sent", "Use another model."
    )
