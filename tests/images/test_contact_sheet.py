"""Several pictures on one sheet: each in its place, whole and with its label."""

import io
from pathlib import Path

import pytest
from PIL import Image

from imagerouter_mcp.images.pixels.contact_sheet import make_sheet
from imagerouter_mcp.images.pixels.preview import PreviewSize, make_preview

COLOURS = [(200, 30, 30), (30, 160, 30), (30, 30, 200), (190, 190, 20), (20, 180, 180)]


def sheet_of(tiles: list[tuple[Path | None, str]], size: PreviewSize = "auto") -> Image.Image:
    previews = [make_preview(path, "auto") if path else None for path, _ in tiles]
    sheet = make_sheet(previews, [label for _, label in tiles], size)
    return Image.open(io.BytesIO(sheet.data)).convert("RGB")


def near(picture: Image.Image, across: float, down: float, colour: tuple[int, int, int]) -> bool:
    pixel = picture.getpixel((int(across * picture.width), int(down * picture.height)))
    assert isinstance(pixel, tuple)
    return all(abs(one - other) < 24 for one, other in zip(pixel, colour, strict=True))


def inked(picture: Image.Image, box: tuple[float, float, float, float]) -> list[int]:
    """The columns of a part of the sheet, by its shares, that have ink in them."""
    left, upper, right, lower = box
    wide, high = picture.size
    part = picture.crop((int(left * wide), int(upper * high), int(right * wide), int(lower * high))).convert(
        "L"
    )
    return [x for x in range(part.width) if min(part.crop((x, 0, x + 1, part.height)).tobytes()) < 140]


@pytest.mark.parametrize("shape", [(400, 400), (900, 400), (300, 900)])
def test_each_picture_is_whole_in_the_middle_of_its_cell(tmp_path: Path, shape: tuple[int, int]) -> None:
    for number, colour in enumerate(COLOURS):
        Image.new("RGB", shape, colour).save(tmp_path / f"{number}.png")
    sheet = sheet_of([(tmp_path / f"{number}.png", "fox") for number in range(5)])
    for number, colour in enumerate(COLOURS):
        row, column = divmod(number, 3)
        across, down = (column + 0.5) / 3, (row + 0.45) / 2
        longest = max(shape)
        beside, above = 0.4 / 3 * shape[0] / longest, 0.4 / 2 * shape[1] / longest
        for x, y in ((0, 0), (beside, 0), (-beside, 0), (0, above), (0, -above)):
            assert near(sheet, across + x, down + y, colour), (number, x, y)
    assert near(sheet, 2.5 / 3, 0.75, (250, 250, 250)), "the sixth cell is paper"


def test_labels_stand_below_their_cells_and_are_cut_at_their_width() -> None:
    sheet = sheet_of([(None, "fox"), (None, "a fox of many words " * 9)], "large")
    short, long = (inked(sheet, (left, 0.93, left + 0.495, 1)) for left in (0.0, 0.5))
    assert 0 < len(short) < len(long)
    assert max(short) < 0.2 * sheet.width
    assert 0.4 * sheet.width < max(long) < 0.49 * sheet.width
    assert not inked(sheet, (0, 0, 1, 0.93))


def test_the_lines_of_a_label_stand_below_each_other_and_below_the_picture(tmp_path: Path) -> None:
    Image.new("RGB", (300, 300), COLOURS[3]).save(tmp_path / "yellow.png")
    sheet = sheet_of([(tmp_path / "yellow.png", "fox\nwolf"), (None, "fox")])
    assert inked(sheet, (0, 0.94, 0.49, 1)), "the second line"
    assert not inked(sheet, (0.5, 0.94, 1, 1)), "a label of one line has none"
    assert not inked(sheet, (0, 0, 1, 0.87)), "nothing is written on the pictures"
