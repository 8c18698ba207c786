"""Measure ISO base media files (ISO/IEC 14496-12): AVIF, HEIC, MP4, MOV.

These files are chains of boxes with lengths, so truncation shows as a box that reaches past the end, or as a
missing index box. Truncation inside a last box of length 0 ("to the end") goes unnoticed, but finished files
do not use those.
"""

import os
from collections.abc import Iterator
from typing import BinaryIO

from imagerouter_mcp.images.inspect.binary import (
    CUT_SHORT,
    DAMAGED,
    Measured,
    NotAPictureError,
    as_displayed,
    counted,
    exactly,
    number,
)

_MAX_INDEX = 32 << 20
"""Largest index box (`meta`, `moov`) to read into memory, in bytes; an hour of video needs about 1 MiB."""

Box = tuple[bytes, int, int]
"""A box's kind, and the start and end of its content."""


def brands(head: bytes) -> list[bytes]:
    """Return the major and compatible brands in a file's leading `ftyp` box."""
    if head[4:8] != b"ftyp":
        return []
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return [head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))]


def measure_heif(file: BinaryIO) -> Measured:
    """Measure an AVIF, HEIC or HEIF picture; in these formats `irot` decides the rotation."""
    top = _top_boxes(file)
    meta = top.get(b"meta", b"")[4:]
    properties = _inside(meta, b"iprp", b"ipco")
    sizes = [(number(data, 4), number(data, 8)) for kind, data in properties if kind == b"ispe"]
    sequence = _measure_movie(top[b"moov"]) if b"moov" in top else Measured()
    if not sizes:
        if sequence.width is None or sequence.height is None:
            raise NotAPictureError(DAMAGED)
        sizes = [(sequence.width, sequence.height)]
    # Thumbnails and grid tiles are smaller than the picture itself.
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    turned = any(kind == b"irot" and data[:1] and data[0] % 2 for kind, data in properties)
    return as_displayed(width, height, orientation=6 if turned else 1, animated=b"moov" in top)


def measure_movie(file: BinaryIO) -> Measured:
    """Measure an MP4 or MOV file by its `moov` box."""
    top = _top_boxes(file)
    if b"moov" not in top:
        raise NotAPictureError(CUT_SHORT)
    return _measure_movie(top[b"moov"])


def _top_boxes(file: BinaryIO) -> dict[bytes, bytes]:
    """Check that the boxes fill the file, and return the index boxes."""
    media = False
    found: dict[bytes, bytes] = {}
    for kind, start, end in counted(_boxes_of_file(file)):
        if kind in (b"meta", b"moov") and end - start <= _MAX_INDEX and kind not in found:
            found[kind] = exactly(file, end - start)
        media = media or kind in (b"mdat", b"idat", b"moof")
    if not media and b"idat" not in found.get(b"meta", b""):
        raise NotAPictureError(CUT_SHORT)
    return found


def _boxes_of_file(file: BinaryIO) -> Iterator[Box]:
    """Yield each top-level box of a file, with the file positioned at its content."""
    end = file.seek(0, os.SEEK_END)
    position = 0
    while position < end:
        file.seek(position)
        head = exactly(file, 8)
        size, kind = number(head), head[4:]
        start = position + 8
        if size == 1:
            size, start = number(exactly(file, 8), size=8), start + 8
        following = position + size if size else end
        if following > end:
            raise NotAPictureError(CUT_SHORT)
        if following < start:
            raise NotAPictureError(DAMAGED)
        yield kind, start, following
        position = following


def _measure_movie(moov: bytes) -> Measured:
    seconds: float | None = None
    width: int | None = None
    height: int | None = None
    for kind, start, end in _boxes(moov, 0, len(moov)):
        if kind == b"mvhd":
            seconds = _duration(moov[start:end])
        elif kind == b"trak" and width is None:
            for inner, inner_start, inner_end in _boxes(moov, start, end):
                if inner == b"tkhd":
                    width, height = _track_size(moov[inner_start:inner_end]) or (None, None)
    return Measured(width, height, seconds=seconds)


def _duration(mvhd: bytes) -> float | None:
    long = mvhd[:1] == b"\1"
    scale = number(mvhd, 20 if long else 12)
    ticks = number(mvhd, 24, 8) if long else number(mvhd, 16)
    return ticks / scale if scale else None


def _track_size(tkhd: bytes) -> tuple[int, int] | None:
    """Return a track's displayed size, or None for a track without pictures.

    The last 44 bytes are a 3 × 3 matrix, the width and the height, in 16.16 fixed point. The matrix of a
    quarter turn begins with a zero.
    """
    width, height = number(tkhd, len(tkhd) - 8) >> 16, number(tkhd, len(tkhd) - 4) >> 16
    if not width or not height:
        return None
    turned = number(tkhd, len(tkhd) - 44) == 0 and number(tkhd, len(tkhd) - 40) != 0
    return (height, width) if turned else (width, height)


def _inside(data: bytes, *path: bytes) -> list[tuple[bytes, bytes]]:
    """Return the boxes inside the first box at a path, with their content."""
    start, end = 0, len(data)
    for name in path:
        for kind, inner_start, inner_end in _boxes(data, start, end):
            if kind == name:
                start, end = inner_start, inner_end
                break
        else:
            return []
    return [(kind, data[a:b]) for kind, a, b in _boxes(data, start, end)]


def _boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    return counted(_all_boxes(data, start, end))


def _all_boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    while start + 8 <= end:
        size = number(data, start)
        following = start + size if size else end
        if size in range(1, 8) or following > end:
            raise NotAPictureError(DAMAGED)
        yield data[start + 4 : start + 8], start + 8, following
        start = following
