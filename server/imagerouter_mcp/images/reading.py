"""What the walkers of the single formats share: the refusal, the result, exact reads."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

MAX_PIXELS = 200_000_000
"""A picture that claims more is taken for a decompression bomb; 14,000 × 14,000 still passes.

The largest that today's models make is 67 million (8192 × 8192), and Pillow itself refuses from 179
million on. The limit guards those who decode later: nothing here decodes.
"""

CUT_SHORT = "it is cut short"
DAMAGED = "its data is damaged"

_PIECE = 1 << 20
"""Bytes read at once when a file is streamed through."""

_TURNED_ORIENTATIONS = range(5, 9)
"""The EXIF orientations (tag 0x0112) that are shown with width and height exchanged."""


class NotAPictureError(ValueError):
    """The bytes are not one whole picture.

    `str()` is the reason alone, such as "it is cut short", to be put into the caller's own sentence.
    """


@dataclass(frozen=True)
class Measured:
    """What a walk through a file finds.

    Attributes:
        width: In pixels as displayed, or None where the format does not say.
        height: As `width`.
        animated: Whether there is more than one frame. Videos are not called animated.
        seconds: The length of a video, or None.
    """

    width: int | None = None
    height: int | None = None
    animated: bool = False
    seconds: float | None = None


def raster(width: int, height: int, *, orientation: int = 1, animated: bool = False) -> Measured:
    """Check stored dimensions, and turn them into displayed ones.

    Args:
        width: In pixels as stored.
        height: In pixels as stored.
        orientation: The EXIF orientation, 1 to 8; any other value counts as 1, as viewers do.
        animated: Whether there is more than one frame.

    Raises:
        NotAPictureError: The picture has no pixels, or more than `MAX_PIXELS`.
    """
    if not 0 < width * height <= MAX_PIXELS:
        raise NotAPictureError(f"it claims {width}×{height} pixels")
    if orientation in _TURNED_ORIENTATIONS:
        width, height = height, width
    return Measured(width, height, animated)


def exactly(file: BinaryIO, count: int) -> bytes:
    """Read so many bytes and no fewer.

    Raises:
        NotAPictureError: The file ends before.
    """
    data = file.read(count)
    if len(data) < count:
        raise NotAPictureError(CUT_SHORT)
    return data


def number(data: bytes, start: int = 0, size: int = 4) -> int:
    """The big-endian number in `size` bytes from `start`.

    Raises:
        NotAPictureError: There are not so many bytes.
    """
    return int.from_bytes(_slice(data, start, size), "big")


def little(data: bytes, start: int = 0, size: int = 4) -> int:
    """The little-endian number in `size` bytes from `start`.

    Raises:
        NotAPictureError: There are not so many bytes.
    """
    return int.from_bytes(_slice(data, start, size), "little")


def stream(file: BinaryIO, count: int) -> Iterator[bytes]:
    """Read so many bytes and no fewer, in pieces of at most 1 MiB.

    Raises:
        NotAPictureError: The file ends before.
    """
    while count:
        data = exactly(file, min(count, _PIECE))
        count -= len(data)
        yield data


def _slice(data: bytes, start: int, size: int) -> bytes:
    part = data[start : start + size]
    if len(part) < size:
        raise NotAPictureError(DAMAGED)
    return part
