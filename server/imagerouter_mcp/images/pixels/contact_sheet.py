"""Draw several pictures as one labelled contact sheet, for the preview of what was made at once."""

import io
import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from imagerouter_mcp.images.pixels.preview import BUDGETS, Preview, PreviewSize, encoded

_CELL: dict[PreviewSize, int] = {"auto": 300, "large": 640}
"""Pixels of a cell's side."""
_LABEL, _GAP = 30, 8
"""Pixels below each picture for its label, and between pictures."""
_FONT = 14
_PAPER, _INK, _EMPTY = (250, 250, 250), (30, 30, 30), (225, 225, 225)


def make_sheet(previews: Sequence[Preview | None], labels: Sequence[str], size: PreviewSize) -> Preview:
    """Draw previews in rows, each with its number and its label below, within the budget of one preview.

    Args:
        previews: At least one; a missing one becomes an empty cell with its label.
        labels: One for each.
        size: Which of `BUDGETS` to keep to.
    """
    columns = math.ceil(math.sqrt(len(previews)))
    rows = math.ceil(len(previews) / columns)
    cell = _CELL[size]
    sheet = Image.new("RGB", (columns * (cell + _GAP) + _GAP, rows * (cell + _LABEL + _GAP) + _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_FONT)
    for number, (preview, label) in enumerate(zip(previews, labels, strict=True)):
        left = _GAP + (number % columns) * (cell + _GAP)
        top = _GAP + (number // columns) * (cell + _LABEL + _GAP)
        picture = _thumbnail(preview, cell) if preview else None
        if picture is None:
            draw.rectangle((left, top, left + cell, top + cell), _EMPTY)
        else:
            sheet.paste(picture, (left + (cell - picture.width) // 2, top + (cell - picture.height) // 2))
        words = f"{number + 1}. {label}"
        while draw.textlength(words, font) > cell and len(words) > 1:
            words = f"{words[:-2].rstrip('…')}…"
        draw.text((left, top + cell + 6), words, _INK, font)
    return encoded(sheet, BUDGETS[size])


def _thumbnail(preview: Preview, cell: int) -> Image.Image:
    picture = Image.open(io.BytesIO(preview.data))
    picture.thumbnail((cell, cell))
    return picture
