"""A sheet of masked edits to look at: each before, its mask, and after."""

from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

_CELL, _LINE, _ROWS = (300, 225), 22, 15


@dataclass
class Sheet:
    """Small copies of pictures, by name."""

    rows: list[tuple[str, list[Image.Image]]] = field(default_factory=list[tuple[str, list[Image.Image]]])

    def add(self, name: str, before: Image.Image, mask: Image.Image, after: Image.Image) -> None:
        """Keep small copies of a case."""
        self.rows.append((name, [_small(before), _small(mask), _small(after)]))

    def save(self, folder: Path) -> None:
        """Write the sheets, of so many cases each that they can be looked at."""
        folder.mkdir(parents=True, exist_ok=True)
        for number, first in enumerate(range(0, len(self.rows), _ROWS), 1):
            _drawn(self.rows[first : first + _ROWS]).save(folder / f"regions-{number}.png")


def _small(picture: Image.Image) -> Image.Image:
    if picture.mode == "I;16":
        picture = picture.convert("I").point(lambda level: level / 256).convert("L")  # pyright: ignore[reportUnknownMemberType] - its annotation names NumPy
    small = picture.convert("RGBA")
    small.thumbnail(_CELL)
    ground = Image.new("RGBA", _CELL, (235, 235, 235, 255))
    ground.alpha_composite(small, ((_CELL[0] - small.width) // 2, (_CELL[1] - small.height) // 2))
    return ground.convert("RGB")


def _drawn(rows: list[tuple[str, list[Image.Image]]]) -> Image.Image:
    across = 3
    high = _CELL[1] + _LINE
    width = (3 * _CELL[0] + 12) * across
    sheet = Image.new("RGB", (width, high * -(-len(rows) // across)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for place, (name, pictures) in enumerate(rows):
        left, top = place % across * (3 * _CELL[0] + 12), place // across * high
        draw.text((left + 4, top + 3), name, "black", font)
        for column, picture in enumerate(pictures):
            sheet.paste(picture, (left + column * _CELL[0], top + _LINE))
    return sheet
