"""Masks without painting: from words or a picture to what may change, in a provider's own convention.

Within this project a mask is a picture of mode "L" of the first source's size: 255 where to edit, 0 where
to keep, soft in between. Only `encode_mask` knows that providers differ.
"""

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Literal

from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.images.budgets import BUDGETS, Preview

if TYPE_CHECKING:
    from PIL.Image import Image

Convention = Literal["transparent", "white"]
"""How a mask says what to edit: OpenAI's edit where it is transparent, those at Runware where it is white."""

_BEGINS = re.compile(r"\s*(outside\s*:|box\s*:|alpha\s*$)", re.IGNORECASE)
_VALUE = r"\s*(-?[0-9]{1,7}(?:\.[0-9]{1,4})?)\s*(%?)\s*"
_BOX = re.compile(rf"\s*box\s*:{_VALUE},{_VALUE},{_VALUE},{_VALUE}", re.IGNORECASE)
_MAX_BOXES = 64
_EXAMPLE = (
    'Write it as "box:x,y,width,height" in pixels or %, such as "box:0,0,100%,50%" for the upper half; join '
    'boxes with "+", put "outside:" before them for everything else, or write "alpha".'
)
_FULL = 255
_SHOWN_SIDE = 768
_TINT, _DIM = (255, 40, 90), 0.45
"""What an overlay puts over the part that would change, and how bright the rest stays."""


@dataclass(frozen=True, slots=True)
class Length:
    """A position or a length: pixels, or percent of the side that it lies along."""

    amount: float
    percent: bool

    def pixels(self, side: int) -> float:
        """The length in pixels on a picture whose side has so many."""
        return self.amount * side / 100 if self.percent else self.amount


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle: its left upper corner, its width and its height."""

    x: Length
    y: Length
    width: Length
    height: Length


@dataclass(frozen=True, slots=True)
class Regions:
    """What to edit: the boxes, all but the boxes, or, without boxes, what is transparent in the picture."""

    boxes: tuple[Box, ...] = ()
    outside: bool = False


def parse_mask(text: str) -> Regions | None:
    """Read a mask that is described in words.

    Args:
        text: `box:x,y,w,h`, several joined with `+`, `outside:` before them, or `alpha`.

    Returns:
        What it describes, or None when it is not of this language: then it names a picture.

    Raises:
        PlanError: It begins like it and goes on otherwise.
    """
    if not _BEGINS.match(text):
        return None
    if text.strip().lower() == "alpha":
        return Regions()
    outside, _, rest = text.partition(":") if text.strip().lower().startswith("outside") else ("", "", text)
    parts = rest.split("+")
    matches = [_BOX.fullmatch(part) for part in parts[:_MAX_BOXES]]
    if len(parts) > _MAX_BOXES or None in matches:
        raise PlanError(f"The mask {text[:60]!r} cannot be read.", _EXAMPLE)
    boxes = tuple(_box(match.groups()) for match in matches if match)
    if any(box.width.amount <= 0 or box.height.amount <= 0 for box in boxes):
        raise PlanError(f"The mask {text[:60]!r} has a box without an area.", _EXAMPLE)
    return Regions(boxes, outside=bool(outside))


def _box(values: tuple[str, ...]) -> Box:
    lengths = [
        Length(float(amount), bool(percent))
        for amount, percent in zip(values[::2], values[1::2], strict=True)
    ]
    return Box(*lengths)


def region_mask(regions: Regions, source: BinaryIO, width: int, height: int) -> "Image":
    """Draw the mask that words describe.

    Args:
        regions: From `parse_mask`.
        source: The picture, for its transparency.
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.

    Raises:
        PlanError: It covers nothing, or everything.
    """
    from PIL import Image, ImageChops, ImageDraw  # noqa: PLC0415 - loaded with the first picture

    if not regions.boxes:
        return _checked(ImageChops.invert(_alpha(source)), "The picture's transparency")
    mask = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(mask)
    for box in regions.boxes:
        left, top = box.x.pixels(width), box.y.pixels(height)
        right, bottom = left + box.width.pixels(width), top + box.height.pixels(height)
        corners = [
            max(0, round(left)),
            max(0, round(top)),
            min(width, round(right)),
            min(height, round(bottom)),
        ]
        if corners[0] < corners[2] and corners[1] < corners[3]:
            draw.rectangle((corners[0], corners[1], corners[2] - 1, corners[3] - 1), 255)
    if regions.outside:
        mask = ImageChops.invert(mask)
    return _checked(mask, f"The mask on the {width}×{height} picture")


def given_mask(file: BinaryIO, width: int, height: int) -> "tuple[Image, str]":
    """Read a mask that is a picture, in whichever convention it is.

    Args:
        file: The mask's picture, open.
        width: Of the picture that it is for, in pixels.
        height: Of the picture that it is for, in pixels.

    Returns:
        The mask, and what was understood, as the end of "The mask was …".

    Raises:
        PlanError: It covers nothing, or everything.
    """
    from PIL import Image, ImageChops  # noqa: PLC0415 - loaded with the first picture

    alpha = _alpha(file)
    if alpha.getextrema() != (255, 255):
        mask, understood = ImageChops.invert(alpha), "read as: edit where it is transparent"
    else:
        file.seek(0)
        with Image.open(file) as picture:
            mask, understood = picture.convert("L"), "read as: edit where it is white"
    if mask.size != (width, height):
        understood += f", and scaled from {mask.width}×{mask.height} to the picture's {width}×{height}"
        mask = mask.resize((width, height), Image.Resampling.BILINEAR)  # pyright: ignore[reportUnknownMemberType] - Pillow's annotation names NumPy
    return _checked(mask, "The mask"), understood


def encode_mask(mask: "Image", convention: Convention) -> bytes:
    """The mask as PNG, as a provider takes it.

    Args:
        mask: 255 where to edit.
        convention: The provider's.
    """
    from PIL import Image, ImageChops  # noqa: PLC0415 - loaded with the first picture

    picture = mask
    if convention == "transparent":
        picture = Image.merge("RGBA", (mask, mask, mask, ImageChops.invert(mask)))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def share(mask: "Image") -> float:
    """How much of the picture would change, from 0 to 1."""
    histogram = mask.histogram()
    return sum(level * count for level, count in enumerate(histogram)) / (255 * mask.width * mask.height)


def show_mask(source: BinaryIO, mask: "Image") -> Preview:
    """The picture with what would change tinted, and the rest dimmed."""
    from PIL import Image, ImageEnhance  # noqa: PLC0415 - loaded with the first picture

    source.seek(0)
    with Image.open(source) as opened:
        opened.draft("RGB", (_SHOWN_SIDE, _SHOWN_SIDE))
        opened.thumbnail((_SHOWN_SIDE, _SHOWN_SIDE))
        picture = opened.convert("RGB")
    covered = mask.resize(picture.size)  # pyright: ignore[reportUnknownMemberType] - Pillow's annotation names NumPy
    tinted = Image.blend(picture, Image.new("RGB", picture.size, _TINT), 0.45)
    overlay = Image.composite(tinted, ImageEnhance.Brightness(picture).enhance(_DIM), covered)
    buffer = io.BytesIO()
    for quality in (80, 60, 40, 25):
        buffer = io.BytesIO()
        overlay.save(buffer, "JPEG", quality=quality)
        if buffer.tell() <= BUDGETS["large"].bytes:
            break
    return Preview(buffer.getvalue(), "image/jpeg", *overlay.size)


def _alpha(file: BinaryIO) -> "Image":
    """A picture's transparency: 0 where it is wholly transparent; all 255 where it has none."""
    from PIL import Image  # noqa: PLC0415 - loaded with the first picture

    file.seek(0)
    with Image.open(file) as picture:
        if not picture.has_transparency_data:
            return Image.new("L", picture.size, 255)
        return picture.convert("RGBA").getchannel("A")


def _checked(mask: "Image", name: str) -> "Image":
    """The mask, when there is something to edit and something to keep."""
    lowest, highest = mask.getextrema()
    if highest == 0:
        raise PlanError(f"{name} covers nothing, so nothing would change.", _EXAMPLE)
    if lowest == _FULL:
        raise PlanError(
            f"{name} covers everything, so it limits nothing.", "Leave the mask out, or cover a part."
        )
    return mask
