"""Match the colours of an answer to those of its surroundings, at the border and smoothly from there."""

from PIL import Image, ImageChops, ImageFilter

from imagerouter_mcp.images.composite.arithmetic import (
    LEVELS,
    Shares,
    Size,
    averaged,
    fitting,
    mapped,
    most_apart,
    part_in_size,
)

_LONGEST = 160
"""Pixels of the copies that are compared; colours drift slowly across a picture."""
_RING = 0.07
"""How far from the region its surroundings are compared, as a share of the longer side of the copies."""
_DRIFT, _CHANGE = 40, 90
"""Levels of 255. Up to the first, a difference is a drift of colours; from the second on, something else is
shown there, which must not spread."""
_UNSEEN = 1
"""Levels of 255 by which scaling alone changes a picture."""


class Correction:
    """What to add to an answer and to take from it, by place.

    Args:
        more: Of mode RGB, in any size.
        less: Of the same mode and size.
    """

    def __init__(self, more: Image.Image, less: Image.Image) -> None:
        both = ImageChops.darker(more, less)
        self._more, self._less = (_noticeable(ImageChops.subtract(each, both)) for each in (more, less))

    def applied(self, picture: Image.Image, part: Shares) -> Image.Image:
        """Return a part of the answer with its colours matched.

        Args:
            picture: The part, of mode RGB or RGBA.
            part: Where it lies in the frame, as shares of the sides.
        """
        result = picture.convert("RGB")
        if self._more.getbbox():
            result = ImageChops.add(result, _part(self._more, part, picture.size))
        if self._less.getbbox():
            result = ImageChops.subtract(result, _part(self._less, part, picture.size))
        if picture.mode == "RGBA":
            result.putalpha(picture.getchannel("A"))
        return result


def _noticeable(field: Image.Image) -> Image.Image:
    """Leave out what nobody sees, without a step to what somebody does."""
    return mapped(field, [max(0, level - _UNSEEN) for level in LEVELS])


def _part(field: Image.Image, part: Shares, size: Size) -> Image.Image:
    width, height = field.size
    box = part[0] * width, part[1] * height, part[2] * width, part[3] * height
    return part_in_size(field, box, size, Image.Resampling.BILINEAR)


def compared(picture: Image.Image, answer: Image.Image, region: Image.Image, seen: Image.Image) -> Correction:
    """Compare a picture with an answer around a region.

    Args:
        picture: Of mode RGB.
        answer: Aligned, of the same mode and size.
        region: Of mode L and the same size, white where the answer is laid in.
        seen: Likewise, white where both can be compared: within the picture and opaque.
    """
    size = fitting(picture.size, _LONGEST)
    small, made, inside, opaque = (averaged(each, size) for each in (picture, answer, region, seen))
    weights = ImageChops.multiply(_ring(inside), opaque)
    weights = ImageChops.multiply(weights, _likeness(small, made))
    more, less = ImageChops.subtract(small, made), ImageChops.subtract(made, small)
    more.putalpha(weights)
    less.putalpha(weights)
    return Correction(_spread(more), _spread(less))


def _ring(region: Image.Image) -> Image.Image:
    """Select what lies just outside a region."""
    hard = mapped(region, [255 if level else 0 for level in LEVELS])
    near = hard.filter(ImageFilter.BoxBlur(max(2.0, _RING * max(region.size))))
    near = mapped(near, [min(255, 4 * level) for level in LEVELS])
    return ImageChops.subtract(near, hard)


def _likeness(one: Image.Image, other: Image.Image) -> Image.Image:
    """Weigh by how much two pictures show the same: 255 for a drift of colours, 0 for another thing."""
    return mapped(
        most_apart(one, other),
        [round(255 * min(1.0, max(0.0, (_CHANGE - level) / (_CHANGE - _DRIFT)))) for level in LEVELS],
    )


def _spread(known: Image.Image) -> Image.Image:
    """Continue colours smoothly to where they are transparent.

    The picture is halved again and again, and each size laid over the enlarged next one. Pillow scales
    RGBA by its opacity, so transparent pixels weigh nothing.
    """
    if max(known.size) <= 2:  # noqa: PLR2004 - the smallest picture that can be halved
        nothing = Image.new("RGBA", known.size, (0, 0, 0, 255))
        return Image.alpha_composite(nothing, _opaque(known)).convert("RGB")
    half = max(1, known.width // 2), max(1, known.height // 2)
    beneath = _spread(_opaque(averaged(known, half)))
    wide = part_in_size(beneath, (0, 0, *half), known.size).convert("RGBA")
    return Image.alpha_composite(wide, known).convert("RGB")


def _opaque(known: Image.Image) -> Image.Image:
    """Make opaque what is known at all, so that a small known part decides for all around it."""
    result = known.copy()
    result.putalpha(mapped(known.getchannel("A"), [min(255, 8 * level) for level in LEVELS]))
    return result
