"""Every way in which this project fails, and the sentence that each failure speaks.

    ImageRouterError
    ├─ ConfigurationError           no key, bad base URL, unwritable folder
    ├─ InvalidSourceError           a source image is unreadable, not an image, too large
    ├─ PlanError                    the model cannot do this; nothing was sent
    ├─ BudgetError                  over a limit that the person set; nothing was sent
    ├─ NotFoundError                no such picture in the gallery
    ├─ NotSentError                 given up before the request left
    ├─ ServiceUnreachableError      never reached: safe to try again
    ├─ OutcomeUnknownError          sent, no answer: may complete and be charged
    ├─ UnexpectedResponseError      not JSON, or not the documented shape
    ├─ DeliveryError                paid for, but not fetched or stored
    └─ APIError                     ImageRouter said no
       ├─ AuthenticationError       the key is wrong
       ├─ AccessDeniedError         the key is right, the account may not do this
       ├─ InsufficientCreditsError  the account is empty
       ├─ InvalidRequestError       a parameter is wrong
       ├─ ModerationError           the prompt or the picture was refused
       ├─ RateLimitError            too many requests
       └─ ServiceError              ImageRouter or the provider behind it failed

Two places translate: `api.http` from httpx to these, `tools.boundary` from these to a tool's answer.
"""

from collections.abc import Mapping
from typing import Any, Literal

Charged = Literal["no", "unknown", "yes"]
"""Whether money was spent: certainly not, perhaps, certainly."""

_MONEY: dict[Charged, str] = {
    "no": "Nothing was charged.",
    "unknown": "It may still complete and be charged.",
    "yes": "It has been paid for.",
}


class ImageRouterError(Exception):
    """A failure that a person and a model can act on.

    `str()` is what happened, whether money was spent, and what to do next, in this order. None of the
    three may hold a secret.

    Attributes:
        what: What happened, as a complete sentence.
        charged: Whether money was spent.
        remedy: What to do next, as a complete sentence.
    """

    charged: Charged = "no"
    kind: str = "error"

    def __init__(self, what: str, remedy: str, *, charged: Charged | None = None) -> None:
        super().__init__(what, remedy)
        self.what = what
        self.remedy = remedy
        if charged is not None:
            self.charged = charged

    def __str__(self) -> str:
        return f"{self.what} {_MONEY[self.charged]} {self.remedy}"

    def as_fields(self) -> dict[str, str]:
        """The error in terms of JSON, to be told later by another process."""
        return {"kind": self.kind, "what": self.what, "charged": self.charged, "remedy": self.remedy}


def revived(fields: Mapping[str, Any]) -> ImageRouterError:
    """The error that `as_fields` described: the same sentence and kind, without its own class."""
    error = ImageRouterError(fields["what"], fields["remedy"], charged=fields["charged"])
    error.kind = fields["kind"]
    return error


class ConfigurationError(ImageRouterError):
    """Something that only the person can set right: the key, an address, a folder."""

    kind = "configuration"


class InvalidSourceError(ImageRouterError):
    """A source image cannot be used."""

    kind = "invalid_source"


class PlanError(ImageRouterError):
    """The request cannot work as asked; nothing was sent."""

    kind = "plan"


class BudgetError(ImageRouterError):
    """The request would pass a limit that the person set; nothing was sent."""

    kind = "budget"


class NotFoundError(ImageRouterError):
    """No picture of that handle, or its file is gone."""

    kind = "not_found"


class NotSentError(ImageRouterError):
    """The request was given up before it left."""

    kind = "not_sent"


class ServiceUnreachableError(ImageRouterError):
    """The request did not reach the service, or could not have cost anything."""

    kind = "unreachable"


class OutcomeUnknownError(ImageRouterError):
    """The request was sent, and no answer came."""

    kind = "outcome_unknown"
    charged = "unknown"


class UnexpectedResponseError(ImageRouterError):
    """The answer was not JSON, or not of the documented shape."""

    kind = "unexpected_response"


class DeliveryError(ImageRouterError):
    """The picture was made and paid for, and could not be fetched or stored."""

    kind = "delivery"
    charged = "yes"


class APIError(ImageRouterError):
    """ImageRouter answered with an error.

    Attributes:
        status: The HTTP status; 200 is common, for errors arrive with it.
        error_type: The error object's `type`, such as `invalid_request_error`.
        code: The error object's `code`, such as `model_not_found`.
    """

    kind = "api"

    def __init__(
        self, what: str, remedy: str, *, status: int, error_type: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(what, remedy)
        self.status = status
        self.error_type = error_type
        self.code = code


class AuthenticationError(APIError):
    """The API key is missing, wrong, expired or of the wrong sort."""

    kind = "authentication"


class AccessDeniedError(APIError):
    """The key is good, and the account may not do this."""

    kind = "access_denied"


class InsufficientCreditsError(APIError):
    """The account has too few credits."""

    kind = "insufficient_credits"


class InvalidRequestError(APIError):
    """ImageRouter refused a parameter."""

    kind = "invalid_request"


class ModerationError(APIError):
    """The prompt or a picture was refused by a content filter."""

    kind = "moderation"


class RateLimitError(APIError):
    """Too many requests.

    Attributes:
        retry_after: Seconds to wait, as the service said, or None.
    """

    kind = "rate_limit"
    retry_after: float | None = None


class ServiceError(APIError):
    """ImageRouter or the provider behind it failed; failed generations are refunded."""

    kind = "service"
