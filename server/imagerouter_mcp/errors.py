"""Every way in which this project fails, each with a sentence that says what to do.

    ImageRouterError
    ├─ ConfigurationError           no key, bad base URL, unwritable folder
    ├─ InvalidSourceError           a source image is unreadable, not an image, too large
    ├─ PlanError                    the model cannot do this; nothing was sent
    ├─ BudgetError                  over a limit that the person set; nothing was sent
    ├─ NotFoundError                no such picture in the gallery
    ├─ NotSentError                 given up before the request left
    │  └─ NotNeededError            what a second step would have done was there already
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
       ├─ RateLimitError            too many requests: not begun, may be sent again
       ├─ DailyLimitError           today's free requests are used up
       └─ ServiceError              ImageRouter or the provider behind it failed

Two places translate: `api.http` from httpx to these, `tools.boundary` from these to a tool's answer.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Literal, Self

from imagerouter_mcp.lines import one_line
from imagerouter_mcp.money import dollars

Charged = Literal["no", "unknown", "yes"]
"""Whether money was spent: certainly not, perhaps, certainly."""


class ImageRouterError(Exception):
    """A failure that a person and a model can act on.

    `str()` says what happened, whether money was spent, and what to do next, in this order. None of the
    three may contain a secret.

    Attributes:
        what: What happened, as a complete sentence.
        charged: Whether money was spent.
        remedy: What to do next, as a complete sentence.
        cost_usd: What was charged, where known.
        kept: Whether ImageRouter kept the amount that it sets aside before it asks the provider, the highest
            price of the model. Then `cost_usd` is an upper bound, for the caller to fill in.
        others: Failures of the same call; what is said about money covers them too.
        earlier: What an earlier call that this one repeats said about money; "" for a new call.
    """

    charged: Charged = "no"
    kind: str = "error"
    cost_usd: Decimal | None = None
    kept: bool = False
    earlier: str = ""

    def __init__(self, what: str, remedy: str, *, charged: Charged | None = None) -> None:
        super().__init__(what, remedy)
        # Both may quote what others wrote.
        self.what = one_line(what)
        self.remedy = one_line(remedy)
        self.others: tuple[ImageRouterError, ...] = ()
        if charged is not None:
            self.charged = charged

    def __str__(self) -> str:
        return f"{self.what} {self.money} {self.remedy}"

    @property
    def money(self) -> str:
        """Say whether money was spent, and how much: one sentence for one failure."""
        if self.earlier:
            return (
                f"{self.earlier} This is the failure of the same call made before; nothing was sent or "
                "charged again."
            )
        in_all = " in all" if self.others else ""
        sentences: list[str] = []
        if self.charged_usd is not None:
            sentences.append(f"{dollars(self.charged_usd)} was charged{in_all}.")
        if self.up_to_usd is not None:
            sentences.append(f"Up to {dollars(self.up_to_usd)} was kept{in_all}.")
        unknown = dict.fromkeys(each.unknown_cost for each in (self, *self.others) if each.unknown_cost)
        for rest in unknown:
            sentences.append(f"Another{rest.removeprefix('It')}" if sentences else rest)
        return " ".join(sentences) or "Nothing was charged."

    @property
    def charged_usd(self) -> Decimal | None:
        """Return the sum of what was certainly charged; None if no such amount is known."""
        return _sum(each.cost_usd for each in (self, *self.others) if not each.kept)

    @property
    def up_to_usd(self) -> Decimal | None:
        """Return the sum of the most that ImageRouter kept; None if no such amount is known."""
        return _sum(each.cost_usd for each in (self, *self.others) if each.kept)

    @property
    def unknown_cost(self) -> str:
        """Say of this failure alone what was or may have been charged without a known amount, else ""."""
        match self.charged:
            case "unknown" if self.kind == OutcomeUnknownError.kind:
                return "It may still complete and be charged."
            case "unknown":
                return "It may have been charged."
            case "yes" if self.cost_usd is None:
                if self.kept:
                    return "It was charged up to the model's highest price."
                return "It has been paid for."
            case _:
                return ""

    def costing(self, usd: Decimal | None) -> Self:
        """Add what the service charged, as its answer says; None if it does not say."""
        self.charged = "no" if usd == 0 else "yes"
        self.cost_usd = usd or None
        return self

    def as_fields(self) -> dict[str, Any]:
        """Return the error as JSON, so that another process can report it later."""
        fields: dict[str, Any] = {
            "kind": self.kind,
            "what": self.what,
            "charged": self.charged,
            "remedy": self.remedy,
        }
        if self.cost_usd is not None:
            fields["cost_usd"] = str(self.cost_usd)
        if self.kept:
            fields["kept"] = True
        return fields


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal()) if known else None


def revived(fields: Mapping[str, Any]) -> ImageRouterError:
    """Return the error that `as_fields` described: the same sentence and kind, without its own class."""
    error = ImageRouterError(fields["what"], fields["remedy"], charged=fields["charged"])
    error.kind = fields["kind"]
    error.kept = fields.get("kept", False)
    cost = fields.get("cost_usd")
    error.cost_usd = None if cost is None else Decimal(cost)
    return error


def as_repeated(error: ImageRouterError) -> ImageRouterError:
    """Return the failure of an earlier call as the answer to its repetition, which costs nothing."""
    charged: Charged = "unknown" if error.charged == "unknown" else "no"
    remedy = error.remedy if "again=true" in error.remedy else f"{error.remedy} again=true asks again."
    repeated = ImageRouterError(error.what, remedy, charged=charged)
    repeated.kind = error.kind
    repeated.earlier = error.money
    return repeated


class ConfigurationError(ImageRouterError):
    """Something that only the person can fix: the key, an address, a folder."""

    kind = "configuration"


class InvalidSourceError(ImageRouterError):
    """A source image cannot be used."""

    kind = "invalid_source"


class PlanError(ImageRouterError):
    """The request cannot work as asked; nothing was sent."""

    kind = "plan"


class BudgetError(ImageRouterError):
    """The request would exceed a limit that the person set; nothing was sent."""

    kind = "budget"


class NotFoundError(ImageRouterError):
    """No picture of that handle, or its file is gone."""

    kind = "not_found"


class NotSentError(ImageRouterError):
    """The request was given up before it left."""

    kind = "not_sent"


class NotNeededError(NotSentError):
    """The second step of a call had nothing to do, so its request was not sent."""

    kind = "not_needed"


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
    """The picture was made and paid for, but could not be fetched or stored."""

    kind = "delivery"
    charged = "yes"


class APIError(ImageRouterError):
    """ImageRouter answered with an error.

    Attributes:
        status: The HTTP status. Most errors arrive with 200; then it is the provider's status, if known.
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
    """The API key is missing, wrong, expired or of the wrong kind."""

    kind = "authentication"


class AccessDeniedError(APIError):
    """The key is valid, but the account may not do this."""

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
    """Too many requests: HTTP status 429, so nothing was begun and the request may be sent again.

    Attributes:
        retry_after: Seconds to wait, as the service said, or None.
    """

    kind = "rate_limit"
    retry_after: float | None = None


class DailyLimitError(APIError):
    """Today's free requests are used up: waiting for seconds does not help."""

    kind = "daily_limit"


class ServiceError(APIError):
    """ImageRouter or the provider behind it failed."""

    kind = "service"
