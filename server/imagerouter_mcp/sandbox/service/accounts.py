"""Who asks: API keys, and what each may do.

| key | behaviour |
|---|---|
| `KEY`, and any other of 64 characters | good, 25.5 USD |
| `POOR_KEY` | good, has deposited once, nothing left |
| `NEVER_DEPOSITED_KEY` | good, no credits, may not use `:free` models |
| `FREE_LIMIT_KEY` | good, never deposited, today's free pictures are used up |
| `LIMITED_KEY` | good, with a monthly spend limit that `/v1/credits` shows |
| `RATE_LIMITED_KEY` | good, and every generation answers 429 |
| `UNKNOWN_KEY` | 401 `Invalid API key` |
| `MANAGEMENT_KEY` | 401: mints other keys, and does nothing else |
| `EXPIRED_JWT` | 401: a temporary token (100 characters or more); any other of this length is good |
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from imagerouter_mcp.sandbox.service.error_answers import (
    access_denied,
    deposit_required,
    insufficient_credits,
    rate_limited,
    unauthorized,
)
from imagerouter_mcp.sandbox.service.throttle import Window, usual_limit

KEY_LENGTH: Final = 64
"""Characters of an API key."""
JWT_LENGTH: Final = 100
"""The shortest temporary token, in characters."""
FREE_A_DAY: Final = 50
"""Free pictures a day on an account with credit."""
FREE_A_DAY_WITHOUT_DEPOSIT: Final = 10
"""Free pictures a day on an account without."""

KEY: Final = "sandbox-key-".ljust(KEY_LENGTH, "0")
POOR_KEY: Final = "sandbox-poor-key-".ljust(KEY_LENGTH, "0")
NEVER_DEPOSITED_KEY: Final = "sandbox-never-deposited-key-".ljust(KEY_LENGTH, "0")
FREE_LIMIT_KEY: Final = "sandbox-free-limit-key-".ljust(KEY_LENGTH, "0")
LIMITED_KEY: Final = "sandbox-limited-key-".ljust(KEY_LENGTH, "0")
RATE_LIMITED_KEY: Final = "sandbox-rate-limited-key-".ljust(KEY_LENGTH, "0")
UNKNOWN_KEY: Final = "sandbox-unknown-key-".ljust(KEY_LENGTH, "0")
MANAGEMENT_KEY: Final = "sandbox-management-key-".ljust(KEY_LENGTH, "0")
EXPIRED_JWT: Final = "sandbox-expired-jwt-".ljust(160, "0")

_UNITS_A_DOLLAR: Final = 10_000
"""The service counts credits in 1/10,000 USD."""


@dataclass(slots=True)
class Account:
    """One account with one key; amounts in USD.

    Attributes:
        name: What `/v1/credits` calls the key.
        deposits: All that was ever paid in.
        used: All that was ever spent, failed generations not counted.
        requests: How many generations were begun.
        free_used: Pictures of `:free` models today.
        free_forbidden: Whether `:free` models are refused altogether.
        rate_limited: Whether every generation is answered with 429.
        images: The requests for images within the present window.
        videos: The same for videos.
        spend_limit: What the key may spend in a month; shown, not enforced, for the service's wording of
            the refusal has not been observed.
    """

    name: str
    deposits: Decimal = Decimal(30)
    used: Decimal = Decimal("4.5")
    requests: int = 0
    free_used: int = 0
    free_forbidden: bool = False
    rate_limited: bool = False
    images: Window = field(default_factory=Window)
    videos: Window = field(default_factory=Window)
    spend_limit: Decimal | None = None

    @property
    def credits(self) -> Decimal:
        """What is left."""
        return self.deposits - self.used

    @property
    def units(self) -> int:
        """What is left, in 1/10,000 USD."""
        return int(self.credits * _UNITS_A_DOLLAR)

    def pace(self, limit: int, seconds: float, *, video: bool) -> dict[str, str]:
        """Count a request against the key's rate.

        Args:
            limit: How many a window may see; 0 is the service's rule, which looks at what is left.
            seconds: How long a window lasts.
            video: Whether it is for a video.

        Returns:
            The `RateLimit-…` headers that every answer carries.

        Raises:
            RefusedError: 429: too many.
        """
        window = self.videos if video else self.images
        return window.admit(limit or usual_limit(self.credits, video=video), seconds)

    def admit(self, *, free: bool) -> None:
        """Let a generation pass, or not.

        Args:
            free: Whether the model is a `:free` one.

        Raises:
            RefusedError: The key is limited, or may not use free models (any more today).
        """
        if self.rate_limited:
            raise rate_limited("API key rate limit exceeded, please try again later.")
        if not free:
            return
        if self.free_forbidden:
            raise access_denied(
                "Free models are only available to accounts that have deposited. Please deposit any amount: "
                "https://imagerouter.io/pricing"
            )
        limit = FREE_A_DAY if self.credits > 0 else FREE_A_DAY_WITHOUT_DEPOSIT
        if self.free_used >= limit and self.credits > 0:
            raise rate_limited(
                f"Daily limit of {limit} free requests reached. There is no limit on paid models, so you can "
                'continue by removing ":free" from the model name.',
                seconds=86_400,
            )
        if self.free_used >= limit:
            raise deposit_required(limit)
        self.free_used += 1

    def charge(self, price: Decimal) -> None:
        """Take the price before the generation begins.

        Raises:
            RefusedError: There is not enough; nothing was taken.
        """
        if price > self.credits:
            raise insufficient_credits(f"{price.normalize():f}")
        self.used += price
        self.requests += 1

    def refund(self, price: Decimal) -> None:
        """Give the price of a failed generation back."""
        self.used -= price

    def summary(self, *, by_key: bool) -> dict[str, object]:
        """What `/v1/credits` answers; amounts are strings of USD."""
        answer: dict[str, object] = {
            "remaining_credits": f"{self.credits:.4f}",
            "credit_usage": f"{self.used:.4f}",
            "total_deposits": f"{self.deposits:.4f}",
        }
        if by_key:
            limit = self.spend_limit
            answer["usage_by_api_key"] = [
                {
                    "api_key_name": self.name,
                    "credit_usage": f"{self.used:.4f}",
                    "total_requests": self.requests,
                    "is_active": True,
                    "spend_limit": None if limit is None else f"{limit:.4f}",
                    "spend_limit_period": None if limit is None else "month",
                    "period_spend": None if limit is None else f"{self.used:.4f}",
                    "expires_at": None if limit is None else "2027-01-31T00:00:00.000Z",
                }
            ]
        return answer


def _special() -> dict[str, Account]:
    nothing = Decimal(0)
    return {
        POOR_KEY: Account("poor", deposits=Decimal(5), used=Decimal(5)),
        NEVER_DEPOSITED_KEY: Account("never-deposited", deposits=nothing, used=nothing, free_forbidden=True),
        FREE_LIMIT_KEY: Account(
            "free-limit", deposits=nothing, used=nothing, free_used=FREE_A_DAY_WITHOUT_DEPOSIT
        ),
        LIMITED_KEY: Account("limited", spend_limit=Decimal(10)),
        RATE_LIMITED_KEY: Account("rate-limited", rate_limited=True),
    }


_REFUSED: Mapping[str, str] = {
    UNKNOWN_KEY: "Invalid API key",
    MANAGEMENT_KEY: "Management API keys cannot be used for this endpoint",
    EXPIRED_JWT: "Invalid or expired JWT token",
}


@dataclass(slots=True)
class Accounts:
    """All accounts of one running sandbox; every good key has its own."""

    _by_key: dict[str, Account] = field(default_factory=_special)

    def authorize(self, header: str | None) -> Account:
        """Find the account behind an `Authorization` header.

        Raises:
            RefusedError: 401, with the service's words for what is wrong with it.
        """
        if not header or not header.startswith("Bearer "):
            raise unauthorized("Authorization header must be provided as Bearer token")
        key = header.removeprefix("Bearer ").strip()
        if key in _REFUSED:
            raise unauthorized(_REFUSED[key])
        if len(key) != KEY_LENGTH and len(key) < JWT_LENGTH:
            raise unauthorized(f"Invalid authorization token length: {len(key)}")
        return self._by_key.setdefault(key, Account("sandbox"))
