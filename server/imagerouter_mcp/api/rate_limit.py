"""Read from the headers of answers how long to wait: after a 429, or once the limit is used up."""

import re
import time
from collections.abc import Mapping

_TOO_MANY = 429
_NUMBER = re.compile(r"\d{1,7}(\.\d+)?")
LONGEST_PAUSE = 60.0
"""Seconds that a call waits for the service at most; the caller decides about longer waits."""


class RateLimit:
    """What the last answers said about a key's rate limit."""

    def __init__(self) -> None:
        self._closed_until = 0.0

    def learn(self, status: int, headers: Mapping[str, str]) -> None:
        """Read `RateLimit-Remaining` and `RateLimit-Reset` of an answer, or `Retry-After` of a 429.

        Args:
            status: The HTTP status.
            headers: The answer's headers, names in any case.
        """
        if status == _TOO_MANY:
            self._close(seconds_of(headers, "retry-after"))
        elif seconds_of(headers, "ratelimit-remaining") == 0:
            self._close(seconds_of(headers, "ratelimit-reset"))

    def pause(self) -> float:
        """Return the seconds until another request may be sent; 0 when it may be sent now."""
        return max(0.0, self._closed_until - time.monotonic())

    def _close(self, seconds: float | None) -> None:
        if seconds is not None and seconds <= LONGEST_PAUSE:
            self._closed_until = max(self._closed_until, time.monotonic() + seconds)


def seconds_of(headers: Mapping[str, str], name: str) -> float | None:
    """Return a header's number of seconds, or None when it has none or no sensible one."""
    value = headers.get(name, "")
    return float(value) if _NUMBER.fullmatch(value) else None
