"""Make a plain background transparent: flood it from the borders and soften the edge."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Any

from PIL import Image, ImageFilter, ImageMath

from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.images.finish.shape import border_colour, border_strips
from imagerouter_mcp.images.pixels.arithmetic import LEVELS, mapped, most_apart
from imagerouter_mcp.images.pixels.decode import has_transparency

_PLAIN_SHARE = 0.75
"""Share of the outermost pixels that must have the background's colour; a subject may touch the border."""
_NOTHING_LEFT = 0.002
"""Share of the picture; if less than this remains, it is noise."""
_EDGE = 5
"""Width in pixels of an edge that mixes subject and background; an odd number."""
_BAND_ROWS = 256
_RUN = re.compile(rb"\xff+")
_start, _end = itemgetter(0), itemgetter(1)


def cut_out(picture: Image.Image, tolerance: float) -> Image.Image:
    """Return a picture with its background made transparent.

    Edge pixels mix subject and background: they become partly transparent to match the mixture, and lose the
    background's colour.

    Args:
        picture: In mode L, LA, RGB or RGBA.
        tolerance: How much the background may vary, in per cent.

    Raises:
        PlanError: The background is not plain, or nothing else is there.
    """
    if has_transparency(picture):
        raise PlanError("The picture already has transparency.", "Leave out cutout, or flatten it first.")
    picture = picture.convert("RGB")
    red, green, blue = (round(level) for level in border_colour(picture))
    unlike = most_apart(picture, Image.new("RGB", picture.size, (red, green, blue)))
    alike = mapped(unlike, [255 if level <= 255 * tolerance / 100 else 0 for level in LEVELS])
    if _share_of_border(alike) < _PLAIN_SHARE:
        raise PlanError(
            "The background is not plain: the picture's border has several colours.",
            'Give cutout a higher tolerance, such as "cutout 20", or remove the background with edit_image '
            "and a model made for that, which costs credits.",
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
    counts = [strip.histogram() for strip in border_strips(mask)]
    return sum(count[255] for count in counts) / (2 * sum(mask.size))


def flooded(mask: Image.Image) -> Image.Image:
    """Return the part of a mask that is connected to its border.

    It works on runs of pixels in rows; a picture with a plain background has few of them.

    Args:
        mask: In mode L, with only 0 and 255.
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
    """Make the background of a part transparent, and its edge as far as it is mixed."""
    edge = background.filter(ImageFilter.MaxFilter(_EDGE))
    subject = unlike.filter(ImageFilter.MaxFilter(_EDGE))  # the colour next to the edge, which it mixes with
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
    """Calculate a picture in mode L from others, pixel by pixel."""
    return ImageMath.lambda_eval(
        lambda of: of["convert"](of["max"](of["min"](formula(of), 255), 0), "L"), **images
    )
