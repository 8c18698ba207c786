"""The accounts behind the API keys, and what each may do.

| key | account |
|---|---|
| `KEY`, and any other of 64 characters | 25.5 USD left |
| `POOR_KEY` | has deposited once, nothing left |
| `NEVER_DEPOSITED_KEY` | has never deposited |
| `FREE_LIMIT_KEY` | 25.5 USD left, today's `:free` pictures used up |
| `LIMITED_KEY` | 25.5 USD left; the key has a monthly spend limit, which `/v1/credits` shows |
| `RATE_LIMITED_KEY` | 25.5 USD left, and every generation answers 429 |
| `UNKNOWN_KEY` | none: 401 `Invalid API key` |
| `MANAGEMENT_KEY` | none: 401, because this key only creates others |
| `EXPIRED_JWT` | none: 401, a temporary token (100 characters or more); any other of this length is good |
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from imagerouter_mcp.sandbox.service.error_answers import (
    free_day_over,
    no_free_models,
    rate_limited,
    unauthorized,
)
from imagerouter_mcp.sandbox.service.throttle import Window, usual_limit

KEY_LENGTH: Final = 64
"""Characters of an API key."""
JWT_LENGTH: Final = 100
"""The shortest temporary token, in characters."""
KEY: Final = "sandbox-key-".ljust(KEY_LENGTH, "0")
POOR_KEY: Final = "sandbox-poor-key-".ljust(KEY_LENGTH, "0")
NEVER_DEPOSITED_KEY: Final = "sandbox-never-deposited-key-".ljust(KEY_LENGTH, "0")
FREE_LIMIT_KEY: Final = "sandbox-free-limit-key-".ljust(KEY_LENGTH, "0")
LIMITED_KEY: Final = "sandbox-limited-key-".ljust(KEY_LENGTH, "0")
RATE_LIMITED_KEY: Final = "sandbox-rate-limited-key-".ljust(KEY_LENGTH, "0")
UNKNOWN_KEY: Final = "sandbox-unknown-key-".ljust(KEY_LENGTH, "0")
MANAGEMENT_KEY: Final = "sandbox-management-key-".ljust(KEY_LENGTH, "0")
EXPIRED_JWT: Final = "sandbox-expired-jwt-".ljust(160, "0")

UNITS_A_DOLLAR: Final = 10_000
"""The service counts credits in whole 1/10,000 USD."""


@dataclass(slots=True)
class Account:
    """One account with one key; amounts in 1/10,000 USD.

    Attributes:
        name: What `/v1/credits` calls the key.
        deposits: All that was ever paid in.
        used: All that was ever charged, the pre-charges of pictures in flight included.
        requests: How many generations were begun.
        free_used: Pictures of `:free` models today; None is as many as the service allows.
        rate_limited: Whether every generation is answered with 429.
        images: The requests for images within the present window.
        videos: The same for videos.
        spend_limit: What the key may spend in a month; shown, not enforced, because the wording of the
            service's refusal has not been observed.
    """

    name: str
    deposits: int = 300_000
    used: int = 45_000
    requests: int = 0
    free_used: int | None = 0
    rate_limited: bool = False
    images: Window = field(default_factory=Window)
    videos: Window = field(default_factory=Window)
    spend_limit: int | None = None

    @property
    def units(self) -> int:
        """The credits that are left."""
        return self.deposits - self.used

    def count_request(self, limit: int, seconds: float, *, video: bool) -> dict[str, str]:
        """Count a request against the key's rate limit.

        Args:
            limit: How many a window may see; 0 is the service's rule, which depends on the credits left.
            seconds: How long a window lasts.
            video: Whether it is for a video.

        Returns:
            The `RateLimit-…` headers that every answer carries.

        Raises:
            RefusedError: 429: too many.
        """
        if self.rate_limited:
            raise rate_limited()
        window = self.videos if video else self.images
        return window.admit(limit or usual_limit(self.units / UNITS_A_DOLLAR, video=video), seconds)

    def admit_free(self, daily_limit: int) -> None:
        """Count a picture of a `:free` model.

        Raises:
            RefusedError: 403: no credits left; or 429: today's free pictures are used up.
        """
        if self.units <= 0:
            raise no_free_models()
        if self.free_used is None or self.free_used >= daily_limit:
            raise free_day_over(daily_limit)
        self.free_used += 1

    def summary(self, *, by_key: bool) -> dict[str, object]:
        """Return the body of `/v1/credits`; its amounts are strings of USD."""
        answer: dict[str, object] = {
            "remaining_credits": _dollars(self.units),
            "credit_usage": _dollars(self.used),
            "total_deposits": _dollars(self.deposits),
        }
        if by_key:
            limit = self.spend_limit
            answer["usage_by_api_key"] = [
                {
                    "api_key_name": self.name,
                    "credit_usage": _dollars(self.used),
                    "total_requests": self.requests,
                    "is_active": True,
                    "spend_limit": None if limit is None else _dollars(limit),
                    "spend_limit_period": None if limit is None else "month",
                    "period_spend": None if limit is None else _dollars(self.used),
                    "expires_at": None if limit is None else "2027-01-31T00:00:00.000Z",
                }
            ]
        return answer


def _dollars(units: int) -> str:
    return f"{units / UNITS_A_DOLLAR:.4f}"


def _special() -> dict[str, Account]:
    return {
        POOR_KEY: Account("poor", deposits=50_000, used=50_000),
        NEVER_DEPOSITED_KEY: Account("never-deposited", deposits=0, used=0),
        FREE_LIMIT_KEY: Account("free-limit", free_used=None),
        LIMITED_KEY: Account("limited", spend_limit=100_000),
        RATE_LIMITED_KEY: Account("rate-limited", rate_limited=True),
    }


_REFUSED: Mapping[str, str] = {
    UNKNOWN_KEY: "Invalid API key",
    MANAGEMENT_KEY: "Management API keys cannot be used for this endpoint",
    EXPIRED_JWT: "Invalid or expired JWT token",
}


@dataclass(slots=True)
class Accounts:
    """All accounts of one running sandbox; every accepted key has its own."""

    _by_key: dict[str, Account] = field(default_factory=_special)

    def authorize(self, header: str | None) -> Account:
        """Return the account behind an `Authorization` header.

        Raises:
            RefusedError: 401: the header is missing, malformed or names no account.
        """
        if not header or not header.startswith("Bearer "):
            raise unauthorized("Authorization header must be provided as Bearer token")
        key = header.removeprefix("Bearer ").strip()
        if key in _REFUSED:
            raise unauthorized(_REFUSED[key])
        if len(key) != KEY_LENGTH and len(key) < JWT_LENGTH:
            raise unauthorized(f"Invalid authorization token length: {len(key)}")
        return self._by_key.setdefault(key, Account("sandbox"))
