"""Limit connections: how long a request may take to arrive, and which one gives way to a new one.

uvicorn limits neither, and an application first sees a request when its head is complete.
"""

import asyncio
import heapq
import json
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from types import FrameType
from typing import cast

import h11
import uvicorn
from sse_starlette.sse import AppStatus
from uvicorn.protocols.http.h11_impl import H11Protocol

from imagerouter_mcp.descriptor_limit import descriptor_limit
from imagerouter_mcp.http_app.draining import Draining
from imagerouter_mcp.http_app.exposure import STUDIO_CHANGES
from imagerouter_mcp.http_app.household import household
from imagerouter_mcp.http_app.listening import only_listens

ARRIVAL_SECONDS = 15
"""Time limit for a request to arrive, from the start of the connection or the previous answer."""
MIN_BYTES_PER_SECOND = 64 * 1024
"""Each of these amounts that has arrived adds a second to that limit."""
TAKING_SECONDS = 60
"""How long a client may read nothing of an answer that is waiting to be sent."""
LINGERING_SECONDS = 2
"""How long the rest of a refused request is thrown away; closing at once could lose the answer."""
_DISCARDING_PAUSE = 0.01
"""Seconds between two pieces that are thrown away, as reading them takes time too."""
ACCEPTED_AT_ONCE = 8
"""How many connections are accepted before others are served again, so that a flood delays them little."""
QUEUED = 4096
"""How many connections the system keeps until they are accepted."""
MIN_CHUNK_BYTES = 256
"""Average size of a body's chunks. Smaller ones would take long to parse."""
_TICK_SECONDS = 0.1
"""How often a server that is ending looks whether a second signal has come."""
_SPARE_BYTES = 100 * MIN_CHUNK_BYTES
"""How far a body may be below that average, whatever came before."""


def connection_limit() -> int:
    """Return how many connections a server may have: a quarter of its descriptors, at most 900."""
    return min(900, descriptor_limit() // 4)


class Server(uvicorn.Server):
    """uvicorn's server, which queues more connections than it accepts at once, and ends in order.

    After a signal it goes on serving until it has drained, then finishes what is under way. A second signal
    ends it at once.

    Args:
        config: uvicorn's.
        draining: How long it goes on accepting requests; `/ready` tells of it.
        end_calls: Sends nothing more, and waits for what was sent for some seconds.
        grace_seconds: Those seconds.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        draining: Draining,
        end_calls: Callable[[float], Awaitable[None]],
        grace_seconds: float,
    ) -> None:
        super().__init__(config)
        self._draining = draining
        self._end_calls = end_calls
        self._grace_seconds = grace_seconds
        self._hurried = False
        # Answers to older clients would break off at the signal; `shutdown` ends what only listens.
        AppStatus.disable_automatic_graceful_drain()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen. uvicorn's `backlog` sets both numbers; the queue gets its own here."""
        await super().startup(sockets)
        for each in sockets or ():
            each.listen(QUEUED)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to shut down; a second signal ends at once."""
        if self.should_exit:
            self._hurried = True
            self.config.timeout_graceful_shutdown = 0
        else:
            self._draining.begin()
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Return whether to shut down: when drained, or when hurried."""
        return await super().on_tick(counter) and (self._hurried or self._draining.over)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nothing more, end the streams of events, which have no end of their own, finish the rest."""
        for listening in (*self.servers, *(sockets or ())):
            listening.close()
        for each in cast("list[Connection]", list(self.server_state.connections)):
            if not each.expects and each.only_listens:
                each.end_stream()
            else:
                each.shutdown()
        await self._finish_calls()
        await super().shutdown(sockets)

    async def _finish_calls(self) -> None:
        """Let the calls that are under way be answered; when hurried, cancel them."""
        ending = asyncio.ensure_future(self._end_calls(self._grace_seconds))
        while not (ending.done() or self._hurried):
            await asyncio.wait((ending,), timeout=_TICK_SECONDS)
        if self._hurried:
            await self._end_calls(0)
        await ending


class Connection(H11Protocol):
    """uvicorn's protocol, which also drops slow requests and closes after refused ones."""

    household = ""
    deadline = 0.0
    """When the request that is expected has to be complete."""
    _socket: asyncio.Transport
    _arriving: asyncio.TimerHandle | None = None
    _taking: asyncio.TimerHandle | None = None
    _lingers = False

    @property
    def expects(self) -> bool:
        """Whether a request is still to arrive, or part of one."""
        # Before the first request, `cycle` is None, whatever its annotation says.
        begun = self.cycle is not None and not self.cycle.response_complete  # pyright: ignore[reportUnnecessaryComparison]
        return not begun or self._is_incomplete

    @property
    def only_listens(self) -> bool:
        """Whether the request is one for a stream of events, which has no end."""
        return only_listens(self.scope) or self.scope["path"] == STUDIO_CHANGES

    @property
    def _is_incomplete(self) -> bool:
        return self.conn.their_state in (h11.SEND_BODY, h11.ERROR)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # pyright: ignore[reportIncompatibleMethodOverride] - as uvicorn's own
        """Start the time for the first request. If there are too many connections, some give way."""
        self._socket = transport
        self.conn = _Parser(h11.SERVER)
        super().connection_made(cast("asyncio.Transport", _Lingering(transport, self)))
        self.household = household(self.client)
        self._expect_request()
        if len(self.connections) > connection_limit():
            make_room(self, cast("set[Connection]", self.connections))

    def data_received(self, data: bytes) -> None:
        """Pass data on, unless it belongs to a request that has been answered."""
        if self._lingers:
            self._socket.pause_reading()
            self.loop.call_later(_DISCARDING_PAUSE, self._socket.resume_reading)
        else:
            self.deadline += len(data) / MIN_BYTES_PER_SECOND
            super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel both timers."""
        super().connection_lost(exc)
        for timer in (self._arriving, self._taking):
            if timer:
                timer.cancel()

    def on_response_complete(self) -> None:
        """Start the time for the next request; if this one is incomplete, close instead."""
        if self._is_incomplete:
            self.transport.close()
        else:
            self._expect_request()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP."""
        self._refuse(400, msg)

    def pause_writing(self) -> None:
        """Start the time for the client to read what it was sent."""
        super().pause_writing()
        self._taking = self.loop.call_later(TAKING_SECONDS, self._socket.abort)

    def resume_writing(self) -> None:
        """Cancel that timer."""
        super().resume_writing()
        if self._taking:
            self._taking.cancel()

    def close(self) -> None:
        """Close the connection, after throwing away the rest of a request that was refused."""
        if self._lingers:
            return
        if not self._is_incomplete or self._socket.is_closing():
            self._socket.close()
            return
        self._lingers = True
        self._socket.write_eof()
        self.flow.resume_reading()
        self._time(LINGERING_SECONDS, self._socket.abort)

    @property
    def closes(self) -> bool:
        """Whether the connection is about to end."""
        return self._lingers or self._socket.is_closing()

    def end_stream(self) -> None:
        """End an answer that has no end of its own; the application is told that the client has left."""
        self.cycle.disconnected = True
        self.cycle.message_event.set()
        if self.conn.our_state is h11.SEND_BODY:
            with suppress(h11.LocalProtocolError):  # it is shorter than its head says
                self._socket.write(self.conn.send(h11.EndOfMessage()) or b"")
        self.close()

    def give_way(self) -> None:
        """End the connection at once."""
        self.connections.discard(self)
        self._socket.abort()

    def _expect_request(self) -> None:
        self.deadline = self.loop.time() + ARRIVAL_SECONDS
        self._time(ARRIVAL_SECONDS, self._check_arrival)

    def _check_arrival(self) -> None:
        left = self.deadline - self.loop.time()
        if not self.expects:
            return
        if left > 0:
            self._time(left, self._check_arrival)
        elif self.conn.their_state is h11.SEND_BODY:
            self._refuse(408, "The request came too slowly. Send it again.")
        else:
            self._socket.close()

    def _refuse(self, status: int, sentence: str) -> None:
        """Answer in place of the application, which is told that the client has left; then close."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self._socket.abort()  # an answer has begun
            return
        if self.conn.our_state is h11.SEND_RESPONSE and self.cycle is not None:  # pyright: ignore[reportUnnecessaryComparison] - as in `expects`
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        body = json.dumps({"error": sentence}).encode()
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
        ]
        answer = h11.Response(status_code=status, reason=HTTPStatus(status).phrase, headers=headers)
        for part in (answer, h11.Data(data=body), h11.EndOfMessage()):
            self._socket.write(self.conn.send(part) or b"")
        self.close()

    def _time(self, seconds: float, then: Callable[[], object]) -> None:
        if self._arriving:
            self._arriving.cancel()
        self._arriving = self.loop.call_later(seconds, then)


def make_room(new: Connection, others: set[Connection]) -> None:
    """End idle connections, as many as are accepted at once.

    They are those with the least time left, of the household that has most of them.
    """
    idle = [each for each in others if each is not new and (each.expects or each.only_listens)]
    of_household = Counter(each.household for each in idle)
    for each in heapq.nsmallest(
        ACCEPTED_AT_ONCE, idle, key=lambda each: (-of_household[each.household], each.deadline)
    ):
        each.give_way()


class _Parser(h11.Connection):
    """h11's parser, which refuses bodies in very small chunks, as they keep it busy."""

    _spare = 0

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._spare = _SPARE_BYTES
        elif isinstance(event, h11.Data):
            self._spare = min(self._spare + len(event.data) - MIN_CHUNK_BYTES, _SPARE_BYTES)
            if self._spare < 0:
                raise h11.RemoteProtocolError("the chunks are too small")
        return event


class _Lingering:
    """A transport whose `close` is the connection's."""

    def __init__(self, transport: asyncio.Transport, connection: Connection) -> None:
        self._transport = transport
        self.close = connection.close
        self._connection = connection

    def is_closing(self) -> bool:
        return self._connection.closes

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)
