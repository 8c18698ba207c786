"""Whether a result shows its source unchanged."""

import io
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageOps

from imagerouter_mcp.images.inspect.binary import NotAPictureError, as_displayed
from imagerouter_mcp.images.pixels.comparison import look_at


def turned_photo() -> io.BytesIO:
    """Return a JPEG that is stored on its side, as phones do it."""
    picture = Image.new("RGB", (96, 64), "navy")
    ImageDraw.Draw(picture).rectangle((0, 0, 40, 30), "orange")
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    picture.save(file, "JPEG", exif=exif, quality=95)
    return file


def test_a_turned_photo_that_comes_back_upright_is_an_echo(tmp_path: Path) -> None:
    photo = turned_photo()
    source = look_at(photo)
    assert source
    with Image.open(photo) as opened:
        upright = ImageOps.exif_transpose(opened)
    made, sideways, changed = (tmp_path / f"{name}.png" for name in ("made", "sideways", "changed"))
    upright.save(made)
    upright.transpose(Image.Transpose.ROTATE_90).save(sideways)
    ImageDraw.Draw(upright).ellipse((20, 50, 34, 64), "white")
    upright.save(changed)
    looks = [look_at(made), look_at(sideways), look_at(changed)]
    assert [look and look.equals(source) for look in looks] == [True, False, False], "a small change counts"


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, 0), (0, 0)])
def test_a_picture_without_pixels_is_none(width: int, height: int) -> None:
    with pytest.raises(NotAPictureError):
        as_displayed(width, height)
