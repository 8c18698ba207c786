"""The response to a request that is refused before any tool sees it."""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

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


def explain_refusals(app: Starlette) -> None:
    """Have an application's own refusals, such as of an unknown path, say what is wrong as ours do.

    Args:
        app: The application; no request has reached it yet.
    """
    app.add_exception_handler(HTTPException, _explained)


async def _explained(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what it was registered for
    sentence = _SENTENCES.get(HTTPStatus(error.status_code), f"The request cannot be read: {error.detail}")
    return error_response(error.status_code, sentence, error.headers)
