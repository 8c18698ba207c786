"""Serve the gallery's pictures small, several in one answer, to the studio's page.

The page shows some thirty at once, and a request for each would take longer than all of the pictures.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread
from mcp.server import MCPServer
from starlette.requests import Request
from starlette.responses import Response

from imagerouter_mcp.apps import Apps
from imagerouter_mcp.errors import ImageRouterError
from imagerouter_mcp.gallery.thumbnails import state_of
from imagerouter_mcp.http_app.downloads import PICTURE
from imagerouter_mcp.http_app.error_response import error_response
from imagerouter_mcp.http_app.exposure import STUDIO
from imagerouter_mcp.http_app.studio.small_json import unusable
from imagerouter_mcp.wiring import App

if TYPE_CHECKING:
    from imagerouter_mcp.images.pixels.preview import PreviewSize

MADE_AT_ONCE = 4
"""How many thumbnails are made at the same time; the others wait, and are left out if their page has left."""
MAKING_SECONDS = 0.3
"""How long one request has thumbnails made; the page asks again for the rest."""
MOST_ASKED = 60
PARTS = "Thumbnails"
"""The header that names the parts of an answer."""
_TILES: dict[int, "PreviewSize"] = {160: "tile_160", 320: "tile_320", 640: "tile_640"}
"""The thumbnails that there are, by the pixels of their longer side."""
_HEADERS = {**PICTURE, "Cross-Origin-Resource-Policy": "same-origin"}
_HANDLE = r"[a-z0-9_]{1,80}"


@dataclass(frozen=True, slots=True)
class _Thumbnail:
    """A thumbnail as JPEG, empty if there can be none."""

    handle: str
    content: bytes


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A thumbnail that has to be made."""

    handle: str
    path: Path
    size: "PreviewSize"
    state: str


def add_thumbnails(server: MCPServer[Apps], apps: Apps) -> None:
    """Add `/studio/thumbnails`, which answers with thumbnails one after the other.

    A header names them with their sizes in bytes, 0 where there can be none. So the page need not look into
    the bytes, and cuts them with `Blob.slice`.

    Args:
        server: The server being built.
        apps: Hold the galleries.
    """
    turns = anyio.Semaphore(MADE_AT_ONCE)

    @server.custom_route(f"{STUDIO}thumbnails", methods=["GET"])
    async def thumbnails(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction] - the route holds it
        app = apps.present()
        asked = request.query_params.get("handles", "").split(",")
        size = _tile(request.query_params.get("size", ""))
        if size is None:
            return error_response(400, "size is a number of pixels, such as 320.")
        if len(asked) > MOST_ASKED or not all(re.fullmatch(_HANDLE, handle) for handle in asked):
            return error_response(400, f"Name the handles of at most {MOST_ASKED} pictures.")
        try:
            return _joined(await _thumbnails(app, request, asked, size, turns))
        except ImageRouterError as error:
            return unusable(app, error)


async def _thumbnails(
    app: App, request: Request, asked: Sequence[str], size: "PreviewSize", turns: anyio.Semaphore
) -> list[_Thumbnail]:
    """Return the existing thumbnails and as many more as can be made soon, at least one."""
    found, wanted = await to_thread.run_sync(_looked_up, app, asked, size)
    ends = time.monotonic() + MAKING_SECONDS
    for each in wanted:
        async with turns:
            if await request.is_disconnected():
                break  # nobody waits for them any more
            found.append(await _made(app, each))
        if time.monotonic() >= ends:
            break
    return found


def _joined(thumbnails: Sequence[_Thumbnail]) -> Response:
    parts = ",".join(f"{each.handle}={len(each.content)}" for each in thumbnails)
    content = b"".join(each.content for each in thumbnails)
    return Response(content, media_type="application/octet-stream", headers={**_HEADERS, PARTS: parts})


def _tile(pixels: str) -> "PreviewSize | None":
    """Return the smallest thumbnail size with that many pixels, or the largest; None for no number."""
    if not (pixels.isascii() and pixels.isdecimal() and len(pixels) < 6 and int(pixels)):  # noqa: PLR2004 - digits
        return None
    return _TILES[next((most for most in _TILES if int(pixels) <= most), max(_TILES))]


def _looked_up(app: App, asked: Sequence[str], size: "PreviewSize") -> tuple[list[_Thumbnail], list[_Wanted]]:
    """Return the thumbnails that need no work, and the ones that have to be made."""
    found = [_found(app, handle, size) for handle in dict.fromkeys(asked)]
    return (
        [each for each in found if isinstance(each, _Thumbnail)],
        [each for each in found if isinstance(each, _Wanted)],
    )


def _found(app: App, handle: str, size: "PreviewSize") -> _Thumbnail | _Wanted:
    """Return a thumbnail that was made before or cannot be, or what is needed to make it."""
    picture = app.gallery.find(handle)
    if picture is None:
        return _Thumbnail(handle, b"")
    image = picture[0]
    if (image.media_type or "").startswith("video/"):
        return _Thumbnail(handle, b"")
    state = state_of(image.path)
    if image.path is None or state is None:
        return _Thumbnail(handle, b"")
    kept = app.thumbnails.find(image.handle, size, state)
    return _Thumbnail(handle, kept) if kept else _Wanted(handle, image.path, size, state)


async def _made(app: App, wanted: _Wanted) -> _Thumbnail:
    from imagerouter_mcp.images.confined import StoppedError  # noqa: PLC0415 - loaded for the first thumbnail
    from imagerouter_mcp.images.pixels.preview import make_preview  # noqa: PLC0415 - as above
    from imagerouter_mcp.images.workers import decode  # noqa: PLC0415 - as above

    try:
        path = await to_thread.run_sync(app.files.bring, wanted.path)
        made = await decode("thumbnails", path, make_preview, path, wanted.size)
    except (StoppedError, OSError):
        made = None
    if made is None:
        return _Thumbnail(wanted.handle, b"")
    await to_thread.run_sync(_keep, app, wanted, made.data)
    return _Thumbnail(wanted.handle, made.data)


def _keep(app: App, wanted: _Wanted, content: bytes) -> None:
    """Keep a thumbnail, unless its picture was deleted while it was made."""
    app.thumbnails.keep(wanted.handle, wanted.size, wanted.state, content)
    if app.gallery.was_deleted(wanted.handle):
        app.thumbnails.discard({wanted.handle})
