"""Pictures come out in exactly the size asked for, with what they had."""

import pytest
from PIL import Image, ImageDraw

from imagerouter_mcp.images.finish.shape import Fit, shaped, towards_detail

FITS: tuple[Fit, ...] = ("cover", "contain", "stretch")


def spotted(size: tuple[int, int], at: tuple[int, int], ground: str = "lightblue") -> Image.Image:
    """Draw a plain picture with a small chequered subject."""
    picture = Image.new("RGB", size, ground)
    draw = ImageDraw.Draw(picture)
    for step in range(0, 60, 10):
        draw.rectangle((at[0] + step, at[1], at[0] + step + 5, at[1] + 60), "darkred")
    return picture


def holds(box: tuple[int, int, int, int], at: tuple[int, int]) -> bool:
    return box[0] <= at[0] and box[1] <= at[1] and box[2] >= at[0] + 60 and box[3] >= at[1] + 60


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [(1200, 630), (1, 1), (16, 2000), (1500, 8), (301, 449)])
@pytest.mark.parametrize("came", [(640, 480), (1, 900), (333, 334)])
def test_every_fit_gives_exactly_the_size(fit: Fit, size: tuple[int, int], came: tuple[int, int]) -> None:
    assert shaped(Image.new("RGB", came, "green"), size, fit).size == size


@pytest.mark.parametrize("at", [(20, 200), (850, 200), (470, 200)])
@pytest.mark.parametrize("ratio", [1.0, 0.5])
def test_a_crop_to_the_side_holds_the_subject_wherever_it_is(at: tuple[int, int], ratio: float) -> None:
    box = towards_detail(spotted((1000, 500), at), ratio)
    assert holds(box, at)
    assert box[3] - box[1] == 500
    assert box[2] - box[0] == 500 * ratio


@pytest.mark.parametrize("top", [10, 520, 900])
def test_a_crop_in_height_holds_the_subject_wherever_it_is(top: int) -> None:
    assert holds(towards_detail(spotted((600, 1000), (200, top)), 2.0), (200, top))


def test_a_plain_picture_is_cropped_in_its_middle() -> None:
    assert towards_detail(Image.new("RGB", (1000, 500)), 1.0) == (250, 0, 750, 500)
    assert towards_detail(Image.new("RGB", (500, 1000)), 1.0) == (0, 250, 500, 750)


def test_the_outline_of_a_sticker_counts_as_detail_though_its_ground_is_transparent() -> None:
    picture = Image.new("RGBA", (1000, 400))
    ImageDraw.Draw(picture).ellipse((700, 100, 900, 300), "black")
    left, _, right, _ = towards_detail(picture, 1.0)
    assert left <= 700
    assert right >= 900


def test_a_padded_picture_is_whole_in_the_middle_of_its_border_s_colour() -> None:
    result = shaped(spotted((400, 400), (170, 170), "ivory"), (800, 400), "contain")
    assert result.getpixel((5, 5)) == result.getpixel((795, 395)) == (255, 255, 240)
    assert result.crop((200, 0, 600, 400)).tobytes() == spotted((400, 400), (170, 170), "ivory").tobytes()


def test_a_picture_is_padded_with_transparency_if_it_has_some() -> None:
    sticker = Image.new("RGBA", (300, 300), (9, 9, 9, 255))
    assert shaped(sticker, (600, 300), "contain").getpixel((5, 5)) == (9, 9, 9, 255)
    sticker.putpixel((150, 150), (0, 0, 0, 0))
    assert shaped(sticker, (600, 300), "contain").getpixel((5, 5)) == (0, 0, 0, 0)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("fit", FITS)
def test_the_mode_is_kept_and_the_given_picture_is_not_changed(mode: str, fit: Fit) -> None:
    picture = Image.new(mode, (300, 200))
    assert shaped(picture, (200, 100), fit).mode == mode
    assert picture.size == (300, 200)
