"""What each step does to the pixels of a picture."""

import io

import pytest
from PIL import Image, ImageChops, ImageDraw

from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.images.finish.changes import has_plain_border
from support.finishing import finished, picture_of, resized
from support.hostile_pictures import saved

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 128, 0), (0, 0, 255), (255, 255, 255)


@pytest.fixture
def quarters() -> Image.Image:
    """A picture of 80×40 whose left is red above blue, and whose right is green above white."""
    picture = Image.new("RGB", (80, 40), RED)
    for colour, box in ((GREEN, (40, 0, 80, 20)), (BLUE, (0, 20, 40, 40)), (WHITE, (40, 20, 80, 40))):
        picture.paste(colour, box)
    return picture


@pytest.fixture
def logo() -> Image.Image:
    """A red disc of 60 pixels on white, off the middle of 200×100."""
    picture = Image.new("RGB", (200, 100), WHITE)
    ImageDraw.Draw(picture).ellipse((20, 20, 79, 79), RED)
    return picture


def corners(picture: Image.Image) -> list[object]:
    width, height = picture.size
    return [picture.getpixel(at) for at in ((0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1))]


@pytest.mark.parametrize(
    ("step", "size", "expected"),
    [
        ("crop 0,50%,50%,50%", (40, 20), [BLUE] * 4),
        ("crop 40,0,40,20", (40, 20), [GREEN] * 4),
        ("crop 1:1 left", (40, 40), [RED, RED, BLUE, BLUE]),
        ("crop 20x20 right", (20, 20), [GREEN, GREEN, WHITE, WHITE]),
        ("resize 40", (40, 20), [RED, GREEN, BLUE, WHITE]),
        ("resize x10", (20, 10), [RED, GREEN, BLUE, WHITE]),
        ("resize 200%", (160, 80), [RED, GREEN, BLUE, WHITE]),
        ("resize 20x30 stretch", (20, 30), [RED, GREEN, BLUE, WHITE]),
        ("resize 60x60 within", (60, 30), [RED, GREEN, BLUE, WHITE]),
        ("pad 1:1 black", (80, 80), [(0, 0, 0)] * 4),
        ("pad 10 #102030", (100, 60), [(16, 32, 48)] * 4),
        ("pad 100x50 yellow", (100, 50), [(255, 255, 0)] * 4),
        ("rotate 90", (40, 80), [BLUE, RED, WHITE, GREEN]),
        ("rotate 180", (80, 40), [WHITE, BLUE, GREEN, RED]),
        ("flip", (80, 40), [GREEN, RED, WHITE, BLUE]),
        ("flip vertical", (80, 40), [BLUE, WHITE, RED, GREEN]),
        ("grey", (80, 40), [76, 75, 29, 255]),
    ],
)
def test_a_step_changes_the_pixels_as_it_says(
    quarters: Image.Image, step: str, size: tuple[int, int], expected: list[object]
) -> None:
    made = picture_of(quarters, step)
    assert (made.size, corners(made)) == (size, expected)


def test_stretching_keeps_all_of_a_picture(logo: Image.Image) -> None:
    made = picture_of(logo, "resize 100x100 stretch")
    assert ImageChops.invert(made.getchannel("G")).getbbox() == pytest.approx((10, 20, 40, 80), abs=2)


def test_steps_are_done_in_their_order(quarters: Image.Image) -> None:
    assert corners(picture_of(quarters, "flip", "crop 1:1 left")) == [GREEN, GREEN, WHITE, WHITE]
    assert corners(picture_of(quarters, "crop 1:1 left", "flip")) == [RED, RED, BLUE, BLUE]


def test_a_crop_to_a_shape_keeps_the_detail(logo: Image.Image) -> None:
    made = picture_of(logo, "crop 1:1")
    assert made.size == (100, 100)
    red = max(count for count, colour in logo.getcolors() or [] if colour == RED)
    assert sorted(made.getcolors() or []) == [(red, RED), (10_000 - red, WHITE)], "all of the disc"


def test_trim_cuts_off_plain_and_transparent_borders(logo: Image.Image) -> None:
    assert picture_of(logo, "trim").size == (60, 60)
    clear = Image.new("RGBA", (50, 40))
    clear.paste((0, 0, 0, 255), (10, 5, 30, 25))
    assert picture_of(clear, "trim").size == (20, 20)
    plain = Image.new("RGB", (30, 20), BLUE)
    assert picture_of(plain, "trim").size == (30, 20)


def test_padding_continues_the_ground_transparency_or_the_colour_of_the_border(logo: Image.Image) -> None:
    assert corners(picture_of(logo, "pad 1:1")) == [WHITE] * 4
    clear = Image.new("RGBA", (20, 10), (255, 0, 0, 0))
    assert corners(picture_of(clear, "pad 1:1").getchannel("A")) == [0] * 4
    opaque = picture_of(logo, "pad 1:1 transparent")
    assert (opaque.mode, opaque.getpixel((0, 0)), opaque.getpixel((50, 100))) == (
        "RGBA",
        (0, 0, 0, 0),
        (255, 0, 0, 255),
    )


def test_a_shaded_ground_goes_on_shaded_where_it_is_padded() -> None:
    light = Image.new("L", (256, 256), 240)
    shaded = Image.blend(light, Image.linear_gradient("L"), 0.05).convert("RGB")
    shaded.paste(RED, (100, 100, 150, 150))
    made = picture_of(shaded, "pad 2:1")
    assert made.size == (512, 256)
    for row in (20, 128, 235):
        assert made.getpixel((5, row)) == pytest.approx(shaded.getpixel((0, row)), abs=2)


def test_a_blurred_ground_shows_the_picture_itself(quarters: Image.Image) -> None:
    made = picture_of(quarters, "pad 1:1 blur")
    assert made.size == (80, 80)
    assert made.crop((0, 20, 80, 60)).tobytes() == quarters.tobytes()
    above = made.getpixel((5, 2))
    assert isinstance(above, tuple)
    assert above[0] > 150 > above[2]


def test_a_turn_by_any_angle_leaves_transparent_corners(quarters: Image.Image) -> None:
    made = picture_of(quarters, "rotate 30")
    assert made.mode == "RGBA"
    assert corners(made.getchannel("A")) == [0] * 4
    assert (made.width, made.height) == (90, 76)


def test_flattening_mixes_with_the_colour() -> None:
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 51))
    assert picture_of(clear, "flatten blue").getpixel((0, 0)) == (51, 0, 204)


def test_grey_keeps_transparency_and_a_coloured_margin_its_colour() -> None:
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 51))
    assert picture_of(clear, "grey").getpixel((0, 0)) == (76, 51)
    assert picture_of(Image.new("L", (4, 2), 9), "pad 1:1 #102030").getpixel((0, 0)) == (16, 32, 48)
    padded = picture_of(clear, "pad 8x4 #102030")
    assert [padded.getpixel(at) for at in ((0, 0), (4, 2))] == [(16, 32, 48), (64, 26, 38)]


@pytest.mark.parametrize(
    ("mode", "values", "levels"),
    [
        ("F", (1000, 2000, 3000), [0, 127, 255]),
        ("F", (-0.5, 0, 0.5), [0, 127, 255]),
        ("F", (0, 0.5, 1), [0, 127, 255]),
        ("F", (0, 100, 200), [0, 100, 200]),
        ("F", (7, 7, 7), [7, 7, 7]),
        ("I", (0, 32_768, 65_535), [0, 128, 255]),
        ("I", (-10, 0, 10), [0, 127, 255]),
        ("I", (0, 50_000, 100_000), [0, 127, 255]),
    ],
)
def test_values_beyond_8_bits_are_shown_by_the_range_that_they_use(
    mode: str, values: tuple[float, ...], levels: list[int]
) -> None:
    source = Image.new(mode, (3, 1))
    for x, value in enumerate(values):
        source.putpixel((x, 0), value)
    made, _ = finished(saved(source, "TIFF"), "convert png")
    shown = Image.open(io.BytesIO(made[""]))
    assert [shown.getpixel((x, 0)) for x in range(3)] == levels


def test_a_box_outside_of_the_picture_is_refused(quarters: Image.Image) -> None:
    with pytest.raises(PlanError, match="80×40 pixels at that step"):
        picture_of(quarters, "crop 100,0,10,10")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_kind_of_picture_goes_through_every_step(mode: str) -> None:
    source = resized(Image.linear_gradient("L"), 64, 48)
    source = source.convert("I" if mode == "I;16" else mode).convert(mode)
    every = ("crop 1:1", "trim", "resize 40", "pad 4:3 blur", "rotate 90", "rotate 20", "flip", "flatten")
    made, _ = finished(saved(source, "TIFF"), *every, "grey")
    assert made[""].startswith(b"\x89PNG")


@pytest.mark.parametrize(("percent", "told"), [(200, False), (201, True)])
def test_enlarging_more_than_twice_is_said_to_add_no_detail(
    quarters: Image.Image, percent: int, *, told: bool
) -> None:
    _, notes = finished(saved(quarters.resize((100, 100)), "PNG"), f"resize {percent}%")  # pyright: ignore[reportUnknownMemberType] - its stub names NumPy
    assert any("which adds no detail" in note for note in notes) == told


def test_a_grey_picture_on_white_is_still_there() -> None:
    grey = Image.new("LA", (20, 20))
    grey.paste((90, 255), (5, 5, 15, 15))
    made = picture_of(grey, "flatten white")
    assert (made.mode, made.getpixel((0, 0)), made.getpixel((10, 10))) == ("L", 255, 90)


@pytest.mark.parametrize(
    ("box", "plain"),
    [
        ((5, 5, 15, 15), True),
        ((0, 5, 15, 15), False),
        ((5, 0, 15, 15), False),
        ((5, 5, 20, 15), False),
        ((5, 5, 15, 20), False),
        ((0, 0, 0, 0), True),
    ],
)
def test_a_border_is_plain_where_nothing_touches_any_side(
    box: tuple[int, int, int, int], *, plain: bool
) -> None:
    for ground, subject, mode in ((WHITE, RED, "RGB"), ((0, 0, 0, 0), (9, 9, 9, 255), "RGBA")):
        picture = Image.new(mode, (20, 20), ground)
        picture.paste(subject, box)
        assert has_plain_border(picture) == plain
