"""Error answers, worded and shaped as the service's."""

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

JSON_TYPE = "application/json"
INVALID = "invalid_request_error"
INTERNAL = "internal_error"
RATE_LIMIT = "rate_limit_error"
NOT_FOUND_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Error</title>
</head>
<body>
<pre>Cannot {method} {path}</pre>
</body>
</html>
"""
"""What the service's web framework answers for an unknown route; the path comes escaped."""


class RefusedError(Exception):
    """A request that the service refuses.

    Args:
        status: The HTTP status; 200 for what the service notices only after it has accepted the request.
        message: The error object's `message`.
        kind: Its `type`.
        code: Its `code`, if any.
        headers: Further response headers.
        typed: Whether the answer states its `Content-Type`; the service leaves it out of most 400s.
        beside: What stands beside `error` in the body, such as a provider's `status` and `statusText`.
    """

    def __init__(
        self,
        status: int,
        message: str,
        kind: str = INVALID,
        *,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
        typed: bool = False,
        beside: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.code = code
        self.headers = headers
        self.typed = typed
        self.beside = beside or {}

    @property
    def body(self) -> dict[str, object]:
        """The JSON of the answer."""
        error: dict[str, object] = {"message": self.message, "type": self.kind}
        if self.code:
            error["code"] = self.code
        return {**self.beside, "error": error}

    def response(self) -> Response:
        """The whole answer."""
        answer = JSONResponse(self.body, self.status, self.headers)
        if not self.typed:
            del answer.headers["content-type"]
        return answer


def unauthorized(message: str) -> RefusedError:
    """A missing, malformed or unknown key."""
    return RefusedError(401, message, "unauthorized", typed=True)


def access_denied(message: str = "Access denied") -> RefusedError:
    """A good key whose account, or whose address, may not do this."""
    return RefusedError(403, message, "access_denied", typed=True)


def deposit_required(limit: int) -> RefusedError:
    """An account that never deposited and has used up its free pictures of the day."""
    return RefusedError(
        403,
        f"Daily limit of {limit} free requests reached. Please deposit any amount to get access to 50 daily "
        "free generations: https://imagerouter.io/pricing",
        "deposit_required",
        typed=True,
    )


def rate_limited(
    message: str = "Too many requests, please try again later.", *, seconds: int = 1
) -> RefusedError:
    """Too many requests; `seconds` is the window, and how long to wait."""
    return RefusedError(
        429,
        message,
        RATE_LIMIT,
        headers={
            "Retry-After": str(seconds),
            "RateLimit-Policy": f"20;w={seconds}",
            "RateLimit-Limit": "20",
            "RateLimit-Remaining": "0",
            "RateLimit-Reset": str(seconds),
        },
        typed=True,
    )


def over_rate(standing: Mapping[str, str]) -> RefusedError:
    """A key that asks faster than it may.

    Args:
        standing: The `RateLimit-…` headers, from which `Retry-After` follows.
    """
    return RefusedError(
        429,
        "API key rate limit exceeded, please try again later.",
        RATE_LIMIT,
        headers={**standing, "Retry-After": standing["RateLimit-Reset"]},
        typed=True,
    )


def insufficient_credits(price: str) -> RefusedError:
    """An account that cannot pay `price`, in USD; the service notices it after the validation."""
    return late(
        f"Insufficient credits (this model needs minimum ${price} credits), please topup your ImageRouter "
        "account: https://imagerouter.io/pricing"
    )


def late(message: str) -> RefusedError:
    """What the service notices after the validation: status 200, and no `Content-Type`."""
    return RefusedError(200, message, INTERNAL)


def provider_error(status: int, status_text: str, message: str) -> RefusedError:
    """What the provider behind a model said, in the form that the service passes on."""
    return RefusedError(200, message, status_text, beside={"status": status, "statusText": status_text})


def internal_error() -> RefusedError:
    """What the service says of everything that it did not expect, malformed JSON included."""
    return RefusedError(500, "Internal server error", INTERNAL, typed=True)
