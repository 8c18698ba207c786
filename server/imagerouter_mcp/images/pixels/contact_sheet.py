"""Draw several pictures as one labelled contact sheet, for the preview of what was made at once."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from imagerouter_mcp.images.pixels.preview import BUDGETS, Preview, PreviewSize, encoded, make_preview

_CELL: dict[PreviewSize, int] = {"auto": 300, "large": 640}
"""Pixels of a cell's side."""
_LABEL, _GAP = 30, 8
"""Pixels below each picture for its label, and between pictures."""
_FONT = 14
_PAPER, _INK, _EMPTY = (250, 250, 250), (30, 30, 30), (225, 225, 225)


@dataclass(frozen=True, slots=True)
class Tile:
    """A picture on the sheet, and the words below it; a picture without a file keeps its number."""

    path: Path | None
    label: str


def make_sheet(tiles: Sequence[Tile], size: PreviewSize) -> Preview | None:
    """Draw pictures in rows, each with its number and its label below, within the budget of a preview.

    Args:
        tiles: What cannot be shown becomes an empty cell with its label.
        size: Which of `BUDGETS` to keep to.

    Returns:
        The sheet; None without tiles.
    """
    if not tiles:
        return None
    columns = math.ceil(math.sqrt(len(tiles)))
    rows = math.ceil(len(tiles) / columns)
    cell = _CELL[size]
    sheet = Image.new("RGB", (columns * (cell + _GAP) + _GAP, rows * (cell + _LABEL + _GAP) + _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_FONT)
    for number, tile in enumerate(tiles):
        left = _GAP + (number % columns) * (cell + _GAP)
        top = _GAP + (number // columns) * (cell + _LABEL + _GAP)
        picture = _thumbnail(tile.path, cell) if tile.path else None
        if picture is None:
            draw.rectangle((left, top, left + cell, top + cell), _EMPTY)
        else:
            sheet.paste(picture, (left + (cell - picture.width) // 2, top + (cell - picture.height) // 2))
        label = f"{number + 1}. {tile.label}"
        while draw.textlength(label, font) > cell and len(label) > 1:
            label = f"{label[:-2].rstrip('…')}…"
        draw.text((left, top + cell + 6), label, _INK, font)
    return encoded(sheet, BUDGETS[size])


def _thumbnail(path: Path, cell: int) -> Image.Image | None:
    preview = make_preview(path, "auto" if cell <= BUDGETS["auto"].longest else "large")
    if preview is None:
        return None
    picture = Image.open(io.BytesIO(preview.data))
    picture.thumbnail((cell, cell))
    return picture
