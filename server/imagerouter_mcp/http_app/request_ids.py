"""Give each request of a session a unique id.

The protocol asks clients for distinct ids, but some send the same one each time. The SDK would then give one
request the other's answer, and leave the other one waiting.
"""

import hashlib
import secrets
from collections import OrderedDict
from typing import Any, cast

import pydantic_core
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imagerouter_mcp.http_app.exposure import MCP_PATH
from imagerouter_mcp.http_app.json_bodies import again
from imagerouter_mcp.http_app.sessions import SESSION_ID

MAX_REMEMBERED = 10_000
"""How many ids are remembered for requests to be cancelled; the oldest is forgotten first."""


class RequestIds:
    """Replaces the ids of requests by unique ones, and puts them back into the answers.

    Args:
        app: Gets each body as one message.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._unique: OrderedDict[bytes, str] = OrderedDict()
        """The latest unique id for each session and client's id, of which `_key` is kept."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        session = Headers(scope=scope).get(SESSION_ID) if scope["type"] == "http" else None
        if session is None or scope["path"] != MCP_PATH or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        arrived = await receive()
        call = _as_object(arrived.get("body", b""))
        if call.get("method") == "notifications/cancelled":
            body = self._with_unique_target(session, call)
            await self._app(scope, again({**arrived, "body": body}, receive), send)
        elif "method" in call and isinstance(call.get("id"), str | int):
            own, unique = pydantic_core.to_json(call["id"]), secrets.token_hex(16)
            self._remember(session, own, unique)
            body = pydantic_core.to_json({**call, "id": unique})
            await self._app(scope, again({**arrived, "body": body}, receive), _with_own_id(send, unique, own))
        else:
            await self._app(scope, again(arrived, receive), send)

    def _with_unique_target(self, session: str, notification: dict[str, Any]) -> bytes:
        """Return a cancellation that names the request by its unique id."""
        named = notification.get("params")
        if isinstance(named, dict) and "requestId" in named:
            own = pydantic_core.to_json(named["requestId"])
            named["requestId"] = self._unique.get(_key(session, own), cast("object", named["requestId"]))
        return pydantic_core.to_json(notification)

    def _remember(self, session: str, own: bytes, unique: str) -> None:
        key = _key(session, own)
        self._unique[key] = unique
        self._unique.move_to_end(key)
        if len(self._unique) > MAX_REMEMBERED:
            self._unique.popitem(last=False)


def _key(session: str, own: bytes) -> bytes:
    """Return a short name of a client's id in its session: both are as long as the client likes."""
    return hashlib.sha256(f"{len(session)} {session}".encode() + own).digest()


def _as_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a body; an empty one if there is none, and the SDK says what is wrong."""
    try:
        found: object = pydantic_core.from_json(body)
    except ValueError:
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _with_own_id(send: Send, unique: str, own: bytes) -> Send:
    """Return a function that sends an answer with the client's own id."""
    quoted = f'"{unique}"'.encode()

    async def restoring(message: Message) -> None:
        if message["type"] == "http.response.start":
            del MutableHeaders(scope=message)["content-length"]  # the ids differ in length
        if "body" in message:
            message = {**message, "body": message["body"].replace(quoted, own)}
        await send(message)

    return restoring
