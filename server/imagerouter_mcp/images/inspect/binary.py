"""What the measuring functions of all formats share: exact reads, the error and the result."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, TypeVar

MAX_PIXELS = 200_000_000
"""A picture that claims more counts as a decompression bomb; 14,000 × 14,000 passes.

Today's models make up to 67 million (8192 × 8192). The limit protects programs that decode the picture later.
"""

MAX_PARTS = 100_000
"""Maximum number of chunks, blocks or boxes in a file; a 200 MiB PNG has 25,600 chunks of the usual 8 KiB."""

CUT_SHORT = "it is cut short"
DAMAGED = "its data is damaged"

_PIECE = 1 << 20
"""Bytes to read at a time when streaming a file."""

_TEXT = re.compile(rb"[\t\n\r -~]{32,}")
"""Too long to occur by chance: in random bytes, such a run begins about once in 10^13 places."""

SIDEWAYS = range(5, 9)
"""EXIF orientations (tag 0x0112) that swap width and height."""


T = TypeVar("T")


class NotAPictureError(ValueError):
    """The bytes are not one complete picture.

    `str()` is only the reason, such as "it is cut short", to end the caller's own sentence.
    """


@dataclass(frozen=True)
class Measured:
    """What a file's structure says about its picture or video.

    Attributes:
        width: In pixels as displayed, or None if the format does not say.
        height: Like `width`.
        animated: Whether there are several frames. Videos do not count as animated.
        seconds: Length of a video, or None.
        passes: How often a decoder goes over the pixels: the number of scans of a progressive JPEG.
    """

    width: int | None = None
    height: int | None = None
    animated: bool = False
    seconds: float | None = None
    passes: int = 1


def as_displayed(
    width: int, height: int, *, orientation: int = 1, animated: bool = False, passes: int = 1
) -> Measured:
    """Convert stored to displayed dimensions; refuse a picture with no pixels or more than `MAX_PIXELS`."""
    if not 0 < width * height <= MAX_PIXELS:
        raise NotAPictureError(f"it claims {width}×{height} pixels")
    if orientation in SIDEWAYS:
        width, height = height, width
    return Measured(width, height, animated, passes=passes)


def counted(parts: Iterable[T], most: int = MAX_PARTS) -> Iterator[T]:
    """Yield a file's parts; refuse a file with more of them than any honest one."""
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
    """Return whether there is text among compressed pixels, too long to be there by chance."""
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
