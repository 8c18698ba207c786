"""Convert and scale pictures in bands of rows, so that no whole intermediate copy is held."""

import math
from collections.abc import Callable

from PIL import Image

_BAND_ROWS = 128
"""Source rows per band."""
_SUPPORT = 2
"""Pixels to each side that Pillow's bicubic filter reads, in the larger of the two scales."""
_REDUCING_GAP = 1.4
"""For speed, a picture is first shrunk by a whole factor to at least this multiple of the target; the good
filter does the rest. The result differs from the good filter's alone no more than another good filter's."""


def scaled(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return a picture in another size, or itself if it has that size."""
    return picture if picture.size == size else in_bands(picture, size, lambda band: band)


def in_bands(
    picture: Image.Image, size: tuple[int, int], convert: Callable[[Image.Image], Image.Image]
) -> Image.Image:
    """Convert and scale a picture.

    Args:
        picture: A decoded picture.
        size: Width and height of the result.
        convert: Converts a band to a mode that can be scaled, the same for each band.
    """
    if picture.size == size and picture.height <= _BAND_ROWS:
        return convert(picture)
    scale = picture.height / size[1]
    margin = math.ceil(_SUPPORT * max(1, scale)) if picture.size != size else 0
    rows = max(1, int(_BAND_ROWS / scale))
    result: Image.Image | None = None
    for top in range(0, size[1], rows):
        bottom = min(size[1], top + rows)
        first = max(0, int(top * scale) - margin)
        last = min(picture.height, math.ceil(bottom * scale) + margin)
        band = convert(picture.crop((0, first, picture.width, last)))
        if picture.size != size:
            box = (0, top * scale - first, picture.width, min(band.height, bottom * scale - first))
            # Pillow's annotation names a NumPy type, and NumPy is not installed.
            band = band.resize(  # pyright: ignore[reportUnknownMemberType]
                (size[0], bottom - top), Image.Resampling.BICUBIC, box, _REDUCING_GAP
            )
        if result is None:
            result = Image.new(band.mode, size)
        result.paste(band, (0, top))
    return result or convert(picture)
