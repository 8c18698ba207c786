"""The response to a request that is refused before any tool sees it."""

from collections.abc import Mapping

from starlette.responses import JSONResponse

_HEADERS = {
    "Cache-Control": "no-store",
    # The rest of the request is not read, and asking again costs a client a connection.
    "Connection": "close",
}


def error_response(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Build a JSON response that says why a request is not served, and ends its connection.

    Args:
        status: The HTTP status.
        sentence: What is wrong and what to do. It must not repeat anything from the request.
        headers: Additional headers.
    """
    return JSONResponse({"error": sentence}, status, {**_HEADERS, **(headers or {})})
