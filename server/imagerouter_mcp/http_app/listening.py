"""Streams of events that clients only listen to: they end when their sender is no longer let in."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import anyio
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.http_app.admission import LASTS
from imagerouter_mcp.http_app.exposure import MCP_PATH

RECOGNISED_SECONDS = 15
"""For how long a stream goes on without a look at whether its sender is still let in."""
_LISTEN = "subscriptions/listen"
"""The method that opens such a stream since protocol 2026-07-28. Before that, a GET does."""


class Listening:
    """Ends streams at `/mcp` whose sender was blocked or removed, or whose token has ended.

    An answer to a call is not such a stream: it is sent to its end, because it may have been paid for.

    Args:
        app: Answers with the streams.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http" or not only_listens(scope):
            await self._app(scope, receive, send)
            return
        stream = _Stream(receive, send, scope[LASTS])
        await self._app(scope, stream.receive, stream.send)
        await stream.finish()


class _Stream:
    """What an application receives and sends; its client seems to leave when its access ends.

    Args:
        receive: Receives from the client.
        send: Sends to the client.
        lasts: Returns whether the client would still be let in.
    """

    def __init__(self, receive: Receive, send: Send, lasts: Callable[[], Awaitable[bool]]) -> None:
        self._receive = receive
        self._send = send
        self._lasts = lasts
        self._refused = False
        self._open = False

    async def receive(self) -> Message:
        while not self._refused:
            with anyio.move_on_after(RECOGNISED_SECONDS):
                return await self._receive()
            self._refused = not await self._is_let_in()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self._open = message["type"] == "http.response.start" or message.get("more_body", False)
        await self._send(message)

    async def finish(self) -> None:
        """End the answer, which applications leave open when a client seems to have left."""
        if self._open:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _is_let_in(self) -> bool:
        try:
            return await self._lasts()
        except ConfigurationError:
            return False


def only_listens(scope: Mapping[str, Any]) -> bool:
    """Return whether a request opens such a stream."""
    is_listening = scope["method"] == "GET" or Headers(raw=scope["headers"]).get("mcp-method") == _LISTEN
    return scope["path"] == MCP_PATH and is_listening
