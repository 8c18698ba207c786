"""Walks through TIFF structures: whole TIFF files, and the EXIF blocks that other formats carry."""

import io
import os
import struct
from typing import BinaryIO

from imagerouter_mcp.images.reading import CUT_SHORT, DAMAGED, Measured, NotAPictureError, exactly, raster

_WIDTH, _HEIGHT, _ORIENTATION = 0x0100, 0x0101, 0x0112
_OFFSETS = (0x0111, 0x0144)
"""StripOffsets and TileOffsets; the lengths follow in the tags of `_LENGTHS`, in the same order."""
_LENGTHS = (0x0117, 0x0145)
_WANTED = frozenset({_WIDTH, _HEIGHT, _ORIENTATION, *_OFFSETS, *_LENGTHS})

_TYPES = {1: "B", 3: "H", 4: "I"}
"""TIFF 6.0's field types BYTE, SHORT and LONG; the wanted tags have no others."""
_MAX_VALUES = 1 << 20
"""Values that a tag may have; one strip for each row of a large picture is far below."""


def measure_tiff(file: BinaryIO) -> Measured:
    """Read the first picture's tags, and check that its strips or tiles lie within the file.

    Raises:
        NotAPictureError: It is cut short, damaged or a bomb.
    """
    tags, more = _read_tags(file)
    end = file.seek(0, os.SEEK_END)
    try:
        width, height = tags[_WIDTH][0], tags[_HEIGHT][0]
    except (KeyError, IndexError):
        raise NotAPictureError(DAMAGED) from None
    for offset_tag, length_tag in zip(_OFFSETS, _LENGTHS, strict=True):
        for offset, length in zip(tags.get(offset_tag, ()), tags.get(length_tag, ()), strict=False):
            if offset + length > end:
                raise NotAPictureError(CUT_SHORT)
    return raster(width, height, orientation=_first(tags, _ORIENTATION), animated=more)


def exif_orientation(block: bytes) -> int:
    """The orientation (1 to 8) that an EXIF block states, or 1: a broken block does not break a picture.

    Args:
        block: The EXIF data from its TIFF header (`II*` or `MM*`) on.
    """
    try:
        tags, _ = _read_tags(io.BytesIO(block))
    except NotAPictureError:
        return 1
    return _first(tags, _ORIENTATION)


def _first(tags: dict[int, tuple[int, ...]], tag: int) -> int:
    values = tags.get(tag)
    return values[0] if values else 1


def _read_tags(file: BinaryIO) -> tuple[dict[int, tuple[int, ...]], bool]:
    """Read the wanted tags of the first directory, and whether another one follows."""
    file.seek(0)
    head = exactly(file, 8)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(head[:4])
    if order is None:
        raise NotAPictureError(DAMAGED)
    file.seek(struct.unpack(order + "I", head[4:])[0])
    (count,) = struct.unpack(order + "H", exactly(file, 2))
    entries = exactly(file, 12 * count)
    follows = file.read(4).strip(b"\0") != b""
    tags = {
        tag: _values(file, order, kind, amount, value)
        for tag, kind, amount, value in struct.iter_unpack(order + "HHI4s", entries)
        if tag in _WANTED and kind in _TYPES
    }
    return tags, follows


def _values(file: BinaryIO, order: str, kind: int, amount: int, value: bytes) -> tuple[int, ...]:
    if amount > _MAX_VALUES:
        raise NotAPictureError(DAMAGED)
    layout = f"{order}{amount}{_TYPES[kind]}"
    size = struct.calcsize(layout)
    if size > len(value):
        file.seek(struct.unpack(order + "I", value)[0])
        value = exactly(file, size)
    return struct.unpack(layout, value[:size])
