"""Whether a result shows its source unchanged."""

import io
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageOps

from imagerouter_mcp.images.inspect.binary import NotAPictureError, as_displayed
from imagerouter_mcp.images.pixels.comparison import Look, look_at


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


def seen(picture: Image.Image) -> Look:
    file = io.BytesIO()
    picture.save(file, "PNG")
    found = look_at(file)
    assert found
    return found


def with_spot(picture: Image.Image, colour: tuple[int, ...]) -> Image.Image:
    picture.putpixel((9, 9), colour)
    return picture


def test_a_picture_of_one_colour_is_told_even_where_noise_lies_over_it() -> None:
    def plain() -> Image.Image:
        return Image.new("RGB", (90, 30), (100, 20, 60))

    assert seen(plain()).colour == (100, 20, 60)
    assert seen(with_spot(plain(), (108, 20, 60))).colour == (104, 20, 60)
    assert seen(with_spot(plain(), (109, 20, 60))).colour is None, "a faint star"


def test_how_much_of_a_picture_is_transparent_is_told() -> None:
    half = Image.new("RGBA", (90, 30), (9, 9, 9, 255))
    half.paste((9, 9, 9, 0), (0, 0, 45, 30))
    assert seen(half).transparent == pytest.approx(0.5, abs=0.01)
    assert seen(Image.new("RGBA", (9, 9), (9, 9, 9, 247))).transparent == 0
    clear = [seen(Image.new("RGBA", (9, 9), (9, 9, 9, level))).invisible for level in (0, 8, 9)]
    assert clear == [True, True, False]


def test_pictures_are_the_same_up_to_a_slight_change_of_all_of_it() -> None:
    first, slight, other = (
        seen(Image.new("RGB", (90, 30), (level, level, level))) for level in (100, 103, 104)
    )
    assert (first.width, first.height) == (90, 30)
    assert (first.equals(slight), first.equals(other)) == (True, False)
