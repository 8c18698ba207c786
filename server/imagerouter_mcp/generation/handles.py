"""Handles: the short names of stored images, and `last` for the newest."""

import re
from collections.abc import Collection

from anyio import to_thread

from imagerouter_mcp.errors import NotFoundError
from imagerouter_mcp.gallery.entries import GalleryImage, Record
from imagerouter_mcp.gallery.records import Gallery

_LOOKED_THROUGH = 20
"""How many records, newest first, to search for a picture whose file has arrived."""
_HANDLE = re.compile(r"\s*(last|img_[0-9a-z]+)\s*", re.IGNORECASE)


def is_handle(text: str) -> bool:
    """Return whether a text is written like a handle, or is `last`."""
    return _HANDLE.fullmatch(text) is not None


def is_last(text: str) -> bool:
    """Return whether a text means the newest picture."""
    return text.strip().lower() == "last"


async def find_image(gallery: Gallery, handle: str) -> tuple[GalleryImage, Record]:
    """Return the image with this handle, and its record.

    Args:
        gallery: Where to look.
        handle: A handle, or `last` for the newest.

    Raises:
        NotFoundError: There is no such image.
        ConfigurationError: The gallery cannot be read.
    """
    if is_last(handle):
        return await newest_image(gallery)
    found = await to_thread.run_sync(gallery.find, handle)
    if found is None:
        raise NotFoundError(
            f"There is no picture {handle.strip()[:40]!r} in the gallery.",
            "Give a handle that an earlier answer named, or the picture's path; list_images finds them.",
        )
    return found


async def newest_image(gallery: Gallery, without: Collection[str] = ()) -> tuple[GalleryImage, Record]:
    """Return the newest picture whose file has arrived, else the newest that was paid for.

    Args:
        gallery: Where to look.
        without: Generations to pass over, by their handles.

    Raises:
        NotFoundError: There is none.
    """
    records = await to_thread.run_sync(gallery.delivered, _LOOKED_THROUGH)
    considered = [record for record in records if record.generation not in without]
    pairs = [(image, record) for record in considered for image in record.images]
    if not pairs:
        raise NotFoundError("No picture has been made yet.", "Make one first, or give a picture's path.")
    return next((pair for pair in pairs if pair[0].path), pairs[0])
