"""Tell the studio's page when the gallery or the journal has changed, whichever process changed it."""

import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict
from weakref import WeakValueDictionary

import anyio
from anyio import to_thread
from mcp.server import MCPServer
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from imagerouter_mcp.apps import Apps
from imagerouter_mcp.errors import ImageRouterError
from imagerouter_mcp.gallery.browsing import Browsing, State
from imagerouter_mcp.http_app.admission import CLIENT, LASTS
from imagerouter_mcp.http_app.connections import connection_limit
from imagerouter_mcp.http_app.downloads import HARMLESS
from imagerouter_mcp.http_app.error_response import error_response
from imagerouter_mcp.http_app.exposure import STUDIO_CHANGES
from imagerouter_mcp.http_app.shares import Shares

MOST_STREAMS = 16
"""Maximum number of open studio pages of one person, or of one browser that came by a link."""
LOOK_SECONDS = 0.4
"""Poll interval in seconds, for all open pages together."""
RECOGNISED_SECONDS = 1
"""Interval in seconds between checks that a stream's person still has access."""
HEARTBEAT_SECONDS = 15
"""Longest silence of a stream in seconds; a stream that nobody reads is then noticed."""
_HEADERS = {**HARMLESS, "X-Accel-Buffering": "no"}


def add_changes(server: MCPServer[Apps], apps: Apps) -> None:
    """Add `/studio/changes`, a stream of events; each has the state of the gallery as JSON.

    A stream ends with the session or the token with which it was asked for.

    Args:
        server: The server being built.
        apps: Hold the galleries.
    """
    watches = WeakValueDictionary[Browsing, Watch]()
    streams = Shares(connection_limit() // 2, MOST_STREAMS)

    @server.custom_route(STUDIO_CHANGES, methods=["GET"])
    async def changes(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction] - the route holds it
        client = request.scope[CLIENT]
        if request.method == "HEAD":
            return Response(media_type="text/event-stream", headers=_HEADERS)
        if not streams.take(client):
            return error_response(503, "Too many pages follow the changes. Close some.", {"Retry-After": "5"})
        browsing = apps.present().browsing
        watch = watches.setdefault(browsing, Watch(browsing))
        events = _events(watch, request.scope[LASTS])
        return _Counted(events, lambda: streams.give_back(client))


class Watch:
    """Looks for changes in one gallery for all its streams together.

    Args:
        browsing: Reads the state.
    """

    def __init__(self, browsing: Browsing) -> None:
        self._browsing = browsing
        self._one_at_a_time = anyio.Lock()
        self._seen_at = 0.0
        self._state: State | None = None

    async def state(self) -> State | None:
        """Return the state, at most `LOOK_SECONDS` old; the last one known if it cannot be read."""
        async with self._one_at_a_time:
            if time.monotonic() - self._seen_at >= LOOK_SECONDS or self._state is None:
                with suppress(ImageRouterError):
                    self._state = await to_thread.run_sync(self._browsing.state)
                self._seen_at = time.monotonic()
            return self._state


class _Counted(StreamingResponse):
    """A stream of events that reports its end, whatever the cause."""

    def __init__(self, events: AsyncGenerator[str], ended: Callable[[], None]) -> None:
        super().__init__(events, media_type="text/event-stream", headers=_HEADERS)
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._ended()


async def _events(watch: Watch, lasts: Callable[[], Awaitable[bool]]) -> AsyncGenerator[str]:
    told: State | None = None
    spoke_at = recognised_at = time.monotonic()
    while True:
        if time.monotonic() - recognised_at >= RECOGNISED_SECONDS:
            if not await lasts():
                return
            recognised_at = time.monotonic()
        state = await watch.state()
        if state is not None and state != told:
            told, spoke_at = state, time.monotonic()
            yield f"data: {json.dumps(asdict(state))}\n\n"
        elif time.monotonic() - spoke_at >= HEARTBEAT_SECONDS:
            spoke_at = time.monotonic()
            yield ": nothing new\n\n"
        await anyio.sleep(LOOK_SECONDS)
