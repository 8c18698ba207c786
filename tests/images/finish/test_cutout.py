"""A plain background becomes transparent, and nothing else."""

import pytest
from PIL import Image, ImageDraw, ImageStat

from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.images.finish.cutout import cut_out, flooded
from support.finishing import alpha_at, picture_of, resized

CREAM, TEAL = (240, 235, 220), (20, 110, 120)


def ring(scale: int = 4) -> Image.Image:
    """Draw a teal ring on cream with a soft edge, as drawn at a larger size."""
    picture = Image.new("RGB", (100 * scale, 100 * scale), CREAM)
    draw = ImageDraw.Draw(picture)
    draw.ellipse((15 * scale, 15 * scale, 85 * scale, 85 * scale), TEAL)
    draw.ellipse((35 * scale, 35 * scale, 65 * scale, 65 * scale), CREAM)
    return resized(picture, 100, 100)


def test_what_is_joined_to_the_border_becomes_transparent_and_the_rest_stays() -> None:
    made = picture_of(ring(), "cutout")
    assert made.mode == "RGBA"
    assert alpha_at(made, (0, 0)) == 0
    assert made.getpixel((50, 25)) == (*TEAL, 255)
    assert made.getpixel((50, 50)) == (*CREAM, 255), "the ring's inside is not joined to the border"


def test_the_edge_is_soft_and_without_the_backgrounds_colour() -> None:
    made = picture_of(ring(), "cutout", "flatten black")
    drawn = Image.new("RGB", (400, 400))
    draw = ImageDraw.Draw(drawn)
    draw.ellipse((60, 60, 340, 340), TEAL)
    draw.ellipse((140, 140, 260, 260), CREAM)
    wanted = resized(drawn, 100, 100)
    worst = max(abs(ours - theirs) for ours, theirs in zip(made.tobytes(), wanted.tobytes(), strict=True))
    assert worst <= 24, "a rim of the old background would be brighter"
    assert ImageStat.Stat(made).mean == pytest.approx(ImageStat.Stat(wanted).mean, abs=1)


def test_a_background_with_noise_is_plain_and_a_shaded_one_takes_a_tolerance() -> None:
    noisy = Image.composite(
        ring(), Image.effect_noise((100, 100), 8).convert("RGB"), Image.new("L", (100, 100), 245)
    )
    assert alpha_at(picture_of(noisy, "cutout"), (2, 2)) == 0
    light = Image.new("L", (256, 256), 140)
    shaded = Image.blend(light, Image.linear_gradient("L"), 1 / 3).convert("RGB")
    shaded.paste(TEAL, (100, 100, 150, 150))
    with pytest.raises(PlanError, match="not plain"):
        picture_of(shaded, "cutout 5")
    assert alpha_at(picture_of(shaded, "cutout 30"), (2, 2)) == 0


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (Image.radial_gradient("L").convert("RGB").rotate(45), "not plain"),
        (Image.new("RGB", (50, 50), TEAL), "nothing would be left"),
        (Image.new("RGBA", (50, 50)), "already has transparency"),
        (Image.effect_noise((80, 80), 200).convert("RGB"), "not plain"),
    ],
)
def test_what_cannot_be_cut_out_is_refused_with_a_sentence(picture: Image.Image, said: str) -> None:
    with pytest.raises(PlanError, match=said):
        cut_out(picture, 10)


def test_a_flood_goes_around_corners() -> None:
    maze = Image.new("L", (7, 7))
    for x, y in ((0, 1), (1, 1), (1, 2), (1, 3), (2, 3), (3, 3), (3, 2), (5, 5)):
        maze.putpixel((x, y), 255)
    reached = flooded(maze)
    assert (reached.getpixel((3, 2)), reached.getpixel((5, 5))) == (255, 0)
