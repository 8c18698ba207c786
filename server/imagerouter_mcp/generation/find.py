"""A picture made earlier, by its handle."""

import re

from anyio import to_thread

from imagerouter_mcp.errors import NotFoundError
from imagerouter_mcp.gallery.entries import GalleryImage, Record
from imagerouter_mcp.generation.studio import Studio

_HANDLE = re.compile(r"\s*(last|img_[0-9a-z]+)\s*", re.IGNORECASE)


def is_handle(text: str) -> bool:
    """Whether a text is written like a handle, or is `last`."""
    return _HANDLE.fullmatch(text) is not None


async def find_image(studio: Studio, handle: str) -> tuple[GalleryImage, Record]:
    """The image of a handle, and the record that it belongs to.

    Args:
        studio: Holds the gallery.
        handle: A handle, or `last` for the newest.

    Raises:
        NotFoundError: The gallery has none.
        ConfigurationError: The gallery cannot be read.
    """
    if handle.strip().lower() == "last":
        newest = await to_thread.run_sync(studio.gallery.last)
        if newest is None:
            raise NotFoundError("No picture has been made yet.", "Make one first, or give a picture's path.")
        return newest
    found = await to_thread.run_sync(studio.gallery.find, handle)
    if found is None:
        raise NotFoundError(
            f"There is no picture {handle.strip()[:40]!r} in the gallery.",
            "Give a handle that an earlier answer named, or the picture's path; list_images finds them.",
        )
    return found
