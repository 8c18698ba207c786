"""Announce the end of a server beforehand, so that load balancers stop sending it requests."""

import time


class Draining:
    """Whether the server is about to end, and until when it goes on accepting requests.

    Args:
        seconds: How long it still accepts requests after the signal.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until: float | None = None

    @property
    def begun(self) -> bool:
        """Whether the signal has come."""
        return self._until is not None

    @property
    def over(self) -> bool:
        """Whether requests are no longer accepted."""
        return self._until is not None and time.monotonic() >= self._until

    def begin(self) -> None:
        """Start the time; a second call changes nothing."""
        if self._until is None:
            self._until = time.monotonic() + self._seconds
