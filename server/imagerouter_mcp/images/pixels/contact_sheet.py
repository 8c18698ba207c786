"""Draw several pictures as one labelled contact sheet, the preview of pictures made in one call."""

import io
import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from imagerouter_mcp.images.pixels.preview import BUDGETS, Preview, PreviewSize, encoded

_CELL: dict[PreviewSize, int] = {"auto": 300, "large": 640}
"""Pixels of a cell's longest side."""
_NARROWEST = 180
"""Least width of a cell in pixels, so that its label can be read."""
_LABEL, _GAP, _LINE = 40, 8, 17
"""In pixels: the height of a label, the gap between pictures, the height of a label's line."""
_FONT = 14
_PAPER, _INK, _EMPTY = (250, 250, 250), (30, 30, 30), (225, 225, 225)


def make_sheet(previews: Sequence[Preview | None], labels: Sequence[str], size: PreviewSize) -> Preview:
    """Draw previews in rows, with a label below each, within the budget of a single preview.

    All cells have the same size, which follows the pictures' shapes.

    Args:
        previews: At least one; None becomes an empty cell with its label.
        labels: One for each, of up to two lines.
        size: The key of the budget in `BUDGETS`.
    """
    pictures = [_thumbnail(preview, _CELL[size]) if preview else None for preview in previews]
    shown = [picture.size for picture in pictures if picture] or [(_CELL[size], _CELL[size])]
    width = max(_NARROWEST, *(side for side, _ in shown))
    height = max(side for _, side in shown)
    columns = math.ceil(math.sqrt(len(previews)))
    rows = math.ceil(len(previews) / columns)
    across, down = columns * (width + _GAP) + _GAP, rows * (height + _LABEL + _GAP) + _GAP
    sheet = Image.new("RGB", (across, down), _PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_FONT)
    for number, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        left = _GAP + (number % columns) * (width + _GAP)
        top = _GAP + (number // columns) * (height + _LABEL + _GAP)
        if picture is None:
            draw.rectangle((left, top, left + width, top + height), _EMPTY)
        else:
            sheet.paste(picture, (left + (width - picture.width) // 2, top + (height - picture.height) // 2))
        for line, text in enumerate(label.split("\n")):
            draw.text((left, top + height + 6 + line * _LINE), _cut(text, width, font), _INK, font)
    return encoded(sheet, BUDGETS[size])


def _cut(text: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """Shorten a text to a width by cutting its beginning, because names differ at their ends."""
    while font.getlength(text) > width and len(text) > 1:
        text = f"…{text[2:].lstrip('…')}"
    return text


def _thumbnail(preview: Preview, cell: int) -> Image.Image:
    picture = Image.open(io.BytesIO(preview.data))
    picture.thumbnail((cell, cell))
    return picture
