"""Time limits against slow clients: for a request to arrive, and for an answer to be read."""

import asyncio
import time
from collections.abc import Mapping

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from imagerouter_mcp.http_app.error_response import error_response

HEAD_SECONDS = 15
"""Time limit for a request's head, counted from the start of the connection or the previous answer."""
BODY_SECONDS = 20
MIN_BYTES_PER_SECOND = 64 * 1024
"""A body may take `BODY_SECONDS`, plus a second for each of these amounts that has arrived."""
TAKING_SECONDS = 60
"""How long a client may read nothing of an answer that is waiting to be sent."""
MAX_HEAD_BYTES = 32 * 1024
MAX_HELD_BYTES = 256 * 2**20
"""Total size of the bodies being received; each may stay in memory until it is answered."""
MAX_CONNECTIONS = 900
"""Below 1,024, the usual limit of open files for a process."""

_END = {"Connection": "close"}
_LATER = {"Retry-After": "1"}  # closing the connection at once would lose the answer


class Arrival:
    """Refuses a body that arrives too slowly, or that does not fit beside the others.

    Args:
        app: Reads the body.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.held = 0
        """Bytes of the bodies being received."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on. If its body is refused, the application sees a disconnect."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        arriving = _Arriving(self, scope, receive, send)
        try:
            await self._app(scope, arriving.receive, arriving.send)
        finally:
            arriving.release()


class _Arriving:
    """The body of one request."""

    def __init__(self, all_of_them: Arrival, scope: Scope, receive: Receive, send: Send) -> None:
        self._all = all_of_them
        self._held = 0
        self._scope, self._receive, self._send = scope, receive, send
        self._latest = time.monotonic() + BODY_SECONDS
        self._whole = self._left = self._answered = False

    async def receive(self) -> Message:
        if self._whole or self._left:
            return await self._receive()
        message: Message | None = None
        with anyio.move_on_after(self._latest - time.monotonic()):
            message = await self._receive()
        if message is None:
            return await self._leave(408, "The request came too slowly. Send it again.", _END)
        if not self._hold(len(message.get("body", b""))):
            return await self._leave(503, "Too much is being sent at once. Try again soon.", _LATER)
        self._whole = not message.get("more_body", False)
        return message

    def _hold(self, size: int) -> bool:
        """Count the bytes received; return whether they fit beside the other bodies."""
        self._latest += size / MIN_BYTES_PER_SECOND
        self._held += size
        self._all.held += size
        return not size or self._all.held <= MAX_HELD_BYTES

    def release(self) -> None:
        """Stop counting this body's bytes."""
        self._all.held -= self._held
        self._held = 0

    async def send(self, message: Message) -> None:
        if not self._left:
            self._answered = True
            await self._send(message)

    async def _leave(self, status: int, sentence: str, headers: Mapping[str, str]) -> Message:
        self._left = True
        self.release()
        if not self._answered:
            answer = error_response(status, sentence, headers)
            await answer(self._scope, self._receive, self._send)
        return {"type": "http.disconnect"}


class PunctualProtocol(H11Protocol):
    """uvicorn's protocol, with a time limit on connections that have no request being served.

    This ends heads that arrive byte by byte, and the rest of a body that was refused.
    """

    _expecting: asyncio.TimerHandle | None = None
    _sending: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # pyright: ignore[reportIncompatibleMethodOverride] - as uvicorn's own
        """Start the timer for the first request; close the connection if there are too many."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
            return
        self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel both timers."""
        super().connection_lost(exc)
        for timer in (self._expecting, self._sending):
            if timer:
                timer.cancel()

    def on_response_complete(self) -> None:
        """Start the timer for the next request."""
        self._expect_request()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Start the timer for the client to read what it was sent."""
        super().pause_writing()
        self._sending = self.loop.call_later(TAKING_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Cancel that timer."""
        super().resume_writing()
        if self._sending:
            self._sending.cancel()

    def _expect_request(self) -> None:
        if self._expecting:
            self._expecting.cancel()
        self._expecting = self.loop.call_later(HEAD_SECONDS, self._end_idle)

    def _end_idle(self) -> None:
        # Before the first request, `cycle` is None, whatever its annotation says.
        serving = self.cycle is not None and not self.cycle.response_complete  # pyright: ignore[reportUnnecessaryComparison]
        if not serving:
            self.transport.close()
