"""Parse masks in words: `box:0,0,100%,50%+box:10,10,20,20`, `outside:box:…`, `alpha`.

    mask    = ["outside:"] part {"+" part}
    part    = "box:" x "," y "," width "," height  |  "poly:" x "," y {" " x "," y}  |  "alpha"
    x, …    = a whole number of pixels, or a percentage of the picture's width or height

Case and spaces do not matter, and commas may separate the corners of a polygon. `alpha` means the picture's
own transparent parts.
"""

import re
from dataclasses import dataclass

from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.images.length import Length
from imagerouter_mcp.lines import collapse

_OF_THIS_LANGUAGE = re.compile(r"(?:box|poly|outside|alpha)(?![\w./\\~-])", re.IGNORECASE)
"""The start of a mask in words; `box.png` and `alpha-2` name pictures instead."""
_MAX_PARTS = 64
_SHOWN = 60
_FEWEST_CORNERS, _MOST_CORNERS = 3, 500
_LEAST = 1
"""Pixels per side; a box no larger than this was probably meant as fractions of the sides."""
_REMEDY = (
    "Give box:x,y,width,height in pixels or with %, such as box:0,0,100%,50%, or the corners of a polygon, "
    "such as poly:10%,90% 50%,10% 90%,90%; join several with +, put outside: before them to invert, or "
    "give alpha for the picture's own transparency."
)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle, which may reach beyond the picture; `text` is how the caller wrote it."""

    x: Length
    y: Length
    width: Length
    height: Length
    text: str

    def on(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return the left, upper, right and lower edges in pixels, clipped to a picture of this size.

        Raises:
            PlanError: The box contains no pixel of the picture, or a single one.
        """
        left, upper, right, lower = self._edges(width, height)
        edges = min(width, max(0, left)), min(height, max(0, upper)), min(width, right), min(height, lower)
        if edges[0] >= edges[2] or edges[1] >= edges[3]:
            raise PlanError(
                f"The mask's {self.text} contains no pixel of the picture, which is {width}×{height}.",
                f"Give a box between 0,0 and {width},{height}, or use percentages.",
            )
        if max(right - left, lower - upper) <= _LEAST:
            raise PlanError(
                f"The mask's {self.text} is a single pixel of the picture, which is {width}×{height}.",
                "Numbers without % are pixels; for fractions of the picture give percentages, such as "
                "box:0,0,100%,50%.",
            )
        return edges

    def beyond(self, width: int, height: int) -> bool:
        """Return whether the box reaches beyond a picture of this size."""
        left, upper, right, lower = self._edges(width, height)
        return left < 0 or upper < 0 or right > width or lower > height

    def _edges(self, width: int, height: int) -> tuple[int, int, int, int]:
        left, upper = self.x.of(width), self.y.of(height)
        right, lower = left + self.width.of(width), upper + self.height.of(height)
        return round(left), round(upper), round(right), round(lower)


@dataclass(frozen=True, slots=True)
class Polygon:
    """A polygon, whose corners may lie outside the picture; `text` is how the caller wrote it."""

    corners: tuple[tuple[Length, Length], ...]
    text: str

    def on(self, width: int, height: int) -> list[tuple[float, float]]:
        """Return the corners in pixels of a picture of this size.

        Raises:
            PlanError: The polygon contains no pixel of the picture.
        """
        corners = [(x.of(width), y.of(height)) for x, y in self.corners]
        across, down = zip(*corners, strict=True)
        if max(across) <= 0 or min(across) >= width or max(down) <= 0 or min(down) >= height:
            raise self.outside(width, height)
        return corners

    def outside(self, width: int, height: int) -> PlanError:
        """Return the error for a polygon that contains no pixel of a picture of this size."""
        return PlanError(
            f"The mask's {collapse(self.text, _SHOWN)} contains no pixel of the picture, which is "
            f"{width}×{height}.",
            f"Give corners between 0,0 and {width},{height}, or use percentages.",
        )

    def beyond(self, width: int, height: int) -> bool:
        """Return whether a corner lies outside a picture of this size."""
        return any(
            not (-_LEAST < x.of(width) < width + _LEAST and -_LEAST < y.of(height) < height + _LEAST)
            for x, y in self.corners
        )


@dataclass(frozen=True, slots=True)
class Regions:
    """Where to edit.

    Attributes:
        shapes: Rectangles and polygons to edit.
        alpha: Whether to edit the picture's transparent parts.
        outside: Whether to edit everything else instead.
    """

    shapes: tuple[Box | Polygon, ...]
    alpha: bool
    outside: bool

    def clipped(self, width: int, height: int) -> list[str]:
        """Return a sentence for each shape that reaches beyond a picture of this size."""
        return [
            f"The mask's {collapse(shape.text, _SHOWN)} reaches beyond the {width}×{height} picture and was "
            "clipped to it."
            for shape in self.shapes
            if shape.beyond(width, height)
        ]


def parse_mask(text: str) -> Regions | None:
    """Parse a mask in words.

    Returns:
        The regions, or None if the text is something else, such as a path.

    Raises:
        PlanError: It begins like a mask in words, but is not one.
    """
    text = text.strip()
    if not _OF_THIS_LANGUAGE.match(text):
        return None
    rest = text.lower()
    outside = bool(begin := re.match(r"outside\s*:", rest))
    if begin:
        rest = rest[begin.end() :]
    # A plus sign after a colon or a comma belongs to a number.
    parts = [part.strip() for part in re.split(r"(?<![:,\s])\s*\+", rest)]
    if len(parts) > _MAX_PARTS:
        raise PlanError(f"The mask has {len(parts)} parts, more than {_MAX_PARTS}.", "Give fewer boxes.")
    shapes = tuple(_shape(part, text) for part in parts if part != "alpha")
    return Regions(shapes, alpha="alpha" in parts, outside=outside)


def _shape(part: str, text: str) -> Box | Polygon:
    if begin := re.match(r"poly\s*:", part):
        return _polygon(part, part[begin.end() :], text)
    if begin := re.match(r"box\s*:", part):
        return _box(part, part[begin.end() :], text)
    wrong = f"{collapse(part)} is neither a box, a polygon nor alpha" if part else "a part is missing"
    raise refusal(text, wrong)


def _box(part: str, values: str, text: str) -> Box:
    lengths = _lengths(values.split(","), part, text)
    if len(lengths) != 4:  # noqa: PLR2004 - x, y, width, height
        raise refusal(text, f"{collapse(part)} does not have four values")
    x, y, width, height = lengths
    if width.number <= 0 or height.number <= 0:
        raise refusal(text, f"{collapse(part)} has no width or no height")
    return Box(x, y, width, height, collapse(part))


def _polygon(part: str, values: str, text: str) -> Polygon:
    joined = " ".join(values.split())
    for mark in ("%", "px", ","):  # a space before these means nothing
        joined = joined.replace(f" {mark}", mark)
    lengths = _lengths(re.split(r"[,;\s]+", joined), part, text)
    corners = tuple(zip(lengths[::2], lengths[1::2], strict=False))
    if len(lengths) % 2 or not _FEWEST_CORNERS <= len(corners) <= _MOST_CORNERS:
        raise refusal(
            text,
            f"{collapse(part, _SHOWN)} does not have {_FEWEST_CORNERS} to {_MOST_CORNERS} corners, "
            "of two values each",
        )
    return Polygon(corners, collapse(part))


def _lengths(values: list[str], part: str, text: str) -> list[Length]:
    """Read pixels and percentages; return nothing if any value is neither."""
    lengths = [length for value in values if (length := Length.parse(value))]
    if any(not length.percent and not length.number.is_integer() for length in lengths):
        raise refusal(text, f"{collapse(part, _SHOWN)} has fractions of a pixel; percentages need a %")
    return lengths if len(lengths) == len(values) else []


def refusal(text: str, reason: str) -> PlanError:
    """Return the error for a mask that cannot be read, with the syntax of masks in words."""
    return PlanError(f"The mask {collapse(text, _SHOWN)!r} cannot be read: {reason}.", _REMEDY)
