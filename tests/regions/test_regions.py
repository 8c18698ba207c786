"""Sixty masked edits against the sandbox: nothing changes outside the mask, and no seam shows."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from imagerouter_mcp.images.masks.regions import Box, parse_mask
from imagerouter_mcp.images.pixels.arithmetic import opaque
from regions.conftest import Edit
from regions.sheet import Sheet
from regions.sources import KINDS, decoded
from regions.table import CASES, Case
from support.regions import STEP, outside, seam, selected

PROMPT = "Paint a big red balloon"


def painted(text: str, size: tuple[int, int], source: Image.Image) -> Image.Image:
    """Return the mask that a person means, in the size of the source."""
    mask = Image.new("L", size)
    if text.startswith("painted"):
        ImageDraw.Draw(mask).ellipse((size[0] * 0.3, size[1] * 0.25, size[0] * 0.7, size[1] * 0.65), fill=255)
        return mask
    regions = parse_mask(text)
    assert regions
    if regions.alpha:
        mask = ImageChops.invert(source.getchannel("A"))
    for shape in regions.shapes:
        if isinstance(shape, Box):
            mask.paste(255, shape.on(*size))
        else:
            drawn = Image.new("L", size)
            ImageDraw.Draw(drawn).polygon(shape.on(*size), fill=255)
            mask.paste(255, mask=drawn.filter(ImageFilter.MaxFilter(3)))
    return ImageChops.invert(mask) if regions.outside else mask


def as_file(case: Case, mask: Image.Image, folder: Path) -> str:
    """Return what is given as the mask: the words, or the path of a picture."""
    if not case.mask.startswith("painted"):
        return case.mask
    picture = mask
    if "transparent" in case.mask:
        picture = Image.new("RGBA", mask.size, "white")
        picture.putalpha(ImageChops.invert(mask))
    picture.save(folder / "mask.png")
    return str(folder / "mask.png")


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=str(case), marks=() if case.quick else pytest.mark.long) for case in CASES],
)
async def test_a_masked_edit_changes_the_region_and_nothing_else(
    case: Case,
    behave: Callable[..., None],
    edit: Edit,
    sheet: Sheet,
    tmp_path: Path,
) -> None:
    behave(case.habit, live=case.live)
    path = KINDS[case.source](tmp_path)
    before = decoded(path)
    mask = painted(case.mask, before.size, before)

    text, told = await edit(images=[str(path)], mask=as_file(case, mask, tmp_path), model=case.model)

    with Image.open(told["images"][0]["path"]) as opened:
        after = opened.copy()
    sheet.add(str(case), before, mask, after)
    assert after.size == before.size
    if before.mode == "I;16":
        assert after.mode == "I;16"
        for picture in (before, after):
            picture.paste(0, mask=selected(mask))
        assert before.tobytes() == after.tobytes()
    else:
        mode = before.mode if before.mode != "L" else "RGB"
        assert outside(before.convert(mode), after.convert(mode), mask) == 0
        if case.mask.startswith("box:") and "+" not in case.mask:
            (shape,) = parse_mask(case.mask).shapes  # type: ignore[union-attr]
            flat = opaque(before), opaque(after)
            assert seam(*flat, shape.on(*before.size)) <= STEP  # type: ignore[arg-type]
    changed = re.search(r"inside, (\d+) % changed", text, re.IGNORECASE)
    assert changed, text
    if case.habit.echo:
        assert "changed nothing there" in text
    else:
        assert int(changed[1]) >= 2, text
    assert ("took no mask" in text) == (case.live and case.model == CASES[0].model)
    assert "was asked for" not in text
