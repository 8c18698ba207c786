"""Serve pictures by signed link, for clients on other machines."""

import os
from collections.abc import Mapping
from pathlib import Path

from anyio import to_thread
from mcp.server import MCPServer
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from imagerouter_mcp.apps import Apps
from imagerouter_mcp.gallery.signed_links import Links, Purpose
from imagerouter_mcp.http_app.error_response import error_response
from imagerouter_mcp.people.person import LOCAL, Person
from imagerouter_mcp.wiring import App

HARMLESS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
    "X-Robots-Tag": "noindex",
}
"""Keep the address private: whoever has it has access."""
PICTURE = {
    **HARMLESS,
    # An SVG is a document: opened by itself, it must not run scripts or load anything.
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:",
}


def add_downloads(server: MCPServer[Apps], apps: Apps, links: Links) -> None:
    """Add `/files/{handle}`.

    Args:
        server: The server being built.
        apps: Hold the galleries.
        links: Checks each request's signature.
    """

    @server.custom_route("/files/{handle}", methods=["GET"])
    async def download(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction] - the route holds it
        handle = request.path_params["handle"]
        whose = await read_link(apps, links, "files", handle, request)
        if isinstance(whose, Response):
            return whose
        async with apps.using(whose) as app:
            return await _file(app, handle)


async def _file(app: App, handle: str) -> Response:
    found = await to_thread.run_sync(app.gallery.find, handle)
    if found is None and await to_thread.run_sync(app.gallery.was_deleted, handle):
        return error_response(410, "This picture was deleted.")
    try:
        served = await to_thread.run_sync(kept_file, app, found[0].path, PICTURE) if found else None
    except OSError:
        return error_response(503, "The object store does not answer. Try again in a minute.")
    gone = f"The file of this picture is not there. Ask show_image for {handle} again."
    return served or error_response(404, gone)


def kept_file(app: App, path: Path | None, headers: Mapping[str, str]) -> FileResponse | None:
    """Return the response with a recorded file; None if it is gone, or no picture or video.

    Args:
        app: Keeps the file.
        path: Its recorded path, if it has arrived.
        headers: Headers of the response.

    Raises:
        OSError: The object store failed.
    """
    try:
        file = app.files.bring(path) if path else None
    except FileNotFoundError:
        file = None
    seen = inspected(file) if file else None
    if file is None or seen is None:
        return None
    media_type, status = seen
    return FileResponse(
        file,
        media_type=media_type,
        filename=file.name,
        content_disposition_type="inline",
        stat_result=status,
        headers=headers,
    )


async def read_link(
    apps: Apps, links: Links, purpose: Purpose, name: str, request: Request
) -> Person | Response:
    """Return whose link a request uses, or the error response to an invalid one.

    Args:
        apps: Know who there is.
        links: Checks the signature.
        purpose: What the link is used for.
        name: The handle or upload that the path names.
        request: Holds the person's id, the expiry time and the signature.
    """
    people, expires, signatures = map(request.query_params.getlist, ("person", "expires", "signature"))
    once = len(expires) == len(signatures) == 1 and len(people) <= 1
    own = links.for_person(people[0]) if people else links
    verdict = own.judge(purpose, name, expires[0], signatures[0]) if once else "wrong"
    if verdict == "expired":
        return error_response(410, "This link has expired. Ask the agent for a new one.")
    person = await apps.find(people[0] if people else LOCAL.id) if verdict == "good" else None
    return person or error_response(
        403, "This link is incomplete, or not from this server. Ask the agent for another."
    )


def inspected(path: Path) -> tuple[str, os.stat_result] | None:
    """Return a file's media type, read from its bytes, and its status; None if it is no picture or video."""
    from imagerouter_mcp.images.stored_files import open_stored  # noqa: PLC0415 - for the first download

    opened = open_stored(path)
    if opened is None:
        return None
    file, found = opened
    with file:
        return found.media_type, os.fstat(file.fileno())
