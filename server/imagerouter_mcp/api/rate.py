"""How often the account may ask: learned from the headers of the service's answers."""

import re
import time
from collections.abc import Mapping

_TOO_MANY = 429
_NUMBER = re.compile(r"\d{1,7}(\.\d+)?")
_LONGEST_PAUSE = 60.0
"""Seconds. A longer wait, such as for tomorrow's free pictures, is told to the caller instead."""


class RateLimits:
    """What is known of the account's limit, as of the last answer."""

    def __init__(self) -> None:
        self._closed_until = 0.0

    def learn(self, status: int, headers: Mapping[str, str]) -> None:
        """Read an answer's `RateLimit-Remaining` and `RateLimit-Reset`, and `Retry-After` of a 429.

        Args:
            status: The HTTP status.
            headers: The answer's headers, names in any case.
        """
        if status == _TOO_MANY:
            self._close(_seconds(headers, "retry-after"))
        elif _seconds(headers, "ratelimit-remaining") == 0:
            self._close(_seconds(headers, "ratelimit-reset"))

    def pause(self) -> float:
        """Seconds until another request may be sent; 0 when it may be now."""
        return max(0.0, self._closed_until - time.monotonic())

    def _close(self, seconds: float | None) -> None:
        if seconds is not None and seconds <= _LONGEST_PAUSE:
            self._closed_until = max(self._closed_until, time.monotonic() + seconds)


def _seconds(headers: Mapping[str, str], name: str) -> float | None:
    value = headers.get(name, "")
    return float(value) if _NUMBER.fullmatch(value) else None
