"""Give a picture an exact size by cropping towards its detail, padding or stretching."""

from statistics import median_high
from typing import Literal, cast

from PIL import Image, ImageChops

from imagerouter_mcp.images.pixels.arithmetic import fitted, most_apart, opaque
from imagerouter_mcp.images.pixels.decode import has_transparency
from imagerouter_mcp.images.pixels.scale import in_bands, scaled

Fit = Literal["cover", "contain", "stretch"]
Size = tuple[int, int]
Box = tuple[int, int, int, int]

_LOOKED_AT = 256
"""Longer side in pixels of the copy in which detail is measured."""
_CENTRED = 0.15
"""Share of its detail that a window at the very edge loses, so that of two equal places the middle
wins."""


def shaped(picture: Image.Image, size: Size, fit: Fit) -> Image.Image:
    """Return a picture in an exact size.

    Args:
        picture: In mode L, LA, RGB or RGBA.
        size: Width and height of the result.
        fit: "cover" crops the surplus, "contain" pads the gaps, "stretch" does neither.
    """
    match fit:
        case "cover":
            return scaled(picture.crop(towards_detail(picture, size[0] / size[1])), size)
        case "contain":
            return _padded(scaled(picture, inscribed(picture.size, size)), size)
        case "stretch":
            return scaled(picture, size)


def towards_detail(picture: Image.Image, ratio: float) -> Box:
    """Return the largest box of an aspect ratio, placed where the picture has most detail.

    Args:
        picture: A decoded picture.
        ratio: Width divided by height.
    """
    width, height = picture.size
    across, down = min(width, round(height * ratio) or 1), min(height, round(width / ratio) or 1)
    if across < width:
        left = _most_detailed(picture, across / width, horizontal=True) * (width - across)
        return round(left), 0, round(left) + across, height
    top = _most_detailed(picture, down / height, horizontal=False) * (height - down) if down < height else 0
    return 0, round(top), width, round(top) + down


def inscribed(size: Size, frame: Size) -> Size:
    """Return the largest size with a picture's shape that fits into a frame."""
    scale = min(frame[0] / size[0], frame[1] / size[1])
    return min(frame[0], round(size[0] * scale) or 1), min(frame[1], round(size[1] * scale) or 1)


def border_colour(picture: Image.Image) -> tuple[float, ...]:
    """Return the median colour of a picture's outermost pixels, one value for each band."""
    bands = zip(*(strip.split() for strip in border_strips(picture)), strict=True)
    return tuple(median_high([value for side in band for value in _values(side)]) for band in bands)


def border_strips(picture: Image.Image) -> list[Image.Image]:
    """Return a picture's outermost pixels: top, bottom, left and right."""
    width, height = picture.size
    top, bottom = (0, 0, width, 1), (0, height - 1, width, height)
    left, right = (0, 0, 1, height), (width - 1, 0, width, height)
    return [picture.crop(side) for side in (top, bottom, left, right)]


def _values(band: Image.Image) -> tuple[float, ...]:
    return cast("tuple[float, ...]", band.get_flattened_data())


def _most_detailed(picture: Image.Image, share: float, *, horizontal: bool) -> float:
    """Return the best position of a window that covers a share of one side, from 0 (start) to 1 (end)."""
    detail = _detail(picture)
    line = detail.resize((detail.width, 1) if horizontal else (1, detail.height), Image.Resampling.BOX)  # pyright: ignore[reportUnknownMemberType] - Pillow's annotation names NumPy
    sums = [0.0]
    for value in _values(line):
        sums.append(sums[-1] + value)
    window = max(1, round(share * (len(sums) - 1)))
    room = len(sums) - 1 - window
    if not room:
        return 0.5

    def weight(start: int) -> float:
        return (sums[start + window] - sums[start]) * (1 - _CENTRED * abs(2 * start / room - 1))

    best = max(range(room + 1), key=lambda start: (weight(start), -abs(2 * start - room)))
    return best / room


def _detail(picture: Image.Image) -> Image.Image:
    """Return how much each pixel of a small copy differs from its neighbours, as floats.

    Transparent parts count as grey, so that outlines count as detail.
    """
    small = in_bands(picture, fitted(picture.size, _LOOKED_AT), opaque)
    beside, below = ImageChops.offset(small, 1, 0), ImageChops.offset(small, 0, 1)
    steps = ImageChops.lighter(most_apart(small, beside), most_apart(small, below))
    steps.paste(0, (0, 0, 1, small.height))  # they were compared with the last column and row
    steps.paste(0, (0, 0, small.width, 1))
    return steps.convert("F")


def _padded(picture: Image.Image, size: Size) -> Image.Image:
    """Centre a picture on its border's colour, or on nothing if it has transparency."""
    result = Image.new(picture.mode, size, 0 if has_transparency(picture) else border_colour(picture))
    result.paste(picture, ((size[0] - picture.width) // 2, (size[1] - picture.height) // 2))
    return result
