"""How long a request may take to arrive, and an answer to be taken: nobody holds the server by being slow."""

import asyncio
import time
from collections.abc import Mapping

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from imagerouter_mcp.http_app.refusals import refusal

HEAD_SECONDS = 15
"""For a request's head, counted from the connection's beginning or from the answer before."""
BODY_SECONDS = 20
MIN_BYTES_PER_SECOND = 64 * 1024
"""A body may take `BODY_SECONDS`, and a second more for as many bytes as these that have come."""
TAKING_SECONDS = 60
"""For which a client may take nothing of an answer that waits to be sent."""
MAX_HEAD_BYTES = 32 * 1024
MAX_HELD_BYTES = 256 * 2**20
"""Of the bodies of all requests under way; each may be held in memory until it is answered."""
MAX_CONNECTIONS = 900
"""Below the 1,024 open files that a process may usually have."""

_END = {"Connection": "close"}
_LATER = {"Retry-After": "1"}  # the connection stays for a while: closed at once, it would lose the answer


class Arrival:
    """Gives up on a body that comes too slowly, or that is too much beside all others.

    Args:
        app: Reads the body.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.held = 0
        """Bytes of the bodies under way."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; in place of a refused body's rest, the application hears that it was left."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        arriving = _Arriving(self, scope, receive, send)
        try:
            await self._app(scope, arriving.receive, arriving.send)
        finally:
            arriving.release()


class _Arriving:
    """One request's body."""

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
        """Count what has come; whether it fits beside all the rest."""
        self._latest += size / MIN_BYTES_PER_SECOND
        self._held += size
        self._all.held += size
        return not size or self._all.held <= MAX_HELD_BYTES

    def release(self) -> None:
        """Count its bytes no more."""
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
            answer = refusal(status, sentence, headers)
            await answer(self._scope, self._receive, self._send)
        return {"type": "http.disconnect"}


class PunctualProtocol(H11Protocol):
    """uvicorn's own, with a limit to the time that a connection may live without a request that is served.

    So a head that drips ends, and so does the rest of a body that nobody wants any more.
    """

    _expecting: asyncio.TimerHandle | None = None
    _sending: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # pyright: ignore[reportIncompatibleMethodOverride] - as uvicorn's own
        """Begin to wait for a request; with too many connections, end this one."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
            return
        self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        super().connection_lost(exc)
        for timer in (self._expecting, self._sending):
            if timer:
                timer.cancel()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        self._expect_request()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Begin to wait for the client to take what it was sent."""
        super().pause_writing()
        self._sending = self.loop.call_later(TAKING_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop waiting for it."""
        super().resume_writing()
        if self._sending:
            self._sending.cancel()

    def _expect_request(self) -> None:
        if self._expecting:
            self._expecting.cancel()
        self._expecting = self.loop.call_later(HEAD_SECONDS, self._end_idle)

    def _end_idle(self) -> None:
        # Before the first request, uvicorn has no cycle, whatever its annotation says.
        serving = self.cycle is not None and not self.cycle.response_complete  # pyright: ignore[reportUnnecessaryComparison]
        if not serving:
            self.transport.close()
