"""Match an answer's colours to its surroundings at the border, and smoothly from there."""

from PIL import Image, ImageChops, ImageFilter

from imagerouter_mcp.images.pixels.arithmetic import (
    LEVELS,
    Shares,
    Size,
    averaged,
    fitted,
    mapped,
    most_apart,
    part_in_size,
)

_LONGEST = 160
"""Longer side in pixels of the compared copies; small ones do, since colours drift slowly across a
picture."""
_RING = 0.07
"""Width of the ring around the region that is compared, as a share of the copies' longer side."""
_DRIFT, _CHANGE = 40, 90
"""Levels of 255. Up to the first, a difference is a drift of colours; from the second on, the answer shows
something else there, whose colours must not spread."""
_UNSEEN = 1
"""Levels of 255 by which scaling alone changes a picture."""


class Correction:
    """A colour correction that varies across an answer.

    Args:
        more: What to add, in mode RGB and any size.
        less: What to subtract, in the same mode and size.
    """

    def __init__(self, more: Image.Image, less: Image.Image) -> None:
        both = ImageChops.darker(more, less)
        self._more, self._less = (_noticeable(ImageChops.subtract(each, both)) for each in (more, less))

    def applied(self, picture: Image.Image, part: Shares) -> Image.Image:
        """Return a part of the answer with its colours corrected.

        Args:
            picture: The part, in mode RGB or RGBA.
            part: Where it lies in the frame, as fractions of the sides.
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
    """Drop invisible differences, without creating a visible step."""
    return mapped(field, [max(0, level - _UNSEEN) for level in LEVELS])


def _part(field: Image.Image, part: Shares, size: Size) -> Image.Image:
    width, height = field.size
    box = part[0] * width, part[1] * height, part[2] * width, part[3] * height
    return part_in_size(field, box, size, Image.Resampling.BILINEAR)


def compared(picture: Image.Image, answer: Image.Image, region: Image.Image, seen: Image.Image) -> Correction:
    """Compare a picture and an answer around a region, and return the colour correction.

    Args:
        picture: The source, in mode RGB.
        answer: The aligned answer, in the same mode and size.
        region: A mask of the same size, white where the answer goes.
        seen: Likewise, white where both can be compared: inside the picture and opaque.
    """
    size = fitted(picture.size, _LONGEST)
    small, made, inside, opaque = (averaged(each, size) for each in (picture, answer, region, seen))
    weights = ImageChops.multiply(_ring(inside), opaque)
    weights = ImageChops.multiply(weights, _likeness(small, made))
    more, less = ImageChops.subtract(small, made), ImageChops.subtract(made, small)
    more.putalpha(weights)
    less.putalpha(weights)
    return Correction(_spread(more), _spread(less))


def _ring(region: Image.Image) -> Image.Image:
    """Select a ring just outside a region."""
    hard = mapped(region, [255 if level else 0 for level in LEVELS])
    near = hard.filter(ImageFilter.BoxBlur(max(2.0, _RING * max(region.size))))
    near = mapped(near, [min(255, 4 * level) for level in LEVELS])
    return ImageChops.subtract(near, hard)


def _likeness(one: Image.Image, other: Image.Image) -> Image.Image:
    """Weigh how far two pictures show the same: 255 for a mere drift of colours, 0 for something else."""
    return mapped(
        most_apart(one, other),
        [round(255 * min(1.0, max(0.0, (_CHANGE - level) / (_CHANGE - _DRIFT)))) for level in LEVELS],
    )


def _spread(known: Image.Image) -> Image.Image:
    """Extend colours smoothly into transparent parts.

    The picture is halved repeatedly, and each size is placed over the enlarged next smaller one. Pillow
    weighs RGBA by opacity when it scales, so transparent pixels do not count.
    """
    if max(known.size) <= 2:  # noqa: PLR2004 - the smallest picture that can be halved
        nothing = Image.new("RGBA", known.size, (0, 0, 0, 255))
        return Image.alpha_composite(nothing, _opaque(known)).convert("RGB")
    half = max(1, known.width // 2), max(1, known.height // 2)
    beneath = _spread(_opaque(averaged(known, half)))
    wide = part_in_size(beneath, (0, 0, *half), known.size).convert("RGBA")
    return Image.alpha_composite(wide, known).convert("RGB")


def _opaque(known: Image.Image) -> Image.Image:
    """Make every known part opaque, so that a small one determines everything around it."""
    result = known.copy()
    result.putalpha(mapped(known.getchannel("A"), [min(255, 8 * level) for level in LEVELS]))
    return result
