"""Serve the studio's page and its files, which contain nothing personal."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from html import escape

from anyio import to_thread
from mcp.server import MCPServer
from starlette.requests import Request
from starlette.responses import Response

from imagerouter_mcp.apps import Apps
from imagerouter_mcp.http_app.error_response import error_response
from imagerouter_mcp.http_app.exposure import STUDIO_FILES, STUDIO_PAGE
from imagerouter_mcp.views.document import joined, joined_sheet, short

FOLDER = "studio/"
PAGE, SHEET, SCRIPT = "studio.html", "studio.css", "studio.js"
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
}


KEPT = "max-age=31536000, immutable"
"""For files whose names change with their content."""


@dataclass(frozen=True, slots=True)
class _File:
    """A file as it is served.

    Attributes:
        content: What is in it.
        media_type: What that is.
        cache_control: For how long browsers may keep it.
        packed: The same with gzip; empty if it is never sent so. The same for everybody, without a secret in
            it, so that its size tells nothing.
    """

    content: bytes
    media_type: str
    cache_control: str
    packed: bytes = b""

    @property
    def digest(self) -> str:
        """A digest of the content."""
        return hashlib.sha256(self.content).hexdigest()[:32]


def add_studio_page(server: MCPServer[Apps], issuer: str) -> None:
    """Add `/studio`, and below `/studio/views/` the sheet and the script that the page names.

    Args:
        server: The server being built.
        issuer: The origin at which people sign in; empty if there is only the local person.
    """

    @server.custom_route(STUDIO_PAGE, methods=["GET"])
    async def page(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction] - the route holds it
        return await _answer(PAGE, request, issuer)

    @server.custom_route(f"{STUDIO_FILES}{{name}}", methods=["GET"])
    async def file(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction] - the route holds it
        return await _answer(request.path_params["name"], request, issuer)


async def _answer(name: str, request: Request, issuer: str) -> Response:
    file = (await to_thread.run_sync(_files, issuer)).get(name)
    if file is None:
        return error_response(404, "The studio has no such file. Load its page again.")
    is_packed = bool(file.packed) and "gzip" in request.headers.get("accept-encoding", "")
    tag = f'"{file.digest}-gzip"' if is_packed else f'"{file.digest}"'
    headers = {**PAGE_HEADERS, "Cache-Control": file.cache_control, "ETag": tag}
    if file.packed:
        headers["Vary"] = "Accept-Encoding"
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    if is_packed:
        headers["Content-Encoding"] = "gzip"
    return Response(file.packed if is_packed else file.content, media_type=file.media_type, headers=headers)


@cache
def _files(issuer: str) -> dict[str, _File]:
    """Return all files that are served, by their names."""
    page, files = short(FOLDER + PAGE).replace("ISSUER", escape(issuer)), dict[str, _File]()
    for name, content, media_type in (
        (SHEET, joined_sheet(FOLDER + SHEET), "text/css"),
        (SCRIPT, joined(FOLDER + SCRIPT), "text/javascript"),
    ):
        file = _File(content.encode(), media_type, KEPT, gzip.compress(content.encode(), mtime=0))
        named = name.replace(".", f"-{file.digest}.")
        page = page.replace(f'"{name}"', f'"{STUDIO_FILES[1:]}{named}"')
        files[named] = file
    return {**files, PAGE: _File(page.encode(), "text/html", "no-cache")}
