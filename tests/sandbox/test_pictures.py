"""What the sandbox paints follows the words of the prompt."""

from collections.abc import Callable

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageStat

from imagerouter_mcp.sandbox.pictures import words
from imagerouter_mcp.sandbox.pictures.clips import clip
from imagerouter_mcp.sandbox.pictures.conversions import cut_out
from imagerouter_mcp.sandbox.pictures.edits import Edit, edit, print_boxes
from imagerouter_mcp.sandbox.pictures.places import PLACES
from imagerouter_mcp.sandbox.pictures.scene import draw
from imagerouter_mcp.sandbox.pictures.styles import STYLES
from imagerouter_mcp.sandbox.pictures.subjects import FIGURES

Encode = Callable[[Image.Image], bytes]
SIZE = (160, 160)


def brightness(picture: Image.Image) -> float:
    return ImageStat.Stat(picture.convert("L")).mean[0]


def colour(picture: Image.Image) -> list[float]:
    return ImageStat.Stat(picture).mean


def difference(one: Image.Image, other: Image.Image) -> float:
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / 3


def changed(picture: Image.Image, prompt: str, png: Encode, mask: Image.Image | None = None) -> Image.Image:
    wish = Edit(prompt, None, where_transparent=False)
    return edit(wish, [png(picture)], None if mask is None else png(mask))


def test_everything_the_table_of_words_names_can_be_painted() -> None:
    assert set(words.SUBJECTS) == set(FIGURES)
    assert set(words.PLACES) == set(PLACES)
    assert set(words.STYLES) == set(STYLES)
    for table in (words.TIMES, words.WEATHERS, words.PLACES, words.SUBJECTS, words.STYLES):
        for row in table.values():
            for word in row.split(", "):
                assert draw(word, (32, 24), "low").size == (32, 24), word


def test_night_is_darker_than_day() -> None:
    assert brightness(draw("a meadow at night", SIZE)) + 60 < brightness(draw("a meadow at noon", SIZE))


def test_snow_lies_on_the_ground() -> None:
    ground = (0, 120, 160, 160)
    bare, white = (draw(prompt, SIZE).crop(ground) for prompt in ("hills at noon", "snowy hills at noon"))
    assert brightness(bare) + 40 < brightness(white)


def test_a_colour_of_the_prompt_colours_the_picture() -> None:
    red, green, blue = colour(draw("hills in teal", SIZE))
    assert red + 20 < min(green, blue)


def test_a_colour_before_a_subject_is_the_subjects() -> None:
    wish = words.read("a blue fox in a green meadow, without rain")
    assert (wish.own, wish.colours) == ({"fox": words.COLOURS["blue"]}, (words.COLOURS["green"],))
    assert (wish.subjects, wish.place, wish.weather) == (("fox",), "meadow", None)


@pytest.mark.parametrize("prompt", ["a red fox at dusk", "quantum entanglement"])
def test_takes_of_one_prompt_differ_visibly_and_can_be_repeated(prompt: str) -> None:
    first, second, third = (draw(prompt, SIZE, take=take) for take in range(3))
    assert min(difference(first, second), difference(second, third), difference(first, third)) > 5
    assert difference(second, draw(prompt, SIZE, take=1)) == 0


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        " ",
        "🦊🌙",
        "ثعلب في الثلج",
        "雪中的狐狸",
        "x" * 10_000,
        "red " * 2_500,
        "a\x00b",
        "\ud800",
        "(((",
        "no no no",
    ],
)
def test_any_prompt_gives_a_picture_and_an_edit(prompt: str, png: Encode) -> None:
    picture = draw(prompt, (64, 64))
    assert difference(picture, changed(picture, prompt, png)) > 3


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (64, 64), (2, 300), (300, 2), (2048, 64), (1600, 1200)])
@pytest.mark.parametrize(
    "prompt", ["two cats and a lighthouse by the sea, storm", "pixel art city", "hm", "watercolour"]
)
def test_any_size_gives_a_picture_of_that_size(size: tuple[int, int], prompt: str) -> None:
    assert draw(prompt, size).size == size


def test_an_edit_to_night_darkens_the_same_scene(png: Encode) -> None:
    day = draw("a lighthouse at noon", SIZE)
    night = changed(day, "make it a starry night", png)
    assert brightness(night) + 50 < brightness(day)


def test_an_edit_brings_snow_to_the_ground(png: Encode) -> None:
    bare = draw("hills at noon", SIZE)
    white = changed(bare, "in deep snow", png)
    ground = (0, 110, 160, 150)
    assert brightness(bare.crop(ground)) + 25 < brightness(white.crop(ground))


def test_an_edit_gives_the_subject_another_colour_and_leaves_the_rest(png: Encode) -> None:
    fox = draw("a fox in a meadow at noon", (320, 320))
    blue = changed(fox, "make the fox blue", png)
    reddish, bluish = (colour(picture.crop((110, 180, 210, 280))) for picture in (fox, blue))
    assert reddish[0] - reddish[2] > bluish[0] - bluish[2] + 30
    assert difference(fox.crop((0, 0, 320, 60)), blue.crop((0, 0, 320, 60))) < 20


def test_a_mask_says_where_a_subject_is_added(png: Encode) -> None:
    sea = draw("the sea at noon", (320, 320))
    mask = Image.new("L", sea.size)
    mask.paste(255, (180, 20, 300, 140))
    added = changed(sea, "a red balloon", png, mask)
    assert ImageChops.difference(sea, added).getbbox() == (180, 20, 300, 140)
    red, green, _ = colour(added.crop((220, 50, 260, 90)))
    assert red > green + 60


def test_further_sources_hang_within_the_mask(png: Encode) -> None:
    sea = draw("the sea at noon", (320, 320))
    mask = Image.new("L", sea.size)
    box = (100, 60, 300, 260)
    mask.paste(255, box)
    others = [Image.new("RGB", (40, 40), shade) for shade in ((250, 10, 10), (10, 250, 10))]
    result = edit(
        Edit("hang these", None, where_transparent=False), [png(one) for one in (sea, *others)], png(mask)
    )
    found = [result.getpixel((left + 4, top + 4)) for left, top, _, _ in print_boxes(box, 2)]
    assert found == [(250, 10, 10), (10, 250, 10)]


def test_the_background_of_a_plain_picture_is_removed(png: Encode) -> None:
    result = cut_out(png(draw("a robot on a plain background", (320, 320))))
    alpha = result.getchannel("A")
    assert [alpha.getpixel(corner) for corner in ((5, 5), (314, 5), (5, 200), (160, 190))] == [0, 0, 0, 255]


def test_a_pale_belly_stays_with_its_animal_and_a_shadow_goes(png: Encode) -> None:
    picture = Image.new("RGB", (320, 320), (242, 228, 226))
    brush = ImageDraw.Draw(picture)
    brush.ellipse((60, 230, 260, 270), fill=(222, 208, 206))
    brush.ellipse((90, 60, 230, 250), fill=(230, 120, 50))
    brush.rectangle((140, 40, 180, 160), fill=(252, 240, 222))  # open towards the backdrop above it
    alpha = cut_out(png(picture)).getchannel("A")
    assert [alpha.getpixel(place) for place in ((160, 100), (110, 160), (70, 250), (20, 20))] == [
        255,
        255,
        0,
        0,
    ]


def test_what_is_transparent_in_a_source_is_edited_on_white(png: Encode) -> None:
    clear = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    assert brightness(changed(clear, "hm", png)) > 90


def test_a_video_shows_the_place_of_the_prompt() -> None:
    sea, boat, city = (clip(prompt).data for prompt in ("the sea", "a sailing boat", "a city"))
    assert sea == boat != city
    for place in (*words.PLACES, "quantum entanglement"):
        assert clip(place, (1280, 720), 9).data[4:8] == b"ftyp"
