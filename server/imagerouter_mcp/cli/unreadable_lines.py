"""Answer invalid lines on stdin, which the SDK skips silently while the host waits."""

import json
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import Any, cast

from anyio.streams.memory import MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp.types import INVALID_REQUEST, PARSE_ERROR, ErrorData, JSONRPCError, JSONRPCNotification
from pydantic import ValidationError

Incoming = SessionMessage | Exception
_NOTIFICATIONS = "notifications/"
"""Start of the method name of every MCP notification."""


async def pass_on(
    lines: AsyncIterable[Incoming],
    messages: MemoryObjectSendStream[Incoming],
    answer: Callable[[SessionMessage], Awaitable[None]],
) -> None:
    """Pass messages on until stdin ends, and answer everything else.

    Args:
        lines: What the SDK read: messages, or the reasons why lines are not messages.
        messages: Where messages go; closed at the end.
        answer: Sends an answer.
    """
    async with messages:
        async for item in lines:
            refusal = _refusal_of_id(item) if isinstance(item, SessionMessage) else _refusal_of_line(item)
            if refusal is not None:
                await answer(SessionMessage(refusal))
            elif not isinstance(item, ValidationError):
                await messages.send(item)


def _refusal_of_id(item: SessionMessage) -> JSONRPCError | None:
    """Return the answer to a request with an invalid id, which the SDK takes for a notification."""
    message = item.message
    if not isinstance(message, JSONRPCNotification) or message.method.startswith(_NOTIFICATIONS):
        return None
    return _answer(None, INVALID_REQUEST, "a request's id must be a text or a whole number")


def _refusal_of_line(error: Exception) -> JSONRPCError | None:
    """Return the answer to an invalid line; None for an empty one and for other errors."""
    if not isinstance(error, ValidationError):
        return None
    faults = error.errors(include_url=False)
    line: object = faults[0]["input"]
    if faults[0]["type"] != "json_invalid":
        # Each kind of message lacks something, and names the whole as its input.
        whole = next((fault["input"] for fault in faults if fault["type"] == "missing"), None)
        return _answer(
            whole, INVALID_REQUEST, "it is not a request, notification or response of JSON-RPC 2.0"
        )
    if not str(line).strip():
        return None
    decoded, reason = _decoded(str(line)), faults[0]["msg"]
    if decoded is not None and "recursion" not in reason:
        reason = "it holds half a surrogate pair, which is no character"
    return _answer(decoded, PARSE_ERROR, reason)


def _answer(message: object, code: int, reason: str) -> JSONRPCError:
    fields = cast("dict[str, Any]", message) if isinstance(message, dict) else {}
    given = fields.get("id")
    known = given if type(given) is int or (isinstance(given, str) and given.isprintable()) else None
    said = f"This line cannot be read: {reason}. Nothing was done or charged. Send one JSON message a line."
    return JSONRPCError(jsonrpc="2.0", id=known, error=ErrorData(code=code, message=said))


def _decoded(line: str) -> object:
    """Decode JSON with Python's decoder, which lets half a surrogate pair and deep nesting pass."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
