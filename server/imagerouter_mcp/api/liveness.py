"""Watch whether a connection is alive: a slow model sends signs of life, a dead connection does not."""

import asyncio
from collections.abc import Generator, Mapping
from contextlib import contextmanager

import anyio

_SECOND_LOOK_SECONDS = 0.5
"""Seconds for reading bytes that are still waiting when a suspension has passed the deadline."""
_SENT = ".send_request_body.complete"
"""End of the name of httpx's trace event. Silence before this event is not the service's fault."""


class SilenceError(Exception):
    """Nothing came for too long; `str()` says how long, as the end of a sentence."""


class Watch:
    """Watches one call, and cancels it when nothing comes for too long.

    Args:
        stall_seconds: Seconds without a sign of life, after the request was sent, that end the call.
        seconds: Upper bound on the whole call.
        scope: What is cancelled.
    """

    def __init__(self, stall_seconds: float, seconds: float, scope: anyio.CancelScope) -> None:
        self._stall_seconds = stall_seconds
        self._seconds = seconds
        self._scope = scope
        self._loop = asyncio.get_running_loop()
        self._until = self._loop.time() + seconds
        self._silent_from: float | None = None
        self._looked_at: float | None = None
        self._timer = self._loop.call_at(self._until, self._look)

    @property
    def verdict(self) -> str:
        """Say why the call was cancelled."""
        if self._loop.time() >= self._until:
            return f"no answer came within {self._seconds:g} seconds"
        return f"the connection went silent for {self._stall_seconds:g} seconds"

    def alive(self) -> None:
        """Note a sign of life."""
        self._silent_from = self._loop.time()

    async def trace(self, event: str, _: Mapping[str, object]) -> None:
        """Note when httpx has sent the whole request."""
        if event.endswith(_SENT):
            self.alive()
            self._look_at(self._deadline)

    def end(self) -> None:
        """Stop watching."""
        self._timer.cancel()

    @property
    def _deadline(self) -> float:
        if self._silent_from is None:
            return self._until
        return min(self._until, self._silent_from + self._stall_seconds)

    def _look(self) -> None:
        now, deadline = self._loop.time(), self._deadline
        if now < deadline:
            self._look_at(deadline)
        elif self._looked_at == deadline:
            self._scope.cancel()
        else:
            self._looked_at = deadline
            self._look_at(now + _SECOND_LOOK_SECONDS)

    def _look_at(self, moment: float) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_at(moment, self._look)


@contextmanager
def watched(stall_seconds: float, seconds: float) -> Generator[Watch]:
    """Watch the call within the block.

    Args:
        stall_seconds: Seconds without a sign of life, after the request was sent, that end the call.
        seconds: Upper bound on the whole call.

    Raises:
        SilenceError: The call took too long and was cancelled.
    """
    scope = anyio.CancelScope()
    watch = Watch(stall_seconds, seconds, scope)
    with scope:
        try:
            yield watch
        finally:
            watch.end()
    if scope.cancelled_caught:
        raise SilenceError(watch.verdict)
