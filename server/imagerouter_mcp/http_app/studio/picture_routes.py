"""Serve the gallery's files and their thumbnails to the studio's page."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread
from mcp.server import MCPServer
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from imagerouter_mcp.errors import ImageRouterError
from imagerouter_mcp.gallery.entries import GalleryImage
from imagerouter_mcp.http_app.downloads import PICTURE, inspected
from imagerouter_mcp.http_app.exposure import STUDIO
from imagerouter_mcp.http_app.studio.deletion_routes import delete_one
from imagerouter_mcp.http_app.studio.small_json import answer, unusable
from imagerouter_mcp.http_app.upload_page import take_upload
from imagerouter_mcp.wiring import App

if TYPE_CHECKING:
    from imagerouter_mcp.images.pixels.preview import PreviewSize

MADE_AT_ONCE = 4
"""How many thumbnails are made at the same time; the others wait, and are left out if their page has left."""
_HEADERS = {**PICTURE, "Cross-Origin-Resource-Policy": "same-origin"}
_TILES: dict[int, "PreviewSize"] = {160: "tile_160", 320: "tile_320", 640: "tile_640"}
"""The thumbnails that there are, by the pixels of their longer side."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A thumbnail that has to be made."""

    handle: str
    path: Path
    size: "PreviewSize"
    status: os.stat_result


def add_pictures(server: MCPServer[App], app: App) -> None:
    """Add `/studio/pictures/{handle}` and `/studio/uploads`.

    Args:
        server: The server being built.
        app: Holds the gallery.
    """
    turns = anyio.Semaphore(MADE_AT_ONCE)

    @server.custom_route(f"{STUDIO}pictures/{{handle}}", methods=["GET", "DELETE"])
    async def picture(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction] - the route holds it
        handle = request.path_params["handle"]
        try:
            if request.method == "DELETE":
                return await delete_one(app, handle)
            found = await to_thread.run_sync(_looked_up, app, handle, request.query_params.get("size"))
            if isinstance(found, Response):
                return found
            async with turns:
                if await request.is_disconnected():
                    return Response(status_code=400)  # nobody waits for it any more
                return await _made(app, found)
        except ImageRouterError as error:
            return unusable(app, error)

    @server.custom_route(f"{STUDIO}uploads", methods=["POST"])
    async def upload(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction] - the route holds it
        return await take_upload(app, app.uploads.new_name(), request)


def _looked_up(app: App, handle: str, size: str | None) -> _Wanted | Response:
    """Return a picture's file, its thumbnail if a size is given, or why there is none."""
    found = app.gallery.find(handle)
    if found:
        return _whole(found[0]) if size is None else _thumbnail(app, found[0], size)
    if app.gallery.was_deleted(handle):
        return answer({"error": "This picture was deleted."}, 410)
    return answer({"error": "There is no such picture in the gallery."}, 404)


def _whole(image: GalleryImage) -> Response:
    seen = inspected(image.path) if image.path else None
    if image.path is None or seen is None:
        return _missing(image)
    media_type, status = seen
    return FileResponse(
        image.path,
        media_type=media_type,
        filename=image.path.name,
        content_disposition_type="inline",
        stat_result=status,
        headers=_HEADERS,
    )


def _thumbnail(app: App, image: GalleryImage, size: str) -> _Wanted | Response:
    """Return a thumbnail that was made before, what is needed to make it, or why there is none."""
    pixels = int(size) if size.isascii() and size.isdecimal() and len(size) < 6 else 0  # noqa: PLR2004 - digits
    named = _TILES[next((most for most in _TILES if pixels <= most), max(_TILES))]
    if not pixels:
        return answer({"error": "size is a number of pixels, such as 320."}, 400)
    if (image.media_type or "").startswith("video/"):
        return _none(image, "A video has no thumbnail.")
    try:
        status = image.path.stat() if image.path else None
    except OSError:
        status = None
    if image.path is None or status is None or not stat.S_ISREG(status.st_mode):
        return _missing(image)
    kept = app.thumbnails.find(image.handle, named, status)
    if kept:
        return Response(kept, media_type="image/jpeg", headers=_HEADERS)
    return _Wanted(image.handle, image.path, named, status)


async def _made(app: App, wanted: _Wanted) -> Response:
    from imagerouter_mcp.images.confined import StoppedError  # noqa: PLC0415 - loaded for the first thumbnail
    from imagerouter_mcp.images.pixels.preview import make_preview  # noqa: PLC0415 - as above
    from imagerouter_mcp.images.workers import decode  # noqa: PLC0415 - as above

    try:
        made = await decode("thumbnails", wanted.path, make_preview, wanted.path, wanted.size)
    except StoppedError as error:
        return answer({"error": f"This file cannot be shown small: {error}."}, 422)
    except OSError:
        return answer({"error": "The file of this picture cannot be read."}, 404)
    if made is None:
        return answer({"error": "This file is damaged, or of a type that cannot be drawn here."}, 422)
    content = made.data
    await to_thread.run_sync(_keep, app, wanted, content)
    return Response(content, media_type=made.media_type, headers=_HEADERS)


def _keep(app: App, wanted: _Wanted, content: bytes) -> None:
    """Keep a thumbnail, unless its picture was deleted while it was made."""
    app.thumbnails.keep(wanted.handle, wanted.size, wanted.status, content)
    if app.gallery.was_deleted(wanted.handle):
        app.thumbnails.discard({wanted.handle})


def _missing(image: GalleryImage) -> Response:
    return _none(image, "The file of this picture is not there any more.", 404)


def _none(image: GalleryImage, sentence: str, status: int = 415) -> Response:
    return answer({"error": sentence, "media_type": image.media_type, "handle": image.handle}, status)
