"""Limit the sessions of the older protocol: count them by client, and end one when a new one needs room."""

import secrets
from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imagerouter_mcp.http_app.admission import CLIENT, PERSON
from imagerouter_mcp.http_app.exposure import MCP_PATH

MAX_SESSIONS = 1000
"""About 50 kB each."""
SESSION_ID = "Mcp-Session-Id"


@dataclass(frozen=True, slots=True)
class _Opener:
    """Who opened a session: the person's id, and the client."""

    person: str
    client: str


class Sessions:
    """Makes room for a new session by ending the longest idle one of the client that has most of them.

    A session serves the person who opened it. To everybody else it does not exist.

    Args:
        app: Opens and ends sessions.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._opener_of: OrderedDict[str, _Opener] = OrderedDict()
        """Who opened each session, the longest idle first."""
        self._sessions_of = Counter[str]()
        """How many sessions each client has."""
        self._working = Counter[str]()
        """How many requests are under way in each session, not counting those that only listen."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note what it does to sessions."""
        if scope["type"] != "http" or scope["path"] != MCP_PATH:
            await self._app(scope, receive, send)
            return
        scope = _without_resumption(scope)
        session = Headers(scope=scope).get(SESSION_ID)
        opener = self._opener_of.get(session or "")
        if session is None:
            await self._make_room()
            await self._app(scope, receive, self._noting(_Opener(scope[PERSON].id, scope[CLIENT]), send))
        elif opener is None or opener.person != scope[PERSON].id:
            await self._app(_of_unknown_session(scope), receive, send)
        else:
            await self._use(session, scope, receive, send)

    async def _use(self, session: str, scope: Scope, receive: Receive, send: Send) -> None:
        works = scope["method"] != "GET"
        self._opener_of.move_to_end(session)
        self._working[session] += works
        deletes = scope["method"] == "DELETE"
        try:
            await self._app(scope, receive, self._forgetting(session, send) if deletes else send)
        finally:
            self._working -= Counter({session: int(works)})

    def _forgetting(self, session: str, send: Send) -> Send:
        """Return a function that forgets a session if the answer says that it ended, and sends the answer."""

        async def forgetting(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:  # noqa: PLR2004 - an error
                self._forget(session)
            await send(message)

        return forgetting

    def _noting(self, opener: _Opener, send: Send) -> Send:
        """Return a function that notes a session which an answer opens, and sends the answer."""

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:  # noqa: PLR2004 - an error
                session = Headers(raw=message["headers"]).get(SESSION_ID)
                if session:
                    self._opener_of[session] = opener
                    self._sessions_of[opener.client] += 1
            await send(message)

        return noting

    async def _make_room(self) -> None:
        while len(self._opener_of) >= MAX_SESSIONS and (session := self._to_end()):
            self._forget(session)
            await self._end(session)

    def _to_end(self) -> str | None:
        """Return the longest idle session of the client that has most sessions; None if all are in use."""
        for most in sorted(set(self._sessions_of.values()), reverse=True):
            for session, opener in self._opener_of.items():
                if self._sessions_of[opener.client] == most and not self._working[session]:
                    return session
        return None

    def _forget(self, session: str) -> None:
        if opener := self._opener_of.pop(session, None):
            self._sessions_of -= Counter({opener.client: 1})

    async def _end(self, session: str) -> None:
        """End a session in the way that its client would."""
        request: dict[str, Any] = {
            "type": "http",
            "method": "DELETE",
            "path": MCP_PATH,
            "root_path": "",
            "query_string": b"",
            "headers": [(SESSION_ID.lower().encode(), session.encode())],
        }

        async def nothing() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def nowhere(_: Message) -> None:
            pass

        await self._app(request, nothing, nowhere)


def _without_resumption(scope: Scope) -> Scope:
    """Return a request without `Last-Event-ID`: no events are kept, so a stream starts afresh."""
    kept = [pair for pair in scope["headers"] if pair[0].lower() != b"last-event-id"]
    return {**scope, "headers": kept}


def _of_unknown_session(scope: Scope) -> Scope:
    """Return a request with the id of a session that does not exist, to get the usual answer to that."""
    changed = {**scope, "headers": list(scope["headers"])}
    MutableHeaders(scope=changed)[SESSION_ID] = secrets.token_hex(16)
    return changed
