"""Define the steps of `finish_image`, and predict the sizes they lead to. Opens no files."""

import math
from dataclasses import dataclass
from typing import Literal

from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.images.length import Length

MOST_SIDE = 8192
"""Longest side in pixels of a picture that a step makes."""
MOST_PIXELS = 24_000_000
"""Maximum number of pixels of a picture that a step makes; pictures that only shrink may have more."""
MOST_FRAMES_PIXELS = 16_000_000
"""Maximum number of pixels of a grid, or of all frames of an animation together."""
_ROUNDING = 1e-6
"""Rounding error of a right angle, in pixels."""

Size = tuple[int, int]
Towards = Literal["detail", "centre", "top", "bottom", "left", "right"]
FormatName = Literal["", "png", "jpeg", "webp", "avif", "gif", "ico"]
SetName = Literal["favicon", "app-icons", "social"]


@dataclass(frozen=True, slots=True)
class Crop:
    """Crop to a box (left, top, width, height), or to the largest part with a ratio, then to a size."""

    box: tuple[Length, Length, Length, Length] | None = None
    ratio: float = 1
    size: Size | None = None
    towards: Towards = "detail"


@dataclass(frozen=True, slots=True)
class Trim:
    """Cut off plain or transparent borders."""


@dataclass(frozen=True, slots=True)
class Resize:
    """Scale to a size; a side of 0 follows from the other one, `percent` replaces both."""

    size: Size = (0, 0)
    percent: float = 0
    fit: Literal["cover", "contain", "stretch", "within"] = "cover"


@dataclass(frozen=True, slots=True)
class Pad:
    """Add space around, up to an aspect ratio, a size or a margin; an empty `fill` continues the border."""

    ratio: float = 0
    size: Size | None = None
    margin: Length | None = None
    fill: str = ""


@dataclass(frozen=True, slots=True)
class Rotate:
    """Turn clockwise, in degrees."""

    degrees: float


@dataclass(frozen=True, slots=True)
class Flip:
    """Mirror."""

    vertical: bool = False


@dataclass(frozen=True, slots=True)
class Flatten:
    """Put on a colour."""

    colour: str = "white"


@dataclass(frozen=True, slots=True)
class Grey:
    """Remove colour."""


@dataclass(frozen=True, slots=True)
class Cutout:
    """Make a plain background transparent; `tolerance` is in per cent."""

    tolerance: float = 10


@dataclass(frozen=True, slots=True)
class Convert:
    """Save in a format ("" for the current one), with a quality of 1 to 100 or within a limit in bytes."""

    format: FormatName = ""
    quality: int = 0
    max_bytes: int = 0


@dataclass(frozen=True, slots=True)
class MakeSet:
    """Save a set of files."""

    name: SetName


@dataclass(frozen=True, slots=True)
class Grid:
    """Join pictures in rows; 0 columns means as square as possible."""

    columns: int = 0


@dataclass(frozen=True, slots=True)
class BeforeAfter:
    """Join two pictures side by side."""


@dataclass(frozen=True, slots=True)
class Animate:
    """Make pictures the frames of an animation."""

    format: Literal["webp", "gif"] = "webp"
    milliseconds: int = 500


Join = Grid | BeforeAfter | Animate
Change = Crop | Trim | Resize | Pad | Rotate | Flip | Flatten | Grey | Cutout
Step = Change | Convert | MakeSet | Join


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in the order in which they are carried out.

    Attributes:
        before: Changes to each picture.
        join: How several pictures become one.
        after: Changes to the joined picture.
        convert: How each result is saved.
        made_set: The set to make from each result.
    """

    before: tuple[Change, ...]
    join: Join | None
    after: tuple[Change, ...]
    convert: Convert
    made_set: MakeSet | None


def size_after(step: Change, size: Size) -> Size:
    """Predict the size of a picture after a step, or the largest possible size.

    Raises:
        PlanError: It is too large.
    """
    width, height = _made(step, size)
    made = max(1, width), max(1, height)
    grown = math.prod(made) > math.prod(size) or max(made) > max(size)
    if grown and (max(made) > MOST_SIDE or math.prod(made) > MOST_PIXELS):
        raise PlanError(
            f"A step would make a picture of {made[0]}×{made[1]} pixels.",
            f"Stay within {MOST_SIDE} pixels a side and {MOST_PIXELS // 10**6} megapixels.",
        )
    return made


def _made(step: Change, size: Size) -> Size:
    width, height = size
    match step:
        case Crop(box=(_, _, across, down)):
            made = min(round(across.of(width)), width), min(round(down.of(height)), height)
        case Crop(size=(across, down)):
            made = across, down
        case Crop(ratio=ratio):
            made = min(width, round(height * ratio)), min(height, round(width / ratio))
        case Resize():
            made = scaled(step, size)
        case Pad():
            made = padded(step, size)
        case Rotate(degrees):
            made = _turned(degrees, size)
        case _:
            made = size
    return made


def _turned(degrees: float, size: Size) -> Size:
    sine, cosine = (abs(function(math.radians(degrees))) for function in (math.sin, math.cos))
    width, height = size
    return (
        math.ceil(width * cosine + height * sine - _ROUNDING),
        math.ceil(width * sine + height * cosine - _ROUNDING),
    )


def scaled(step: Resize, size: Size) -> Size:
    """Return a picture's size after scaling."""
    width, height = size
    if all(step.size) and step.fit != "within":
        return step.size
    if step.percent:
        factor = step.percent / 100
    else:
        factors = [wanted / side for wanted, side in zip(step.size, size, strict=True) if wanted]
        factor = min(1.0, *factors) if step.fit == "within" else min(factors)
    return max(1, round(width * factor)), max(1, round(height * factor))


def padded(step: Pad, size: Size) -> Size:
    """Return a picture's size after padding."""
    width, height = size
    if step.size:
        return step.size
    if step.margin:
        margin = round(step.margin.of(max(size)))
        return width + 2 * margin, height + 2 * margin
    return max(width, round(height * step.ratio)), max(height, round(width / step.ratio))
