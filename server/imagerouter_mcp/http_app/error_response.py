"""The response to a request that is refused before any tool sees it."""

import logging
from collections.abc import Mapping
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from imagerouter_mcp.errors import ConfigurationError

logger = logging.getLogger(__name__)

_HEADERS = {
    "Cache-Control": "no-store",
    # The rest of the request is not read, and asking again costs a client a connection.
    "Connection": "close",
}


_SENTENCES = {
    HTTPStatus.NOT_FOUND: "There is nothing at this address. MCP is at /mcp.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take that method.",
}


def error_response(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Build a JSON response that says why a request is not served, and ends its connection.

    Args:
        status: The HTTP status.
        sentence: What is wrong and what to do. It must not repeat anything from the request.
        headers: Additional headers.
    """
    return JSONResponse({"error": sentence}, status, {**_HEADERS, **(headers or {})})


def records_away(error: ConfigurationError) -> JSONResponse:
    """Build the response to a request that needs records which cannot be used now; log why."""
    logger.warning("A request was refused: %s", error)
    sentence = "This server cannot use its records now, so nothing was begun. Try again in a minute."
    return error_response(503, sentence, {"Retry-After": "30"})


def explain_refusals(app: Starlette) -> None:
    """Have an application's own refusals, such as of an unknown path, and failures say what is wrong.

    Args:
        app: The application; no request has reached it yet.
    """
    app.add_exception_handler(HTTPException, _explained)
    app.add_exception_handler(ConfigurationError, _without_records)


async def _explained(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what it was registered for
    sentence = _SENTENCES.get(HTTPStatus(error.status_code), f"The request cannot be read: {error.detail}")
    return error_response(error.status_code, sentence, error.headers)


async def _without_records(_: Request, error: Exception) -> Response:
    assert isinstance(error, ConfigurationError)  # noqa: S101 - as above
    return records_away(error)
