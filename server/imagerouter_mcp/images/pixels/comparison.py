"""Look at results: whether one is its source unchanged, and how many pages a TIFF has."""

from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageChops, ImageStat
from PIL.TiffImagePlugin import TiffImageFile

from imagerouter_mcp.images.inspect.binary import NotAPictureError
from imagerouter_mcp.images.inspect.opening import BROKEN
from imagerouter_mcp.images.pixels.decode import (
    MAX_WORKING_BYTES,
    TooLargeError,
    loaded,
    one_at_a_time,
    plain,
    upright,
)

_SIDE = 64
_MOST_ON_AVERAGE = 3
"""Levels of 255. Models that return their source, stretched, stayed within it; edits differ far more."""
_MOST_ANYWHERE = 32
"""Levels of 255. A small edit leaves most of a picture alone, and differs more than this where it is."""
_ORIENTATION = 0x0112


@one_at_a_time
def reduced(file: BinaryIO, format_name: str) -> Image.Image | None:
    """Return a picture stretched to a small square, to be compared; None if it cannot be decoded.

    Args:
        file: The picture, open for reading.
        format_name: As in `formats.Format.name`.
    """
    try:
        picture = loaded(file, format_name, 4 * _SIDE, MAX_WORKING_BYTES)
        turned = upright(plain(picture), picture.getexif().get(_ORIENTATION, 1))
        return turned.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BOX)  # pyright: ignore[reportUnknownMemberType] - Pillow's annotation names NumPy
    except (NotAPictureError, TooLargeError, *BROKEN):
        return None


def is_echo(source: Image.Image, made: Path, format_name: str) -> bool:
    """Tell whether a result shows its source unchanged.

    Args:
        source: From `reduced`.
        made: The result's file.
        format_name: As in `formats.Format.name`.
    """
    with made.open("rb") as file:
        result = reduced(file, format_name)
    if result is None:
        return False
    difference = ImageStat.Stat(ImageChops.difference(source, result))
    most = max(high for _, high in difference.extrema)
    return sum(difference.mean) / len(difference.mean) <= _MOST_ON_AVERAGE and most <= _MOST_ANYWHERE


def pages_of(tiff: Path) -> int:
    """Return how many pages a TIFF has; 1 if it cannot be read."""
    try:
        with tiff.open("rb") as file, TiffImageFile(file) as picture:
            return picture.n_frames
    except BROKEN:
        return 1
