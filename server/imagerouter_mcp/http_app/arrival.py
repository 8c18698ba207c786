"""How long a request may take to arrive, and an answer to be taken: nobody holds the server by being slow."""

import asyncio
import time

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
MAX_CONNECTIONS = 900
"""Below the 1,024 open files that a process may usually have."""


class Arrival:
    """Gives up on a body that comes too slowly.

    Args:
        app: Reads the body.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; in place of the rest of a slow body, the application hears that it was left."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        arriving = _Arriving(scope, receive, send)
        await self._app(scope, arriving.receive, arriving.send)


class _Arriving:
    """One request's body."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._latest = time.monotonic() + BODY_SECONDS
        self._whole = self._late = self._answered = False

    async def receive(self) -> Message:
        if self._whole or self._late:
            return await self._receive()
        with anyio.move_on_after(self._latest - time.monotonic()):
            message = await self._receive()
            self._latest += len(message.get("body", b"")) / MIN_BYTES_PER_SECOND
            self._whole = not message.get("more_body", False)
            return message
        await self._give_up()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if not self._late:
            self._answered = True
            await self._send(message)

    async def _give_up(self) -> None:
        self._late = True
        if not self._answered:
            answer = refusal(408, "The request came too slowly. Send it again.", {"Connection": "close"})
            await answer(self._scope, self._receive, self._send)


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
