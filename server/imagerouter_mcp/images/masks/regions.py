"""Parse masks in words: `box:0,0,100%,50%+box:10,10,20,20`, `outside:box:…`, `alpha`.

    mask    = ["outside:"] part {"+" part}
    part    = "box:" x "," y "," width "," height  |  "alpha"
    x, …    = a number of pixels, or a percentage of the picture's width or height

Case and spaces do not matter. `alpha` is where the picture itself is transparent.
"""

import re
from dataclasses import dataclass

from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.lines import collapse

_OF_THIS_LANGUAGE = re.compile(r"(?:box|outside|alpha)(?![\w./\\~-])", re.IGNORECASE)
"""The start of a mask in words; `box.png` and `alpha-2` are sources of a picture."""
_VALUE = re.compile(r"([+-]?[0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(%|px)?", re.IGNORECASE)
_MAX_PARTS = 64
_SHOWN = 60
_REMEDY = (
    "Give box:x,y,width,height in pixels or with %, such as box:0,0,100%,50%; join several with +, put "
    "outside: before them for the inverse, or give alpha for the picture's own transparency."
)


@dataclass(frozen=True, slots=True)
class Length:
    """A number of pixels, or a percentage of a side."""

    number: float
    percent: bool

    def of(self, side: int) -> float:
        """Return the length in pixels on a side of `side` pixels."""
        return self.number * side / 100 if self.percent else self.number


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle, which may reach beyond the picture; `text` is how it was given."""

    x: Length
    y: Length
    width: Length
    height: Length
    text: str

    def on(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return the left, upper, right and lower edges in pixels, clipped to a picture of this size.

        Raises:
            PlanError: The box contains no pixel of the picture.
        """
        left, upper = self.x.of(width), self.y.of(height)
        right, lower = left + self.width.of(width), upper + self.height.of(height)
        edges = (
            min(width, max(0, round(left))),
            min(height, max(0, round(upper))),
            min(width, max(0, round(right))),
            min(height, max(0, round(lower))),
        )
        if edges[0] >= edges[2] or edges[1] >= edges[3]:
            raise PlanError(
                f"The mask's {self.text} contains no pixel of the picture, which is {width}×{height}.",
                f"Give a box between 0,0 and {width},{height}, or use percentages.",
            )
        return edges


@dataclass(frozen=True, slots=True)
class Regions:
    """Where to edit.

    Attributes:
        boxes: Rectangles to edit.
        alpha: Whether to edit the picture's transparent parts.
        outside: Whether to edit everything else instead.
    """

    boxes: tuple[Box, ...]
    alpha: bool
    outside: bool


def parse_mask(text: str) -> Regions | None:
    """Parse a mask in words.

    Returns:
        The regions; None if the text is something else, such as a path.

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
    boxes = tuple(_box(part, text) for part in parts if part != "alpha")
    return Regions(boxes, alpha="alpha" in parts, outside=outside)


def _box(part: str, text: str) -> Box:
    begin = re.match(r"box\s*:", part)
    if not begin:
        wrong = f"{collapse(part)} is neither a box nor alpha" if part else "a part is missing"
        raise refusal(text, wrong)
    values = [_VALUE.fullmatch(value.strip()) for value in part[begin.end() :].split(",")]
    lengths = [Length(float(value[1]), percent=value[2] == "%") for value in values if value]
    if len(values) != 4 or len(lengths) != 4:  # noqa: PLR2004 - x, y, width, height
        raise refusal(text, f"{collapse(part)} does not have four values")
    x, y, width, height = lengths
    if width.number <= 0 or height.number <= 0:
        raise refusal(text, f"{collapse(part)} has no width or no height")
    return Box(x, y, width, height, collapse(part))


def refusal(text: str, reason: str) -> PlanError:
    """Word the refusal of a mask, with the form that a mask in words has."""
    return PlanError(f"The mask {collapse(text, _SHOWN)!r} cannot be read: {reason}.", _REMEDY)
