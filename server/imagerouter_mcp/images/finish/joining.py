"""Join pictures: in a grid, as before and after, as the frames of an animation."""

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.images.finish.changes import has_alpha, on_ground
from imagerouter_mcp.images.finish.shape import inscribed, shaped
from imagerouter_mcp.images.finish.steps import (
    MOST_FRAMES_PIXELS,
    MOST_SIDE,
    Animate,
    BeforeAfter,
    Grid,
    Join,
    Size,
)

_GAP_SHARE = 0.02
"""Gap between and around cells, as a share of a cell's longer side."""
_LABEL_SHARE = 0.06
"""Height of the words Before and After, as a share of the picture's height."""
_SMALLEST_LABEL = 14
_PAPER, _INK = "white", "#222222"


def cell_sizes(join: Join, sizes: Sequence[Size]) -> list[Size]:
    """Return the size of each picture's cell.

    Args:
        join: How the pictures are joined.
        sizes: The pictures' sizes.

    Raises:
        PlanError: The frames of an animation have too many pixels.
    """
    match join:
        case Animate():
            if math.prod(sizes[0]) * len(sizes) > MOST_FRAMES_PIXELS:
                raise PlanError(
                    f"{len(sizes)} frames of {sizes[0][0]}×{sizes[0][1]} are more than "
                    f"{MOST_FRAMES_PIXELS // 10**6} megapixels.",
                    'Put a step before animate that makes them smaller, such as "resize 800".',
                )
            return [sizes[0]] * len(sizes)
        case Grid():
            columns, rows = _table(join, len(sizes))
            cell = max(width for width, _ in sizes), max(height for _, height in sizes)
            return [_reduced(cell, columns, rows)] * len(sizes)
        case BeforeAfter():
            height = min(height for _, height in sizes)
            widest = max(round(width * height / tall) for width, tall in sizes)
            return [_reduced((widest, height), 2, 1)] * 2


def _reduced(cell: Size, columns: int, rows: int) -> Size:
    """Return a cell size, reduced if all cells together would make too large a picture."""
    width, height = columns * cell[0], rows * cell[1]
    room = (1 - _LABEL_SHARE) / (1 + 2 * _GAP_SHARE)
    scale = min(
        1, room * MOST_SIDE / max(width, height), room * math.sqrt(MOST_FRAMES_PIXELS / (width * height))
    )
    return max(1, int(cell[0] * scale)), max(1, int(cell[1] * scale))


def fit_cell(picture: Image.Image, cell: Size, join: Join) -> Image.Image:
    """Scale a picture for its cell: to the same height for before and after, otherwise only down."""
    size = inscribed(picture.size, cell)
    if isinstance(join, BeforeAfter):
        width = round(picture.width * cell[1] / picture.height)  # a very thin picture keeps a pixel
        size = min(max(1, width), cell[0]), cell[1]
    smaller = size[0] < picture.width or isinstance(join, BeforeAfter)
    return shaped(picture, size, "stretch") if smaller else picture


def in_grid(pictures: Sequence[Image.Image], join: Grid, cell: Size) -> Image.Image:
    """Join pictures in rows, each centred in its cell."""
    columns, rows = _table(join, len(pictures))
    gap = round(max(cell) * _GAP_SHARE)
    sheet = _sheet(pictures, (columns * (cell[0] + gap) + gap, rows * (cell[1] + gap) + gap))
    for number, picture in enumerate(pictures):
        left = gap + (number % columns) * (cell[0] + gap) + (cell[0] - picture.width) // 2
        top = gap + (number // columns) * (cell[1] + gap) + (cell[1] - picture.height) // 2
        _put(sheet, picture, (left, top))
    return sheet


def before_after(before: Image.Image, after: Image.Image) -> Image.Image:
    """Join two pictures of the same height side by side, with labels above them."""
    gap = round(max(*before.size, *after.size) * _GAP_SHARE)
    label = max(_SMALLEST_LABEL, round(before.height * _LABEL_SHARE))
    sheet = Image.new("RGB", (before.width + after.width + 3 * gap, before.height + label + 2 * gap), _PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(round(label * 0.7))
    left = gap
    for picture, word in ((before, "Before"), (after, "After")):
        draw.text((left + picture.width // 2, gap // 2 + label // 2), word, _INK, font, anchor="mm")
        _put(sheet, picture, (left, gap + label))
        left += picture.width + gap
    return sheet


def frames_of(pictures: Sequence[Image.Image], size: Size) -> list[Image.Image]:
    """Return pictures as frames of the same size, each centred."""
    transparent = any(map(has_alpha, pictures))
    mode = "RGBA" if transparent else "RGB"
    fill = "transparent" if transparent else ""
    return [on_ground(picture.convert(mode), size, fill) for picture in pictures]


def _table(join: Grid, count: int) -> Size:
    columns = min(join.columns or math.ceil(math.sqrt(count)), count)
    return columns, math.ceil(count / columns)


def _sheet(pictures: Sequence[Image.Image], size: Size) -> Image.Image:
    if any(map(has_alpha, pictures)):
        return Image.new("RGBA", size)
    return Image.new("RGB", size, _PAPER)


def _put(sheet: Image.Image, picture: Image.Image, at: Size) -> None:
    sheet.paste(picture.convert(sheet.mode), at, picture.getchannel("A") if has_alpha(picture) else None)
