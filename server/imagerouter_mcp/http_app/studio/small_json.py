"""Read the small JSON objects that the studio's page sends, and answer with uncached JSON."""

from collections.abc import Mapping
from typing import Any, cast

import pydantic_core
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse

from imagerouter_mcp.errors import ImageRouterError
from imagerouter_mcp.http_app.downloads import HARMLESS
from imagerouter_mcp.tools.structured import as_json
from imagerouter_mcp.wiring import App

MOST_BYTES = 64 * 1024


async def read_object(request: Request) -> dict[str, Any] | None:
    """Return the JSON object in a request's body; None if it is too large or something else."""
    body = b""
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > MOST_BYTES:
                return None
        found: object = pydantic_core.from_json(body)
    except (ClientDisconnect, ValueError):
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None


def answer(content: Mapping[str, object], status: int = 200) -> JSONResponse:
    """Return a JSON response, its texts cleaned like those of the tools."""
    return JSONResponse(as_json(content), status, HARMLESS)


def unusable(app: App, error: ImageRouterError) -> JSONResponse:
    """Return the response if the gallery cannot be used."""
    return answer({"error": app.settings.for_callers(f"{error.what} {error.remedy}")}, 503)
