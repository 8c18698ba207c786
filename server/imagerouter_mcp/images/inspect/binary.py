"""Exact reads, the refusal and the result that the measuring functions of all formats share."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, TypeVar

MAX_PIXELS = 200_000_000
"""A picture that claims more counts as a decompression bomb; 14,000 × 14,000 passes.

Today's models make up to 67 million (8192 × 8192). The limit protects whoever decodes the picture later.
"""

MAX_PARTS = 100_000
"""Chunks, blocks or boxes that a file may consist of; 200 MiB of PNG have 25,600 of the usual 8 KiB."""

CUT_SHORT = "it is cut short"
DAMAGED = "its data is damaged"

_PIECE = 1 << 20
"""Bytes read at once when a file is streamed."""

_TEXT = re.compile(rb"[\t\n\r -~]{32,}")
"""Longer than chance makes it: of random bytes, one place in some 10^13 begins such a run."""

SIDEWAYS = range(5, 9)
"""The EXIF orientations (tag 0x0112) that exchange width and height."""


T = TypeVar("T")


class NotAPictureError(ValueError):
    """The bytes are not one whole picture.

    `str()` is only the reason, such as "it is cut short", for the caller's own sentence.
    """


@dataclass(frozen=True)
class Measured:
    """What a file's structure says about the picture or video in it.

    Attributes:
        width: In pixels as displayed, or None if the format does not say.
        height: As `width`.
        animated: Whether there is more than one frame. Videos do not count as animated.
        seconds: The length of a video, or None.
        passes: How often a decoder goes over the pixels: the scans of a progressive JPEG.
    """

    width: int | None = None
    height: int | None = None
    animated: bool = False
    seconds: float | None = None
    passes: int = 1


def as_displayed(
    width: int, height: int, *, orientation: int = 1, animated: bool = False, passes: int = 1
) -> Measured:
    """Turn stored dimensions into displayed ones; refuse a picture of no pixels or more than `MAX_PIXELS`."""
    if not 0 < width * height <= MAX_PIXELS:
        raise NotAPictureError(f"it claims {width}×{height} pixels")
    if orientation in SIDEWAYS:
        width, height = height, width
    return Measured(width, height, animated, passes=passes)


def counted(parts: Iterable[T], most: int = MAX_PARTS) -> Iterator[T]:
    """Yield the parts of a file; refuse a file that has more of them than any honest one."""
    for count, part in enumerate(parts):
        if count == most:
            raise NotAPictureError(f"it has more than {most:,} parts")
        yield part


def exactly(file: BinaryIO, count: int) -> bytes:
    """Read `count` bytes, or raise `NotAPictureError`."""
    data = file.read(count)
    if len(data) < count:
        raise NotAPictureError(CUT_SHORT)
    return data


def stream(file: BinaryIO, count: int) -> Iterator[bytes]:
    """Read `count` bytes in pieces of at most 1 MiB, or raise `NotAPictureError`."""
    while count:
        data = exactly(file, min(count, _PIECE))
        count -= len(data)
        yield data


def holds_text(data: bytes) -> bool:
    """Whether text stands among compressed pixels, where chance makes none of that length."""
    return _TEXT.search(data) is not None


def number(data: bytes, start: int = 0, size: int = 4) -> int:
    """Decode the big-endian number in `size` bytes from `start`, or raise `NotAPictureError`."""
    return int.from_bytes(_slice(data, start, size), "big")


def little(data: bytes, start: int = 0, size: int = 4) -> int:
    """Decode the little-endian number in `size` bytes from `start`, or raise `NotAPictureError`."""
    return int.from_bytes(_slice(data, start, size), "little")


def _slice(data: bytes, start: int, size: int) -> bytes:
    part = data[start : start + size]
    if len(part) < size:
        raise NotAPictureError(DAMAGED)
    return part
