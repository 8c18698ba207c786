"""Pictures by signed link, for whoever is far away from the files."""

import os
import stat
from pathlib import Path

from anyio import to_thread
from mcp.server import MCPServer
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from imagerouter_mcp.gallery.signed_links import Links, Purpose
from imagerouter_mcp.http_app.refusals import refusal
from imagerouter_mcp.wiring import App

HARMLESS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
    "X-Robots-Tag": "noindex",
}
"""The address holds what lets in, and shall stay with whom it was given to."""
PICTURE = {
    **HARMLESS,
    # An SVG is a document: opened by itself it may neither run scripts nor load anything.
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:",
}


def add_downloads(server: MCPServer[App], app: App, links: Links) -> None:
    """Add `/files/{handle}`.

    Args:
        server: Is being built.
        app: Holds the gallery.
        links: Judge each request.
    """

    @server.custom_route("/files/{handle}", methods=["GET"])
    async def download(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction] - the route holds it
        handle = request.path_params["handle"]
        refused = refuse_link(links, "files", handle, request)
        if refused:
            return refused
        found = await to_thread.run_sync(app.gallery.find, handle)
        path = found[0].path if found else None
        seen = await to_thread.run_sync(_seen, path) if path else None
        if path is None or seen is None:
            return refusal(404, f"The file of this picture is not there. Ask show_image for {handle} again.")
        media_type, status = seen
        return FileResponse(
            path,
            media_type=media_type,
            filename=path.name,
            content_disposition_type="inline",
            stat_result=status,
            headers=PICTURE,
        )


def refuse_link(links: Links, purpose: Purpose, name: str, request: Request) -> Response | None:
    """The answer to a link that does not hold, or None.

    Args:
        links: Judge it.
        purpose: What it is used for.
        name: Whom its path names.
        request: Says the rest.
    """
    query = request.query_params
    expires, signatures = query.getlist("expires"), query.getlist("signature")
    once = len(expires) == len(signatures) == 1
    match links.judge(purpose, name, expires[0], signatures[0]) if once else "wrong":
        case "good":
            return None
        case "expired":
            return refusal(410, "This link has expired. Ask the agent for a new one.")
        case _:
            return refusal(403, "This link is not whole, or not of this server. Ask the agent for another.")


def _seen(path: Path) -> tuple[str, os.stat_result] | None:
    """A file's media type, from its bytes, and its status; None if it is no picture or video any more."""
    from imagerouter_mcp.images.formats import HEAD_BYTES, sniff  # noqa: PLC0415 - not before it is needed

    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            found = sniff(file.read(HEAD_BYTES)) if stat.S_ISREG(status.st_mode) else None
    except OSError:
        return None
    return (found.media_type, status) if found else None
