"""Give a picture an exact size: cropped towards its detail, padded, or stretched."""

from typing import Literal, cast

from PIL import Image, ImageChops

from imagerouter_mcp.images.composite.arithmetic import most_apart, opaque
from imagerouter_mcp.images.pixels.decode import fitted, has_transparency
from imagerouter_mcp.images.pixels.scale import in_bands

Fit = Literal["cover", "contain", "stretch"]
Size = tuple[int, int]
Box = tuple[int, int, int, int]

_LOOKED_AT = 256
"""Pixels of the longer side at which detail is measured."""
_CENTRED = 0.15
"""Share of its detail that a window at the picture's very edge loses: of two equal places the middle wins."""


def shaped(picture: Image.Image, size: Size, fit: Fit) -> Image.Image:
    """Return a picture in an exact size.

    Args:
        picture: Of mode L, LA, RGB or RGBA.
        size: Width and height of the result.
        fit: "cover" crops what does not fit, "contain" pads what is missing, "stretch" does neither.
    """
    match fit:
        case "cover":
            return _scaled(picture.crop(towards_detail(picture, size[0] / size[1])), size)
        case "contain":
            return _padded(_scaled(picture, inscribed(picture.size, size)), size)
        case "stretch":
            return _scaled(picture, size)


def towards_detail(picture: Image.Image, ratio: float) -> Box:
    """Return the largest box of an aspect ratio, placed where the picture has most detail.

    Args:
        picture: Decoded.
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
    """Return the colour that most of a picture's outermost pixels have, as one value for each band."""
    width, height = picture.size
    top, bottom = (0, 0, width, 1), (0, height - 1, width, height)
    left, right = (0, 0, 1, height), (width - 1, 0, width, height)
    sides = [picture.crop(side).split() for side in (top, bottom, left, right)]
    bands = zip(*sides, strict=True)
    return tuple(_median([value for side in band for value in _values(side)]) for band in bands)


def _values(band: Image.Image) -> tuple[float, ...]:
    return cast("tuple[float, ...]", band.get_flattened_data())


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _most_detailed(picture: Image.Image, share: float, *, horizontal: bool) -> float:
    """Return where a window lies that covers a share of one side, from 0 at the beginning to 1 at the end."""
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
    """Return how much each place differs from its neighbours, in floating point.

    What is transparent counts as grey, so that an outline counts.
    """
    small = in_bands(picture, fitted(picture.size, _LOOKED_AT), opaque)
    beside, below = ImageChops.offset(small, 1, 0), ImageChops.offset(small, 0, 1)
    steps = ImageChops.lighter(most_apart(small, beside), most_apart(small, below))
    steps.paste(0, (0, 0, 1, small.height))  # the first column and row were compared with the last ones
    steps.paste(0, (0, 0, small.width, 1))
    return steps.convert("F")


def _scaled(picture: Image.Image, size: Size) -> Image.Image:
    return picture if picture.size == size else in_bands(picture, size, lambda band: band)


def _padded(picture: Image.Image, size: Size) -> Image.Image:
    """Put a picture into the middle of its border's colour, or of nothing if it has transparency."""
    result = Image.new(picture.mode, size, 0 if has_transparency(picture) else border_colour(picture))
    result.paste(picture, ((size[0] - picture.width) // 2, (size[1] - picture.height) // 2))
    return result
