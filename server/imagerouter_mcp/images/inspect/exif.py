"""Read orientation and location from the directories of EXIF blocks and TIFF files, never their values."""

import io
import os
import re
import struct
from dataclasses import dataclass
from typing import BinaryIO

from imagerouter_mcp.images.inspect.binary import DAMAGED, NotAPictureError

_ORIENTATION, _EXIF, _GPS, _INTEROPERABILITY = 0x0112, 0x8769, 0x8825, 0xA005
_COORDINATES = frozenset({0x0002, 0x0004})
"""Latitude and longitude in the GPS directory (CIPA DC-008, section 4.6.6). Phones that were told not to
store the place still write that directory, with a version and a time."""
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
"""Bytes of a value of each field type."""
_SHORT = 3
_XMP = re.compile(rb"GPS(?:Latitude|Longitude)")
_MOST_PAGES = 1000
_MOST_CLAIMED = 4
"""How many times its own length a block's values may claim; writers that share or cut values claim little
more."""


@dataclass(frozen=True)
class Exif:
    """What a picture's EXIF data says.

    Attributes:
        orientation: 1 (upright) to 8.
        location: Whether it holds a latitude or a longitude.
    """

    orientation: int = 1
    location: bool = False


def read_exif(source: bytes | BinaryIO) -> Exif:
    """Read the first directory and the GPS directory.

    A broken block does not break a picture: it counts as empty.

    Args:
        source: A TIFF file, or an EXIF block with or without its `Exif` prefix.

    Raises:
        NotAPictureError: The values claim many times the length of the block. Pillow copies each of them, so
            that a small file could fill the memory.
    """
    file = io.BytesIO(source.removeprefix(b"Exif\0\0")) if isinstance(source, bytes) else source
    try:
        order, start, size = _header(file)
        tags, _ = _directory(file, order, start, size)
        inner = {
            tag: _directory(file, order, tags[tag], size)[0]
            for tag in (_EXIF, _GPS, _INTEROPERABILITY)
            if tag in tags
        }
    except (KeyError, struct.error):
        return Exif()
    orientation = tags.get(_ORIENTATION, 1)
    location = not _COORDINATES.isdisjoint(inner.get(_GPS, ()))
    return Exif(orientation if orientation in range(1, 9) else 1, location)


def xmp_has_location(text: bytes) -> bool:
    """Whether XMP holds a latitude or a longitude."""
    return bool(_XMP.search(text))


def count_pages(file: BinaryIO) -> int:
    """Count the pages of a TIFF file.

    Raises:
        NotAPictureError: As `read_exif`, for any page; or there are more than `_MOST_PAGES`, or no whole one.
    """
    try:
        order, start, size = _header(file)
        pages = 0
        while start and pages <= _MOST_PAGES:
            _, start = _directory(file, order, start, size)
            pages += 1
    except (KeyError, struct.error):
        raise NotAPictureError(DAMAGED) from None
    if pages > _MOST_PAGES:
        raise NotAPictureError(f"it has more than {_MOST_PAGES} pages")
    return pages


def _header(file: BinaryIO) -> tuple[str, int, int]:
    """Read the byte order, where the first directory is, and the file's size."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    order = {b"II*\0": "<", b"MM\0*": ">"}[file.read(4)]
    return order, struct.unpack(order + "I", file.read(4))[0], size


def _directory(file: BinaryIO, order: str, start: int, size: int) -> tuple[dict[int, int], int]:
    """Read a directory's tags, each with its short value or the offset of a longer one, and the next."""
    file.seek(start)
    (count,) = struct.unpack(order + "H", file.read(2))
    entries = list(struct.iter_unpack(order + "HHI4s", file.read(12 * count)))
    if sum(amount * _SIZES.get(kind, 0) for _, kind, amount, _ in entries) > _MOST_CLAIMED * size:
        raise NotAPictureError(DAMAGED)
    tags = {
        tag: struct.unpack_from(order + ("H" if kind == _SHORT else "I"), value)[0]
        for tag, kind, _, value in entries
    }
    return tags, struct.unpack(order + "I", file.read(4).ljust(4, b"\0"))[0]
