"""Log a line for each request, and put its id into every line logged meanwhile."""

import logging
import re
import secrets
import time
from contextvars import ContextVar
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imagerouter_mcp.events import RequestServed
from imagerouter_mcp.http_app.exposure import PROBES
from imagerouter_mcp.lines import VisibleFormatter

REQUEST_ID_HEADER = "X-Request-Id"
FORMAT = "%(asctime)s %(levelname)s %(request_id)s %(name)s: %(message)s"
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_MAX_PATH = 120

logger = logging.getLogger(__name__)
request_id: ContextVar[str] = ContextVar("request_id", default="-")
person_id: ContextVar[str | None] = ContextVar("person_id", default=None)
"""The person who sent the request, once they are recognised."""


class RequestLog:
    """Gives each request an id, unless it brings a valid one, and logs its outcome.

    The query is not logged because it may hold a signature.

    Args:
        app: The application that answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, then log a line."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        brought = Headers(scope=scope).get(REQUEST_ID_HEADER, "")
        own = brought if _ID.fullmatch(brought) else secrets.token_hex(8)
        status = 0

        async def with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = own
            await send(message)

        began = time.perf_counter()
        before, nobody = request_id.set(own), person_id.set(None)
        try:
            await self._app(scope, receive, with_id)
        finally:
            served = RequestServed(
                client=_plain(scope["client"][0] if scope.get("client") else "-"),
                method=_plain(scope["method"]),
                path=_plain(scope["path"]),
                status=status,
                seconds=time.perf_counter() - began,
            )
            logger.info("%s", served)
            request_id.reset(before)
            person_id.reset(nobody)


def log_requests() -> None:
    """Log requests where the process logs, and add the time and the request's id to every line."""
    logger.setLevel(logging.INFO)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(VisibleFormatter(FORMAT))
        handler.addFilter(_with_id)
        handler.addFilter(_is_no_successful_probe)


def _with_id(record: logging.LogRecord) -> bool:
    record.request_id = request_id.get()
    return True


def _is_no_successful_probe(record: logging.LogRecord) -> bool:
    """Leave out what a supervisor asks every few seconds, while all is well."""
    match record.args:
        case (RequestServed(path=path, status=HTTPStatus.OK),):
            return path not in PROBES
        case _:
            return True


def _plain(text: str) -> str:
    """Return a client's text as one word without control characters."""
    return "".join(c if c.isprintable() and c != " " else "?" for c in text[:_MAX_PATH]) or "-"
