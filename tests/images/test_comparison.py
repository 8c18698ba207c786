"""Whether a result shows its source unchanged, and how many pages it has."""

import io
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageOps

from imagerouter_mcp.images.inspect.binary import NotAPictureError, as_displayed
from imagerouter_mcp.images.pixels.comparison import is_echo, pages_of, reduced


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
    source = reduced(photo, "jpeg")
    assert source
    with Image.open(photo) as opened:
        upright = ImageOps.exif_transpose(opened)
    made, sideways, changed = (tmp_path / f"{name}.png" for name in ("made", "sideways", "changed"))
    upright.save(made)
    upright.transpose(Image.Transpose.ROTATE_90).save(sideways)
    ImageDraw.Draw(upright).ellipse((20, 50, 34, 64), "white")
    upright.save(changed)
    assert is_echo(source, made, "png")
    assert not is_echo(source, sideways, "png")
    assert not is_echo(source, changed, "png"), "a small change is a change"


def test_pages_are_counted_and_a_broken_file_has_one(tmp_path: Path) -> None:
    file = tmp_path / "layers.tiff"
    pages = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    pages[0].save(file, save_all=True, append_images=pages[1:])
    assert pages_of(file) == 3
    file.write_bytes(b"II*\0")
    assert pages_of(file) == 1


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, 0), (0, 0)])
def test_a_picture_without_pixels_is_none(width: int, height: int) -> None:
    with pytest.raises(NotAPictureError):
        as_displayed(width, height)
