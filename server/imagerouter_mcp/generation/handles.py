"""Find stored images by what names them: a handle, `last` for the newest, a path, a number."""

import os
import re
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass

from anyio import to_thread

from imagerouter_mcp.errors import NotFoundError
from imagerouter_mcp.gallery.entries import GalleryImage, Record
from imagerouter_mcp.gallery.records import Gallery
from imagerouter_mcp.gallery.rows import was_deleted
from imagerouter_mcp.lines import cut_middle
from imagerouter_mcp.settings import expand

_SHOWN = 80
_LONGEST_PATH = 4096
_LOOKED_THROUGH = 20
"""How many records, newest first, to search for a picture whose file has arrived."""
_SESSIONS = 1000
"""How many sessions are remembered; for any other, `last` is the gallery's newest picture."""
_HANDLE = re.compile(r"last|(?:img|gen)_[0-9a-z]+", re.IGNORECASE)
_NUMBER = re.compile(r"(?:(?:last|picture|number|no\.?)[ :#_.-]{0,2})?#?([1-9]\d?)", re.IGNORECASE)
_RESOURCE = "imagerouter://images/"


def is_handle(text: str) -> bool:
    """Return whether a text looks like a handle or its resource address, or is `last`."""
    return _HANDLE.fullmatch(_bare(text)) is not None


def is_last(text: str) -> bool:
    """Return whether a text means the newest picture."""
    return _bare(text).lower() == "last"


def number_of(text: str) -> int | None:
    """Return the number if a text names a picture of the newest call by one: `3`, `#3`, `last:3`."""
    written = _NUMBER.fullmatch(text.strip())
    return int(written[1]) if written else None


def _bare(text: str) -> str:
    """Strip the resource address from a handle."""
    text = text.strip()
    return text[len(_RESOURCE) :] if text.lower().startswith(_RESOURCE) else text


async def find_image(gallery: Gallery, handle: str) -> tuple[GalleryImage, Record]:
    """Return the image that a text names, and its record.

    Args:
        gallery: Where to look.
        handle: A handle, its resource, `last` for the newest, the handle of a generation that made one
            picture, or a picture's path.

    Raises:
        NotFoundError: There is no such image.
        ConfigurationError: The gallery cannot be read.
    """
    if is_last(handle):
        return await newest_image(gallery)
    handle = _bare(handle)
    if handle[:4].lower() == "gen_":
        return await to_thread.run_sync(_of_generation, gallery, handle.lower())
    found = await find_file(gallery, handle) or await to_thread.run_sync(gallery.find, handle)
    if found is None and await to_thread.run_sync(gallery.was_deleted, handle):
        raise was_deleted(handle.strip())
    if found is None:
        raise NotFoundError(
            f"There is no picture {cut_middle(handle, _SHOWN)!r} in the gallery.",
            "Give a handle that an earlier answer named; list_images finds them.",
        )
    return found


async def find_file(gallery: Gallery, text: str) -> tuple[GalleryImage, Record] | None:
    """Return the image stored at the path that a text gives, and its record; None if there is none."""
    if len(text) > _LONGEST_PATH:
        return None
    try:
        path = expand(text)
        os.fsencode(path)  # half a surrogate pair is in no file's name
    except (ValueError, RuntimeError):  # no home folder
        return None
    record = await to_thread.run_sync(gallery.of_file, path) if path.is_absolute() else None
    if record is None:
        return None
    pictures = (*record.images, *record.originals)
    return next((image, record) for image in pictures if image.path == path)


def _of_generation(gallery: Gallery, handle: str) -> tuple[GalleryImage, Record]:
    record = gallery.generation(handle)
    if record is None and gallery.was_deleted(handle):
        raise was_deleted(handle)
    if record is None:
        raise NotFoundError(
            f"{handle[:40]} has made no picture yet.", "Call get_generation with it, or give another handle."
        )
    if len(record.images) == 1:
        own = record.images[0]
        of_call = gallery.of_call(handle)
        cut_out = next((other for other in of_call if own.handle in other.sources), None)
        return (cut_out.images[0], cut_out) if cut_out else (own, record)
    handles = ", ".join(image.handle for image in record.images)
    raise NotFoundError(f"{handle} made {len(record.images)} pictures.", f"Give one of them: {handles}.")


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
        raise NotFoundError("No picture has been made yet.", "Make one first, or give a picture of your own.")
    return next((pair for pair in pairs if pair[0].path), pairs[0])


@dataclass(frozen=True, slots=True)
class LastMade:
    """What the newest call made.

    Attributes:
        records: The records of its generations, at least one, in the order of its requests.
        elsewhere: Whether the call may belong to another session than the one that asks.
    """

    records: tuple[Record, ...]
    elsewhere: bool

    @property
    def pictures(self) -> list[tuple[GalleryImage, Record]]:
        """Its pictures with their records, without first steps that another one was made from."""
        steps = {source for record in self.records for source in record.sources}
        pairs = [(image, record) for record in self.records for image in record.images]
        return [(image, record) for image, record in pairs if image.handle not in steps]

    def numbered(self, number: int) -> NotFoundError:
        """Return the error for a number given in place of a handle; it names the handle to give.

        The newest call may have changed since the number was read, and a wrong picture costs money.
        """
        made = [image.handle for image, _ in self.pictures]
        if number > len(made):
            return NotFoundError(
                f"There is no picture number {number}: the newest call made {len(made)}.",
                f"Give a handle, in their order: {', '.join(made)}.",
            )
        handle = made[number - 1]
        return NotFoundError(
            f"A number alone names no picture. Number {number} of the newest call is {handle}.",
            f"Give {handle} if you mean that; list_images finds others.",
        )

    def only(self, *, video: bool = False) -> tuple[GalleryImage, Record]:
        """Return the only picture of the call.

        Args:
            video: Whether a video will do.

        Raises:
            NotFoundError: It made several pictures, or a video; the message names their handles.
        """
        made = self.pictures
        handles = ", ".join(image.handle for image, _ in made)
        if len(made) > 1:
            raise NotFoundError(
                f"The newest call made {len(made)} pictures, so `last` does not say which.",
                f"Name one of them by its handle, in their order: {handles}.",
            )
        if not video and (made[0][0].media_type or "").startswith("video/"):
            raise NotFoundError(
                f"The newest result, {handles}, is a video, so `last` names no picture.",
                "Name a picture by its handle; list_images finds them.",
            )
        return made[0]


class Sessions:
    """Remembers the last calls that each session was told about, so that `last` means its own picture."""

    def __init__(self) -> None:
        self._calls: OrderedDict[str, tuple[str, ...]] = OrderedDict()

    def note(self, session: str, call: str) -> None:
        """Note that a session was told what a call made."""
        earlier = (other for other in self._calls.pop(session, ()) if other != call)
        self._calls[session] = (call, *earlier)[:_LOOKED_THROUGH]
        if len(self._calls) > _SESSIONS:
            self._calls.popitem(last=False)

    def newest(self, session: str | None, without: Collection[str] = ()) -> str | None:
        """Return the last call that a session was told about, passing over those in `without`."""
        calls = self._calls.get(session, ()) if session is not None else ()
        return next((call for call in calls if call not in without), None)
