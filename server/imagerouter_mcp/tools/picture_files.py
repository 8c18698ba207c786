"""Read the files of pictures for resources: whole, fitted, in parts, and what an edit was made from."""

import math
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, BinaryIO

from anyio import to_thread
from mcp.server.mcpserver.exceptions import ResourceError

from imagerouter_mcp.errors import ConfigurationError, InvalidSourceError, NotFoundError
from imagerouter_mcp.tools.pictures import place
from imagerouter_mcp.wiring import App

if TYPE_CHECKING:
    from imagerouter_mcp.gallery.entries import GalleryImage, Record

MAX_RESOURCE_BYTES = 700_000
"""Largest piece that is returned: in base64 it stays under the 1 MiB that clients accept."""


def parts_of(size: int | None) -> int:
    """Return in how many parts a file of this size can be read."""
    return max(1, math.ceil((size or 0) / MAX_RESOURCE_BYTES))


async def picture_or_fitted(app: App, handle: str) -> bytes:
    """Return a picture's file, or a smaller copy of one that is too large to be returned.

    Raises:
        NotFoundError: There is no such picture.
        ResourceError: It is too large, and has no copy: an animation or a video.
    """
    async with _stored(app, handle) as (found, file):
        size = os.fstat(file.fileno()).st_size
        if size <= MAX_RESOURCE_BYTES:
            return await to_thread.run_sync(file.read, MAX_RESOURCE_BYTES)
        if not await to_thread.run_sync(_is_still, file):
            raise ResourceError(
                f"{found.handle} is an animation or a video of {size / 1e6:.1f} MB, too large to be read at "
                f"once. Nothing was charged. Open {place(found, app.links)}, or read {_part_uri(found, 1)} "
                f"to {_part_uri(found, parts_of(size))} and join them."
            )
        copy = await _fitted(file)
    if copy is None:
        raise ResourceError(
            f"{found.handle} has {size / 1e6:.1f} MB, and a smaller copy of it could not be made. "
            f"Nothing was charged. Open {place(found, app.links)}."
        )
    return copy


async def picture_part(app: App, handle: str, number: str) -> bytes:
    """Return one part of a picture's file; all parts joined are the file.

    Raises:
        NotFoundError: There is no such picture or part.
    """
    async with _stored(app, handle) as (found, file):
        count = parts_of(os.fstat(file.fileno()).st_size)
        if number not in map(str, range(1, count + 1)):
            have = "1 part" if count == 1 else f"{count} parts"
            raise NotFoundError(
                f"{found.handle} has {have}, and no part {number[:20]!r}.", f"Read {_part_uri(found, 1)}."
            )
        return await to_thread.run_sync(_read, file, (int(number) - 1) * MAX_RESOURCE_BYTES)


async def picture_before(app: App, handle: str) -> bytes:
    """Return a copy, not too large, of what a picture was made from.

    It is a picture of the gallery, one that was sent here, or a file that may still be read and has not
    changed since; nothing is fetched from addresses.

    Raises:
        NotFoundError: It was not made from a picture, or that cannot be shown any more.
    """
    from imagerouter_mcp.gallery.uploads import is_upload
    from imagerouter_mcp.generation.handles import find_image, is_handle
    from imagerouter_mcp.generation.planning.request import Request
    from imagerouter_mcp.images.source_images import is_address

    found, record = await find_image(app.gallery, handle)
    origin = next((source for source in record.sources if not source.startswith("mask ")), None)
    if origin is None:
        raise NotFoundError(f"{found.handle} was not made from a picture.", f"Show {found.handle} alone.")
    if is_address(origin):
        raise _not_shown(found, "an address, which is not fetched again")
    ours = is_handle(origin) or is_upload(origin)
    try:
        async with app.sources.files(Request(prompt="", images=(origin,))) as ((file, _),):
            changed = not ours and await to_thread.run_sync(_is_newer, file, record)
            copy = None if changed else await _fitted(file)
    except (InvalidSourceError, ConfigurationError) as error:
        raise _not_shown(found, "a picture that cannot be read any more") from error
    if copy is None:
        raise _not_shown(found, "a file that has changed since" if changed else "what cannot be drawn here")
    return copy


@asynccontextmanager
async def _stored(app: App, handle: str) -> "AsyncGenerator[tuple[GalleryImage, BinaryIO]]":
    """Open a picture's file within the block.

    Raises:
        NotFoundError: There is no such picture, or something else lies in the place of its file.
    """
    from imagerouter_mcp.images.stored_files import open_stored

    found, _, _ = await app.lost_files.restore(handle)
    opened = await to_thread.run_sync(open_stored, found.path) if found.path else None
    if opened is None:
        raise NotFoundError(
            f"What lies where the file of {found.handle} was stored is no longer a picture.",
            "Remove it, and show_image fetches the picture again if it can.",
        )
    with opened[0] as file:
        yield found, file


async def _fitted(file: BinaryIO) -> bytes | None:
    from imagerouter_mcp.images.confined import StoppedError
    from imagerouter_mcp.images.pixels.preview import preview_of
    from imagerouter_mcp.images.workers import decode

    try:
        copy = await decode("previews", file, preview_of, file, "large")
    except StoppedError:
        return None
    return copy.data if copy else None


def _is_still(file: BinaryIO) -> bool:
    from imagerouter_mcp.images.inspect.binary import NotAPictureError
    from imagerouter_mcp.images.inspect.inspection import inspect

    try:
        seen = inspect(file)
    except NotAPictureError:
        return True
    return seen.format.kind != "video" and not seen.animated


def _is_newer(file: BinaryIO, record: "Record") -> bool:
    """Tell whether a file was written after a picture was made from it."""
    return os.fstat(file.fileno()).st_mtime > record.created_at.timestamp()


def _read(file: BinaryIO, offset: int) -> bytes:
    file.seek(offset)
    return file.read(MAX_RESOURCE_BYTES)


def _part_uri(image: "GalleryImage", number: int) -> str:
    return f"imagerouter://images/{image.handle}/parts/{number}"


def _not_shown(image: "GalleryImage", origin: str) -> NotFoundError:
    return NotFoundError(f"{image.handle} was made from {origin}.", f"Show {image.handle} alone.")
