"""A picture made earlier, by its handle; fetched again where its file is missing."""

import re

from anyio import to_thread

from imagerouter_mcp.errors import NotFoundError
from imagerouter_mcp.gallery.entries import GalleryImage, Record
from imagerouter_mcp.generation.deliver import refetch
from imagerouter_mcp.generation.studio import Studio

_LOOKED_THROUGH = 20
"""Records, the newest first, in which `last` looks for a picture that arrived."""
_HANDLE = re.compile(r"\s*(last|img_[0-9a-z]+)\s*", re.IGNORECASE)


def is_handle(text: str) -> bool:
    """Whether a text is written like a handle, or is `last`."""
    return _HANDLE.fullmatch(text) is not None


def is_last(text: str) -> bool:
    """Whether a text means the newest picture."""
    return text.strip().lower() == "last"


async def find_image(studio: Studio, handle: str) -> tuple[GalleryImage, Record]:
    """The image of a handle, and the record that it belongs to.

    Args:
        studio: Holds the gallery.
        handle: A handle, or `last` for the newest.

    Raises:
        NotFoundError: The gallery has none.
        ConfigurationError: The gallery cannot be read.
    """
    if is_last(handle):
        return await _newest(studio)
    found = await to_thread.run_sync(studio.gallery.find, handle)
    if found is None:
        raise NotFoundError(
            f"There is no picture {handle.strip()[:40]!r} in the gallery.",
            "Give a handle that an earlier answer named, or the picture's path; list_images finds them.",
        )
    return found


async def _newest(studio: Studio) -> tuple[GalleryImage, Record]:
    """The newest picture that has arrived, else the newest that was paid for."""
    records = await to_thread.run_sync(studio.gallery.known, _LOOKED_THROUGH)
    pairs = [(image, record) for record in records for image in record.images]
    if not pairs:
        raise NotFoundError("No picture has been made yet.", "Make one first, or give a picture's path.")
    return next((pair for pair in pairs if pair[0].path), pairs[0])


async def recall(studio: Studio, handle: str) -> tuple[GalleryImage, Record, tuple[str, ...]]:
    """An image whose file is there, the record that it belongs to, and what happened to have it.

    Args:
        studio: The process's parts.
        handle: A handle, or `last`.

    Raises:
        NotFoundError: There is no such handle, or its file is gone and no link is known.
        DeliveryError: Its file is gone, and its link does not give it again.
        ConfigurationError: The gallery cannot be read, or the output folder not be written to.
    """
    image, record = await find_image(studio, handle)
    if image.path and image.path.is_file():
        return image, record, ()
    if image.url is None:
        raise NotFoundError(
            f"The file of {image.handle} is {_gone(studio, image)}, and no link to it is known.",
            "If it was moved, give its new path; else make it again.",
        )
    fetched = await refetch(studio, image, record)
    was = f"was {_gone(studio, image)}" if image.path else "had not arrived"
    return fetched, record, (f"The file {was}; it was fetched again from its link.",)


def _gone(studio: Studio, image: GalleryImage) -> str:
    """That a file is not where it was; its path is told to those on this machine only."""
    return "no longer there" if studio.links else f"no longer at {image.path}"
