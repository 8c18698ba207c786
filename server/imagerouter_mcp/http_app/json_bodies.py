"""Receive the JSON of requests, limit its size, and limit how many requests are under way."""

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.http_app.admission import CLIENT, LASTS, declared_size
from imagerouter_mcp.http_app.error_response import error_response, records_away
from imagerouter_mcp.http_app.exposure import MCP_PATH
from imagerouter_mcp.http_app.shares import Shares

MAX_BODY_BYTES = 4 * 2**20
"""Pictures that are larger, as data URIs, come by upload link."""
MAX_VALUES = 10_000
"""How many values a body may have; more would take long to parse, and a hundred times their size to keep."""
MAX_HELD_BYTES = 128 * 2**20
"""Total size of the bodies of requests that are under way; no client can take it all."""
SMALL_BYTES = 64 * 1024
"""A body of this size always fits."""
KNOWN_SECONDS = 0.2
"""For how long a body may arrive without a look at whether its sender is still let in."""
_SEPARATORS = (b",", b"[", b"{")


class JsonBodies:
    """Passes on requests to `/mcp` whose body is whole and not too large.

    Args:
        app: Reads each body as one message.
        most: How many requests are served at the same time; no client can take them all.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._places = Shares(most)
        self._held = Shares(MAX_HELD_BYTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http" or scope["path"] != MCP_PATH or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        if declared_size(scope) > MAX_BODY_BYTES:
            await _TOO_LARGE(scope, receive, send)
            return
        body, began = _Body(scope[CLIENT], self._held), anyio.current_time()
        try:
            answer = await body.arrive(receive)
            if answer is None and anyio.current_time() - began >= KNOWN_SECONDS:
                answer = await _refusal(scope)
            if answer:
                await answer(scope, receive, send)
            elif body.is_whole:
                await self._serve(scope, body.then(receive), send)
        finally:
            body.release()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._places.take(scope[CLIENT]):
            await _TOO_MANY(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            self._places.give_back(scope[CLIENT])


async def _refusal(scope: Scope) -> ASGIApp | None:
    """Return a refusal if the sender is not let in any more."""
    try:
        return None if await scope[LASTS]() else _NO_LONGER
    except ConfigurationError as error:
        return records_away(error)


class _Body:
    """The body of one request."""

    def __init__(self, client: str, held: Shares) -> None:
        self._client, self._held = client, held
        self._counted = self._values = 0
        self._data = bytearray()
        self.is_whole = False
        """Whether it has arrived; else the client has left."""

    async def arrive(self, receive: Receive) -> ASGIApp | None:
        """Receive the body; return a refusal if it is over a limit."""
        while not self.is_whole:
            message = await receive()
            if message["type"] != "http.request":
                return None
            piece: bytes = message.get("body", b"")
            self._data += piece
            self._values += sum(map(piece.count, _SEPARATORS))
            if len(self._data) > MAX_BODY_BYTES:
                return _TOO_LARGE
            if self._values > MAX_VALUES:
                return _TOO_COMPLEX
            if not self._fits():
                return _TOO_MUCH
            self.is_whole = not message.get("more_body", False)
        return None

    def _fits(self) -> bool:
        """Count what has arrived, if it is not small."""
        more = len(self._data) - self._counted
        if len(self._data) > SMALL_BYTES and self._held.take(self._client, more):
            self._counted += more
        return len(self._data) <= SMALL_BYTES or self._counted == len(self._data)

    def then(self, receive: Receive) -> Receive:
        """Return a function that returns the body as one message, then calls `receive`."""
        whole: Message = {"type": "http.request", "body": bytes(self._data), "more_body": False}
        self._data.clear()
        return again(whole, receive)

    def release(self) -> None:
        """Stop counting the body."""
        self._held.give_back(self._client, self._counted)


def again(arrived: Message, receive: Receive) -> Receive:
    """Return a function that returns a message that was received already, then calls `receive`."""
    left = [arrived]

    async def first_what_arrived() -> Message:
        return left.pop() if left else await receive()

    return first_what_arrived


_TOO_LARGE = error_response(
    413,
    f"The request is larger than {MAX_BODY_BYTES // 2**20} MiB. Send a picture by upload_link instead, and "
    "give its handle.",
)
_NO_LONGER = error_response(401, "You no longer have access to this server. Nothing was charged.")
_TOO_MUCH = error_response(503, "Too much is being sent at once. Try again soon.", {"Retry-After": "1"})
_TOO_MANY = error_response(503, "Too many requests are under way. Try again soon.", {"Retry-After": "1"})
_TOO_COMPLEX = error_response(413, f"The request has more than {MAX_VALUES:,} values. Send less at once.")
