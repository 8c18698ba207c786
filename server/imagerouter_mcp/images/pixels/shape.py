"""Give a picture an exact size: cropped towards its detail, padded, or stretched."""

from typing import Literal, cast

from PIL import Image, ImageChops

from imagerouter_mcp.images.pixels.decode import fitted, has_transparency, upper_half
from imagerouter_mcp.images.pixels.scale import in_bands

Fit = Literal["cover", "contain", "stretch"]
Size = tuple[int, int]
Box = tuple[int, int, int, int]

_LOOKED_AT = 256
"""Pixels of the longer side at which detail is measured."""
_CENTRED = 0.15
"""Share of its detail that a window at the picture's very edge loses: of two equal places the middle wins."""


def shaped(picture: Image.Image, size: Size, fit: Fit, *, transparent: bool = False) -> Image.Image:
    """Return a picture in an exact size.

    It keeps its colour profile, and its mode unless scaling or transparency needs another: a palette becomes
    RGB, black and white becomes grey. Nothing else of its metadata is kept.

    Args:
        picture: Decoded; it is not changed.
        size: Width and height of the result.
        fit: "cover" crops what does not fit, "contain" pads what is missing, "stretch" does neither.
        transparent: Whether to pad a picture without transparency with it, too; otherwise with the colour of
            its border.
    """
    match fit:
        case "cover":
            result = _scaled(picture.crop(towards_detail(picture, size[0] / size[1])), size)
        case "contain":
            result = _padded(_scaled(picture, inscribed(picture.size, size)), size, transparent=transparent)
        case "stretch":
            result = _scaled(picture, size)
    result = picture.copy() if result is picture else result
    result.info = {name: picture.info[name] for name in _kept(picture, result) if name in picture.info}
    return result


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
    """Return how much each place differs from its neighbours, in floating point."""
    small = in_bands(picture, fitted(picture.size, _LOOKED_AT), _flat)
    beside, below = ImageChops.offset(small, 1, 0), ImageChops.offset(small, 0, 1)
    steps = ImageChops.lighter(ImageChops.difference(small, beside), ImageChops.difference(small, below))
    steps.paste(0, (0, 0, 1, small.height))  # the first column and row were compared with the last ones
    steps.paste(0, (0, 0, small.width, 1))
    red, green, blue = steps.split()
    return ImageChops.lighter(ImageChops.lighter(red, green), blue).convert("F")


def _flat(picture: Image.Image) -> Image.Image:
    """Convert to RGB; what is transparent becomes grey, so that an outline counts."""
    if picture.mode.startswith("I;16"):
        picture = upper_half(picture)
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    picture = picture.convert("RGBA")
    ground = Image.new("RGBA", picture.size, (128, 128, 128, 255))
    return Image.alpha_composite(ground, picture).convert("RGB")


def _scaled(picture: Image.Image, size: Size) -> Image.Image:
    if picture.size == size:
        return picture
    scaled = in_bands(picture, size, _scalable)
    return scaled.convert("I;16") if picture.mode.startswith("I;16") else scaled


def _scalable(picture: Image.Image) -> Image.Image:
    """Convert to a mode that can be scaled smoothly; 16-bit grey needs a wider one."""
    if picture.mode == "1":
        return picture.convert("L")
    if picture.mode.startswith("I;16"):
        return picture.convert("I")
    if picture.mode == "P" or "transparency" in picture.info:
        return _with_transparency(picture) if picture.has_transparency_data else picture.convert("RGB")
    return picture


def _with_transparency(picture: Image.Image) -> Image.Image:
    if picture.mode in ("LA", "RGBA"):
        return picture
    if picture.mode.startswith("I;16"):
        picture = upper_half(picture)
    return picture.convert("LA" if picture.mode in ("1", "L") else "RGBA")


def _padded(picture: Image.Image, size: Size, *, transparent: bool) -> Image.Image:
    if picture.size == size:
        return picture
    at = (size[0] - picture.width) // 2, (size[1] - picture.height) // 2
    if transparent or has_transparency(picture):
        picture = _with_transparency(picture)
        result = Image.new(picture.mode, size)
    else:
        picture = picture.convert("RGB") if picture.mode == "P" else picture
        result = Image.new(picture.mode, size, border_colour(picture))
    result.paste(picture, at)
    return result


def _kept(picture: Image.Image, result: Image.Image) -> tuple[str, ...]:
    """Return which of a picture's metadata still hold."""
    if picture.mode == result.mode:
        return ("icc_profile", "transparency")
    return ("icc_profile",) if picture.mode != "CMYK" else ()
