"""Serve the studio's page and its files, which hold nothing of the person's."""

import hashlib
from functools import cache
from pathlib import Path

from anyio import to_thread
from mcp.server import MCPServer
from starlette.requests import Request
from starlette.responses import Response

from imagerouter_mcp.apps import Apps
from imagerouter_mcp.http_app.error_response import error_response
from imagerouter_mcp.http_app.exposure import STUDIO_FILES, STUDIO_PAGE

VIEWS = Path(__file__).parents[2] / "views"
PAGE = "studio/studio.html"
_MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src blob: data:; media-src blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Robots-Tag": "noindex",
    "Cache-Control": "no-cache",
}


def add_studio_page(server: MCPServer[Apps]) -> None:
    """Add `/studio`, and below `/studio/views/` the folder with the page's files.

    Args:
        server: The server being built.
    """

    @server.custom_route(STUDIO_PAGE, methods=["GET"])
    async def page(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction] - the route holds it
        return await _file(PAGE, request)

    @server.custom_route(f"{STUDIO_FILES}{{name:path}}", methods=["GET"])
    async def file(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction] - the route holds it
        return await _file(request.path_params["name"], request)


async def _file(name: str, request: Request) -> Response:
    path = _files().get(name)
    if path is None:
        return error_response(404, "The studio has no such file. Load its page again.")
    content = await to_thread.run_sync(path.read_bytes)
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {**PAGE_HEADERS, "ETag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=_MEDIA_TYPES[path.suffix], headers=headers)


@cache
def _files() -> dict[str, Path]:
    """Return all files that are served, by their names below `views`."""
    return {
        path.relative_to(VIEWS).as_posix(): path for path in VIEWS.rglob("*") if path.suffix in _MEDIA_TYPES
    }
