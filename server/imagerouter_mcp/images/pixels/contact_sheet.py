"""Draw several pictures as one labelled contact sheet, for the preview of what was made at once."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from imagerouter_mcp.images.pixels.preview import BUDGETS, Preview, PreviewSize, encoded, make_preview

_CELL: dict[PreviewSize, int] = {"auto": 300, "large": 640}
"""Pixels of a cell's longest side."""
_NARROWEST = 180
"""Pixels of a cell's width, so that its label can be read."""
_LABEL, _GAP, _LINE = 40, 8, 17
"""Pixels below each picture for its label, between pictures, and of a label's line."""
_FONT = 14
_PAPER, _INK, _EMPTY = (250, 250, 250), (30, 30, 30), (225, 225, 225)


@dataclass(frozen=True, slots=True)
class Tile:
    """A picture on the sheet, and the two lines below it; a picture without a file has an empty cell."""

    path: Path | None
    name: str
    detail: str = ""


def make_sheet(tiles: Sequence[Tile], size: PreviewSize) -> Preview | None:
    """Draw pictures in rows, each with its label below, within the budget of a preview.

    All cells have one size, which follows the pictures' shapes.

    Args:
        tiles: What cannot be shown becomes an empty cell with its label.
        size: Which of `BUDGETS` to keep to.

    Returns:
        The sheet; None without tiles.
    """
    if not tiles:
        return None
    pictures = [_thumbnail(tile.path, _CELL[size]) if tile.path else None for tile in tiles]
    shown = [picture.size for picture in pictures if picture] or [(_CELL[size], _CELL[size])]
    width = max(_NARROWEST, *(side for side, _ in shown))
    height = max(side for _, side in shown)
    columns = math.ceil(math.sqrt(len(tiles)))
    rows = math.ceil(len(tiles) / columns)
    sheet = Image.new(
        "RGB", (columns * (width + _GAP) + _GAP, rows * (height + _LABEL + _GAP) + _GAP), _PAPER
    )
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_FONT)
    for number, (tile, picture) in enumerate(zip(tiles, pictures, strict=True)):
        left = _GAP + (number % columns) * (width + _GAP)
        top = _GAP + (number // columns) * (height + _LABEL + _GAP)
        if picture is None:
            draw.rectangle((left, top, left + width, top + height), _EMPTY)
        else:
            sheet.paste(picture, (left + (width - picture.width) // 2, top + (height - picture.height) // 2))
        draw.text((left, top + height + 6), _cut(tile.name, width, font), _INK, font)
        draw.text((left, top + height + 6 + _LINE), _cut(tile.detail, width, font), _INK, font)
    return encoded(sheet, BUDGETS[size])


def _cut(text: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """Return a text that fits; its beginning is cut off, because names differ at their ends."""
    while font.getlength(text) > width and len(text) > 1:
        text = f"…{text[2:].lstrip('…')}"
    return text


def _thumbnail(path: Path, cell: int) -> Image.Image | None:
    preview = make_preview(path, "auto" if cell <= BUDGETS["auto"].longest else "large")
    if preview is None:
        return None
    picture = Image.open(io.BytesIO(preview.data))
    picture.thumbnail((cell, cell))
    return picture
