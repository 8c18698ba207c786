"""Read the directories of TIFF files and EXIF blocks, and measure TIFF files by them.

EXIF has the structure of a TIFF file (CIPA DC-008).
"""

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from imagerouter_mcp.images.inspect.binary import (
    CUT_SHORT,
    DAMAGED,
    MAX_PARTS,
    Measured,
    NotAPictureError,
    as_displayed,
    exactly,
)

ORIENTATION = 0x0112

_WIDTH, _HEIGHT, _TILE_WIDTH, _TILE_HEIGHT = 0x0100, 0x0101, 0x0142, 0x0143
_PIECES = ((0x0111, 0x0117), (0x0144, 0x0145))
"""Offsets and lengths of strips, and of tiles."""
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
"""Bytes per value of each field type."""
_NUMBERS = {3: "H", 4: "I"}
_MOST_PAGES = 1000
_MOST_TAGS = 1000
"""Maximum number of tags in a directory; cameras write about 150."""
_MOST_CLAIMED = 4
"""How many times the file's length its values may add up to. Honest files that share or truncate values
barely exceed one."""
_MOST_TILE = 4 << 20
"""Largest tile, in pixels, of a picture smaller than its tile; decoders fill whole tiles."""


@dataclass(frozen=True)
class Directory:
    """The fields of one directory.

    Attributes:
        order: The byte order as in `struct`.
        fields: By tag: the type, the number of values, and the value or its offset.
        following: Offset of the next directory, or 0.
    """

    order: str
    fields: Mapping[int, tuple[int, int, bytes]]
    following: int

    def number(self, tag: int, default: int | None = None) -> int:
        """Return a field's number or its value's offset; `KeyError` if it is missing without a default."""
        if default is not None and tag not in self.fields:
            return default
        kind, _, value = self.fields[tag]
        return struct.unpack_from(self.order + ("H" if kind == 3 else "I"), value)[0]  # noqa: PLR2004 - SHORT

    def numbers(self, file: BinaryIO, tag: int) -> tuple[int, ...]:
        """Return all numbers of a field, none if it is missing."""
        kind, amount, value = self.fields.get(tag, (0, 0, b""))
        if kind not in _NUMBERS:
            return ()
        if amount > MAX_PARTS:
            raise NotAPictureError(f"it has more than {MAX_PARTS:,} parts")
        length = amount * _SIZES[kind]
        if length > len(value):
            file.seek(struct.unpack(self.order + "I", value)[0])
            value = exactly(file, length)
        return struct.unpack_from(f"{self.order}{amount}{_NUMBERS[kind]}", value)


def measure_tiff(file: BinaryIO) -> Measured:
    """Measure the first picture, and check that its strips or tiles lie inside the file."""
    pages = count_pages(file)
    order, start, end = read_header(file)
    first = read_directory(file, order, start, end)
    try:
        width, height = first.number(_WIDTH), first.number(_HEIGHT)
    except KeyError:
        raise NotAPictureError(DAMAGED) from None
    if first.number(_TILE_WIDTH, 0) * first.number(_TILE_HEIGHT, 0) > max(2 * width * height, _MOST_TILE):
        raise NotAPictureError(DAMAGED)
    pieces = [
        piece
        for offsets, lengths in _PIECES
        for piece in zip(first.numbers(file, offsets), first.numbers(file, lengths), strict=False)
    ]
    if not pieces or any(offset + length > end for offset, length in pieces):
        raise NotAPictureError(CUT_SHORT)
    orientation = first.number(ORIENTATION, 1)
    return as_displayed(width, height, orientation=orientation, animated=pages > 1)


def count_pages(file: BinaryIO) -> int:
    """Count the pages of a TIFF file.

    Raises:
        NotAPictureError: As in `read_directory`, for any page; or there are more than `_MOST_PAGES`, or not
            one complete page.
    """
    try:
        order, start, size = read_header(file)
        pages = 0
        while start and pages <= _MOST_PAGES:
            start = read_directory(file, order, start, size).following
            pages += 1
    except (KeyError, struct.error):
        raise NotAPictureError(DAMAGED) from None
    if pages > _MOST_PAGES:
        raise NotAPictureError(f"it has more than {_MOST_PAGES} pages")
    return pages


def read_header(file: BinaryIO) -> tuple[str, int, int]:
    """Return the byte order, the offset of the first directory, and the file's size.

    Raises:
        KeyError: It is not a TIFF.
        struct.error: It is truncated.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    order = {b"II*\0": "<", b"MM\0*": ">"}[file.read(4)]
    return order, struct.unpack(order + "I", file.read(4))[0], size


def read_directory(file: BinaryIO, order: str, start: int, size: int) -> Directory:
    """Read a directory.

    Raises:
        NotAPictureError: It has far too many tags, or its values add up to many times the file's length.
            Pillow copies each value, so a small file could fill the memory.
        struct.error: It is truncated.
    """
    file.seek(start)
    (count,) = struct.unpack(order + "H", file.read(2))
    if count > _MOST_TAGS:
        raise NotAPictureError(DAMAGED)
    entries = list(struct.iter_unpack(order + "HHI4s", file.read(12 * count)))
    if sum(amount * _SIZES.get(kind, 0) for _, kind, amount, _ in entries) > _MOST_CLAIMED * size:
        raise NotAPictureError(DAMAGED)
    fields = {tag: (kind, amount, value) for tag, kind, amount, value in entries}
    return Directory(order, fields, struct.unpack(order + "I", file.read(4).ljust(4, b"\0"))[0])
