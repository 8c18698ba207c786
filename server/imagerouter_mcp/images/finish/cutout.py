"""Make a plain background transparent: flood it from the borders, and soften the edge."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Any

from PIL import Image, ImageFilter, ImageMath

from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.images.composite.arithmetic import most_apart
from imagerouter_mcp.images.finish.shape import border_colour
from imagerouter_mcp.images.pixels.decode import has_transparency

_PLAIN_SHARE = 0.75
"""Of the outermost pixels that must have the background's colour; a subject may touch the border."""
_NOTHING_LEFT = 0.002
"""Of the picture; less that remains is noise."""
_EDGE = 5
"""Pixels across which an edge mixes subject and background, an odd number."""
_BAND_ROWS = 256
_RUN = re.compile(rb"\xff+")
_start, _end = itemgetter(0), itemgetter(1)


def cut_out(picture: Image.Image, tolerance: float) -> Image.Image:
    """Return a picture whose background is transparent.

    Pixels at the edge show subject and background mixed: they become as transparent as the mixture says, and
    the background's colour is taken out of them.

    Args:
        picture: Of mode L, LA, RGB or RGBA.
        tolerance: In per cent, how much the background may differ from its own colour.

    Raises:
        PlanError: The background is not plain, or nothing else is there.
    """
    if has_transparency(picture):
        raise PlanError("The picture has transparency already.", "Leave cutout out, or flatten it first.")
    picture = picture.convert("RGB")
    red, green, blue = (round(level) for level in border_colour(picture))
    unlike = most_apart(picture, Image.new("RGB", picture.size, (red, green, blue)))
    alike = unlike.point([255 if level <= 255 * tolerance / 100 else 0 for level in range(256)])  # pyright: ignore[reportUnknownMemberType] - Pillow's annotation names NumPy
    if _share_of_border(alike) < _PLAIN_SHARE:
        raise PlanError(
            "The background is not plain: its border has several colours.",
            'Give cutout a higher tolerance, such as "cutout 20", or have the background removed with '
            "edit_image and a model for that, which costs credits.",
        )
    background = flooded(alike)
    if background.histogram()[0] < _NOTHING_LEFT * picture.width * picture.height:
        raise PlanError("The whole picture is one colour: nothing would be left.", "Give a lower tolerance.")
    result = Image.new("RGBA", picture.size)
    for top in range(0, picture.height, _BAND_ROWS):
        bottom = min(top + _BAND_ROWS, picture.height)
        first, last = max(0, top - _EDGE), min(picture.height, bottom + _EDGE)
        box = (0, first, picture.width, last)
        band = _softened(picture.crop(box), unlike.crop(box), background.crop(box), (red, green, blue))
        result.paste(band.crop((0, top - first, picture.width, bottom - first)), (0, top))
    return result


def _share_of_border(mask: Image.Image) -> float:
    width, height = mask.size
    sides = (
        (0, 0, width, 1),
        (0, height - 1, width, height),
        (0, 0, 1, height),
        (width - 1, 0, width, height),
    )
    counts = [mask.crop(side).histogram() for side in sides]
    return sum(count[255] for count in counts) / (2 * width + 2 * height)


def flooded(mask: Image.Image) -> Image.Image:
    """Return the part of a mask that is joined to its border.

    It works on runs of pixels, row by row, which a picture with a plain background has few of.

    Args:
        mask: Of mode L, with nothing but 0 and 255.
    """
    rows = [list(_runs(mask, row)) for row in range(mask.height)]
    reached = [[False] * len(runs) for runs in rows]
    waiting = list(_at_border(rows, mask.width))
    for row, number in waiting:
        reached[row][number] = True
    while waiting:
        row, number = waiting.pop()
        start, end = rows[row][number]
        for beside in (row - 1, row + 1):
            if not 0 <= beside < len(rows):
                continue
            first = bisect_right(rows[beside], start, key=_end)
            for other in range(first, bisect_left(rows[beside], end, first, key=_start)):
                if not reached[beside][other]:
                    reached[beside][other] = True
                    waiting.append((beside, other))
    result = Image.new("L", mask.size)
    for row, runs in enumerate(rows):
        for (start, end), joined in zip(runs, reached[row], strict=True):
            if joined:
                result.paste(255, (start, row, end, row + 1))
    return result


def _runs(mask: Image.Image, row: int) -> Iterator[tuple[int, int]]:
    return (found.span() for found in _RUN.finditer(mask.crop((0, row, mask.width, row + 1)).tobytes()))


def _at_border(rows: list[list[tuple[int, int]]], width: int) -> Iterator[tuple[int, int]]:
    for row, runs in enumerate(rows):
        for number, (start, end) in enumerate(runs):
            if row in (0, len(rows) - 1) or start == 0 or end == width:
                yield row, number


def _softened(
    picture: Image.Image, unlike: Image.Image, background: Image.Image, colour: tuple[int, int, int]
) -> Image.Image:
    """Return part of a picture, the background transparent and the edge as far as it is mixed."""
    edge = background.filter(ImageFilter.MaxFilter(_EDGE))
    subject = unlike.filter(ImageFilter.MaxFilter(_EDGE))  # the colour that the edge mixes with, beside it
    opacity = _calculated(
        lambda of: 255 * of["unlike"] / of["max"](of["subject"], 1), unlike=unlike, subject=subject
    )
    opaque = Image.new("L", picture.size, 255)
    alpha = Image.composite(
        Image.new("L", picture.size, 0), Image.composite(opacity, opaque, edge), background
    )
    bands = [
        _calculated(
            lambda of, level=level: level + 255 * (of["band"] - level) / of["max"](of["alpha"], 1),
            band=band,
            alpha=alpha,
        )
        for band, level in zip(picture.split(), colour, strict=True)
    ]
    return Image.merge("RGBA", [*bands, alpha])


def _calculated(formula: Callable[[dict[str, Any]], Any], **images: Image.Image) -> Image.Image:
    """Calculate a picture of mode L from others, pixel by pixel."""
    return ImageMath.lambda_eval(
        lambda of: of["convert"](of["max"](of["min"](formula(of), 255), 0), "L"), **images
    )
