"""The service's error answers: their statuses, types, texts, and which of them lack a `Content-Type`."""

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

INVALID = "invalid_request_error"
INTERNAL = "internal_error"
RATE_LIMIT = "rate_limit_error"
PRICING_PAGE = "https://imagerouter.io/pricing"
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


class ServiceJSON(JSONResponse):
    """JSON with the service's `Content-Type`."""

    media_type = "application/json; charset=utf-8"


class RefusedError(Exception):
    """A request that the service refuses; nothing is charged for it.

    Args:
        status: The HTTP status; 200 for what the service notices only after the validation.
        message: The error object's `message`.
        kind: Its `type`.
        extra: What else the error object has, such as a `code`.
        headers: Further response headers.
        typed: Whether the answer states its `Content-Type`; the service leaves it out of most 400s.
    """

    def __init__(
        self,
        status: int,
        message: str,
        kind: str = INVALID,
        *,
        extra: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        typed: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.error = {"message": message, "type": kind, **(extra or {})}
        self.headers = headers
        self.typed = typed

    def response(self) -> Response:
        """Return the whole answer."""
        answer = ServiceJSON({"error": self.error}, self.status, self.headers)
        if not self.typed:
            del answer.headers["content-type"]
        return answer


def unauthorized(message: str) -> RefusedError:
    """Build the 401 for a missing, malformed or unknown key."""
    return RefusedError(401, message, "unauthorized", typed=True)


def no_free_models() -> RefusedError:
    """Build the 403 for a `:free` model on an account without credits, whether it ever deposited or not."""
    return RefusedError(
        403,
        "Free models are only available on the website (eg https://imagerouter.io/generate). To gain API "
        "access, please deposit any amount (free models cost $0, but one time deposit needed to prevent "
        f"abuse). More info about pricing: {PRICING_PAGE}",
        "access_denied",
        typed=True,
    )


def free_day_over(limit: int) -> RefusedError:
    """Build the 429 for an account that has used up its free pictures of the day; it has no `Retry-After`."""
    return RefusedError(
        429,
        f'Daily limit of {limit} free requests reached. Remove ":free" from the model name to continue with '
        "the paid model.",
        RATE_LIMIT,
        typed=True,
    )


def rate_limited() -> RefusedError:
    """Build the 429 for too many requests within a second."""
    standing = {
        "RateLimit-Policy": "20;w=1",
        "RateLimit-Limit": "20",
        "RateLimit-Remaining": "0",
        "RateLimit-Reset": "1",
    }
    return over_rate(standing, "Too many requests, please try again later.")


def over_rate(
    standing: Mapping[str, str], message: str = "API key rate limit exceeded, please try again later."
) -> RefusedError:
    """Build the 429 for a key that asks too often.

    Args:
        standing: The `RateLimit-…` headers, from which `Retry-After` follows.
        message: What it says.
    """
    headers = {**standing, "Retry-After": standing["RateLimit-Reset"]}
    return RefusedError(429, message, RATE_LIMIT, headers=headers, typed=True)


def insufficient_credits(price: float) -> RefusedError:
    """Build the error for an account that does not hold a model's highest price, in USD."""
    return late(
        f"Insufficient credits (this model needs minimum ${price:g} credits), please topup your ImageRouter "
        f"account: {PRICING_PAGE}"
    )


def late(message: str) -> RefusedError:
    """Build an error that the service notices after the validation: status 200, and no `Content-Type`."""
    return RefusedError(200, message, INTERNAL)


def unknown_model(model_id: str) -> RefusedError:
    """Build the 404 of `GET /v1/models/<id>`."""
    extra = {"param": "model", "code": "model_not_found"}
    return RefusedError(404, f"The model '{model_id}' does not exist.", extra=extra, typed=True)


def upload_error(what: str) -> RefusedError:
    """Build the 400 for files that the service does not take."""
    return RefusedError(400, f"File upload error: {what}", typed=True)


def internal_error() -> RefusedError:
    """Build the 500 for everything that the service did not expect, malformed JSON included."""
    return RefusedError(500, "Internal server error", INTERNAL, typed=True)
