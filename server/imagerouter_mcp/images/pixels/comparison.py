"""Tell whether a result is its source unchanged."""

from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageChops, ImageStat

from imagerouter_mcp.images.confined import Fields, StoppedError
from imagerouter_mcp.images.inspect.binary import NotAPictureError
from imagerouter_mcp.images.inspect.inspection import inspect
from imagerouter_mcp.images.inspect.opening import BROKEN
from imagerouter_mcp.images.pixels.decode import (
    loaded,
    one_at_a_time,
    plain,
    upright,
)
from imagerouter_mcp.images.pixels.derive import derived

_SIDE = 64
_MOST_ON_AVERAGE = 3
"""Levels of 255. Models that return their source, stretched, stayed within it; edits differ far more."""
_MOST_ANYWHERE = 32
"""Levels of 255. A small edit leaves most of a picture alone, and differs more than this where it is."""
_ORIENTATION = 0x0112


def reduced(file: BinaryIO) -> Image.Image | None:
    """Return a picture stretched to a small square, to be compared; None if it cannot be decoded.

    Args:
        file: The picture, open for reading.
    """
    try:
        return derived(stretched, file)[0]
    except (NotAPictureError, StoppedError, *BROKEN):
        return None


@one_at_a_time
def stretched(file: BinaryIO) -> tuple[Image.Image, Fields]:
    """Stretch a picture to a small square, as `derive.Derivation`."""
    picture = loaded(file, inspect(file).format.name, 4 * _SIDE)
    turned = upright(plain(picture), picture.getexif().get(_ORIENTATION, 1))
    return turned.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BOX), {}  # pyright: ignore[reportUnknownMemberType] - Pillow's annotation names NumPy


def is_echo(source: Image.Image, made: Path) -> bool:
    """Tell whether a result shows its source unchanged.

    Args:
        source: From `reduced`.
        made: The result's file.
    """
    with made.open("rb") as file:
        result = reduced(file)
    if result is None:
        return False
    difference = ImageStat.Stat(ImageChops.difference(source, result))
    most = max(high for _, high in difference.extrema)
    return sum(difference.mean) / len(difference.mean) <= _MOST_ON_AVERAGE and most <= _MOST_ANYWHERE
