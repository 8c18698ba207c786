"""Masks say where to edit, whoever made them, in the convention that the provider expects."""

import io
import random

import pytest
from PIL import Image, ImageChops, ImageFilter

from imagerouter_mcp.errors import InvalidSourceError, PlanError
from imagerouter_mcp.images.masks.painting import (
    covered_share,
    encode_mask,
    given_mask,
    mask_preview,
    overlay,
    region_mask,
)
from imagerouter_mcp.images.masks.regions import Regions, parse_mask

SIZE = (40, 20)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> io.BytesIO:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    buffer.seek(0)
    return buffer


def rectangle(*edges: int, size: tuple[int, int] = SIZE, inside: int = 255, outside: int = 0) -> Image.Image:
    image = Image.new("L", size, outside)
    image.paste(inside, (edges[0], edges[1], edges[2], edges[3]))
    return image


def painted(text: str, source: Image.Image | None = None) -> Image.Image:
    regions = parse_mask(text)
    assert regions is not None
    mask = region_mask(regions, encoded(source or Image.new("RGB", SIZE)), *SIZE)
    assert (mask.mode, mask.size) == ("L", SIZE)
    return mask


def same(one: Image.Image, other: Image.Image) -> bool:
    return one.mode == other.mode and one.size == other.size and one.tobytes() == other.tobytes()


def near(image: Image.Image, at: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    pixel = image.getpixel(at)
    return isinstance(pixel, tuple) and all(abs(a - b) <= 2 for a, b in zip(pixel, colour, strict=True))


def holed(alpha: Image.Image, mode: str = "RGBA") -> Image.Image:
    image = Image.new("RGBA", alpha.size, (10, 200, 30, 255))
    image.putalpha(alpha)
    return image.convert(mode)


# In words -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "edges"),
    [
        ("box:0,0,100%,50%", (0, 0, 40, 10)),
        ("box:10,5,20,10", (10, 5, 30, 15)),
        ("box:25%,50%,50%,50%", (10, 10, 30, 20)),
        ("box:50%,0,10,100%", (20, 0, 30, 20)),
        ("  BOX : 10 , 5 , 20 px , 50 % ", (10, 5, 30, 15)),
        ("box:-10,-10,20,15", (0, 0, 10, 5)),  # clipped
        ("box:30,10,500%,4000", (30, 10, 40, 20)),
        ("box:+1,+1,2,1", (1, 1, 3, 2)),
        ("box:3.5%,8%,2,2", (1, 2, 3, 4)),
        ("box:1.0,2.0,2,2", (1, 2, 3, 4)),
        ("box:33.3%,0,33.3%,100%", (13, 0, 27, 20)),
    ],
)
def test_a_box_is_where_it_says(text: str, edges: tuple[int, int, int, int]) -> None:
    assert same(painted(text), rectangle(*edges))


def test_boxes_are_joined() -> None:
    expected = ImageChops.lighter(rectangle(0, 0, 5, 5), rectangle(3, 3, 20, 10))

    assert same(painted("box:0,0,5,5+box:3,3,17,7"), expected)
    assert same(painted("box: 0,0,5,5 + box: +3, +3,17,7"), expected)


def test_outside_is_the_inverse() -> None:
    assert same(painted("outside:box:10,5,20,10"), rectangle(10, 5, 30, 15, inside=0, outside=255))
    assert same(painted("Outside : box:0,0,2,1"), rectangle(0, 0, 2, 1, inside=0, outside=255))


@pytest.mark.parametrize(
    "text",
    [
        "poly:0,0 20,0 20,20 0,20",
        "poly:0,0,20,0,20,20,0,20",
        "POLY : 0 , 0 ; 50 % , 0 ; 50%,100 % ; 0,20px",
        "poly:-5,-5 20,-5 20,500% -5,500%",
    ],
)
def test_a_polygon_is_between_its_corners(text: str) -> None:
    mask = painted(text)
    assert ImageChops.subtract(rectangle(0, 0, 20, 20), mask).getbbox() is None
    assert ImageChops.subtract(mask, rectangle(0, 0, 21, 20)).getbbox() is None, (
        "a corner's own pixel may be in"
    )


def test_a_triangle_covers_half_of_its_box() -> None:
    mask = painted("poly:0,0 40,0 0,20+box:30,15,10,5")
    assert mask.getpixel((5, 5)) == mask.getpixel((35, 17)) == 255
    assert mask.getpixel((30, 13)) == 0
    assert 0.5 < covered_share(mask) < 0.65


def test_what_reaches_beyond_the_picture_is_clipped_and_told() -> None:
    regions = parse_mask("box:30,10,20,20+poly:0,0 60,0 0,20+box:0,0,100%,50%")
    assert regions
    assert regions.clipped(*SIZE) == [
        "The mask's box:30,10,20,20 reaches beyond the 40×20 picture and was clipped to it.",
        "The mask's poly:0,0 60,0 0,20 reaches beyond the 40×20 picture and was clipped to it.",
    ]


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_the_transparency_of_the_picture_itself(mode: str) -> None:
    hole = rectangle(10, 5, 30, 15, inside=0, outside=255)

    assert same(painted("alpha", holed(hole, mode)), ImageChops.invert(hole))
    assert same(painted("outside:alpha", holed(hole, mode)), hole)
    both = painted("alpha+box:0,0,2,2", holed(hole, mode))
    assert same(both, ImageChops.lighter(ImageChops.invert(hole), rectangle(0, 0, 2, 2)))


def test_half_transparency_is_kept_in_alpha() -> None:
    mask = painted("alpha", holed(rectangle(10, 5, 30, 15, inside=55, outside=255)))

    assert mask.getpixel((20, 10)) == 200


def test_alpha_works_with_a_palette() -> None:
    picture = Image.new("P", SIZE, 1)
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.paste(0, (0, 0, 10, 20))
    regions = parse_mask("alpha")
    assert regions

    mask = region_mask(regions, encoded(picture, transparency=0), *SIZE)

    assert same(mask, rectangle(0, 0, 10, 20))


@pytest.mark.parametrize(
    "text",
    [
        "/home/me/mask.png",
        "~/box.png",
        "box.png",
        "box-2.png",
        "boxes",
        "box/1.png",
        "outside.webp",
        "outsider:box",
        "alpha.png",
        "alphabet",
        "alpha_2",
        "C:\\box\\mask.png",
        "file:///box:1,2,3,4",
        "https://example.com/box:1,2,3,4",
        "data:image/png;base64,box:",
        "img_7f3a",
        "last",
        "",
        "   ",
    ],
)
def test_what_is_not_of_the_language_is_left_to_others(text: str) -> None:
    assert parse_mask(text) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("box:", "four values"),
        ("box:1,2,3", "four values"),
        ("box:1,2,3,4,5", "four values"),
        ("box:1,2,3,x", "four values"),
        ("box:1,2,3,4%%", "four values"),
        ("box:1;2;3;4", "four values"),
        ("box:0,0,0.5,0.5", "fractions of a pixel"),
        ("poly:0.1,0.1 0.9,0.1 0.5,0.9", "fractions of a pixel"),
        ("poly:", "corners"),
        ("poly:0,0 10,10", "corners"),
        ("poly:0,0 10,10 5", "corners"),
        ("poly:0,0 10,10 5,x", "corners"),
        ("poly:" + " ".join(["1,2"] * 501), "corners"),
        ("box:nan,0,1,1", "four values"),
        ("box:1e9,0,1,1", "four values"),
        ("box:٣,0,1,1", "four values"),
        ("box:0,0,99999999999999,1", "four values"),
        ("box:0,0,0,10", "no width or no height"),
        ("box:0,0,10,-5", "no width or no height"),
        ("box 0,0,10,10", "neither a box, a polygon nor alpha"),
        ("box", "neither a box, a polygon nor alpha"),
        ("outside:", "a part is missing"),
        ("outside", "neither a box, a polygon nor alpha"),
        ("outside:outside:box:0,0,1,1", "neither a box, a polygon nor alpha"),
        ("outside:photo.png", "neither a box, a polygon nor alpha"),
        ("box:0,0,1,1+", "a part is missing"),
        ("box:0,0,1,1++box:0,0,1,1", "a part is missing"),
        ("box:0,0,1,1+circle:1,1,1", "neither a box, a polygon nor alpha"),
        ("box:0,0,1,1 box:0,0,1,1", "four values"),
        ("alpha:1", "neither a box, a polygon nor alpha"),
        ("alpha beta", "neither a box, a polygon nor alpha"),
        ("+".join(["box:0,0,1,1"] * 65), "65 parts"),
    ],
)
def test_what_is_wrong_in_the_language_is_said(text: str, reason: str) -> None:
    with pytest.raises(PlanError) as caught:
        parse_mask(text)

    assert reason in caught.value.what
    assert caught.value.what.endswith(".")
    assert len(caught.value.what) < 250
    assert caught.value.remedy.endswith(".")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("box:40,0,10,10", "box:40,0,10,10 contains no pixel of the picture, which is 40×20"),
        ("box:0,0,5,5+box:0,100%,5,5", "contains no pixel"),
        ("box:-50,0,10,10", "contains no pixel"),
        ("box:0,0,0.1%,10", "contains no pixel"),
        ("box:0,0,1,1", "a single pixel"),
        ("poly:40,0 50,0 50,10", "contains no pixel"),
        ("poly:0%,-50% 100%,-50% 50%,-1%", "contains no pixel"),
        ("box:0,0,5,5+poly:-20,10 10,-20 -20,-20", "contains no pixel"),
        ("box:0,0,100%,100%", "covers the whole picture"),
        ("box:0,0,50%,100%+box:50%,0,50%,100%", "covers the whole picture"),
        ("outside:box:0,0,100%,100%", "selects nothing"),
        ("alpha", "the picture has none"),
        ("outside:alpha", "the picture has none"),
    ],
)
def test_a_mask_of_nothing_or_of_everything_is_refused(text: str, reason: str) -> None:
    with pytest.raises(PlanError, match=reason):
        painted(text)


def numbers(rng: random.Random) -> list[float]:
    return [rng.uniform(-20, 60) for _ in range(4)]


def test_random_texts_never_crash() -> None:
    rng = random.Random(3)  # noqa: S311 - seeded, so that each run sees the same; nothing here is a secret
    words = [
        "box",
        "outside",
        "alpha",
        ":",
        ",",
        "+",
        "%",
        "px",
        " ",
        "-",
        ".",
        "0",
        "7",
        "100",
        "1e5",
        "é",
        "\0",
    ]
    source = encoded(holed(rectangle(0, 0, 9, 9)))
    outcomes = dict.fromkeys(("regions", "mask", "none", "refused"), 0)
    for turn in range(20_000):
        text = "".join(rng.choices(words, k=rng.randint(0, 12)))
        if turn % 3 == 0:
            text = "+".join(
                "box:" + ",".join(rng.choice([f"{n:.1f}%", f"{n:.0f}"]) for n in numbers(rng))
                for _ in range(rng.randint(1, 3))
            )
        try:
            regions = parse_mask(text)
            outcomes["regions" if isinstance(regions, Regions) else "none"] += 1
            if regions:
                region_mask(regions, source, rng.randint(1, 50), rng.randint(1, 50))
                outcomes["mask"] += 1
        except PlanError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 200, outcomes


# Given as a picture ---------------------------------------------------------------------------------------

HALF = rectangle(0, 0, 20, 20)


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (HALF, "edited where it is white"),
        (HALF.convert("1"), "edited where it is white"),
        (HALF.convert("RGB"), "edited where it is white"),
        (HALF.convert("P"), "edited where it is white"),
        (HALF.convert("RGBA"), "edited where it is white"),  # an alpha channel that says nothing
        (holed(ImageChops.invert(HALF)), "edited where it is transparent"),
        (holed(ImageChops.invert(HALF), "LA"), "edited where it is transparent"),
    ],
)
def test_both_conventions_are_recognised(picture: Image.Image, said: str) -> None:
    mask, what = given_mask(encoded(picture), *SIZE)

    assert same(mask, HALF)
    assert what == said


def test_a_mask_saved_as_jpeg_is_made_black_and_white_again() -> None:
    mask, _ = given_mask(encoded(rectangle(30, 30, 200, 170, size=(300, 200)), "JPEG", quality=40), 300, 200)

    assert set(mask.tobytes()) == {0, 255}
    assert same(mask, rectangle(30, 30, 200, 170, size=(300, 200)))


@pytest.mark.parametrize(("columns", "soft"), [(0, False), (1, False), (10, True)])
def test_a_mask_is_soft_if_more_than_a_fiftieth_of_it_is_grey(columns: int, *, soft: bool) -> None:
    picture = Image.new("L", (100, 10), 20)  # JPEG's black
    picture.paste(235, (50, 0, 100, 10))
    picture.paste(180, (0, 0, columns, 10))

    mask, what = given_mask(encoded(picture), 100, 10)

    assert (set(mask.tobytes()) != {0, 255}) == soft
    assert what.endswith("kept") == soft


@pytest.mark.parametrize("transparent", [True, False])
def test_a_soft_mask_stays_soft(*, transparent: bool) -> None:
    soft = rectangle(10, 0, 30, 20).filter(ImageFilter.GaussianBlur(4))

    mask, what = given_mask(encoded(holed(ImageChops.invert(soft)) if transparent else soft), *SIZE)

    assert same(mask, soft)
    assert what.endswith(", its half-tones kept")


def test_a_mask_of_another_size_is_scaled() -> None:
    small, what = given_mask(encoded(rectangle(0, 0, 100, 200, size=(400, 200))), *SIZE)

    assert same(small, rectangle(0, 0, 10, 20))
    assert what == "edited where it is white, scaled from 400×200 to 40×20"


def test_a_mask_of_another_shape_is_refused() -> None:
    with pytest.raises(PlanError, match="shapes differ"):
        given_mask(encoded(rectangle(0, 0, 50, 100, size=(100, 100))), *SIZE)
    assert given_mask(encoded(rectangle(0, 0, 101, 100, size=(202, 100))), *SIZE)[1].endswith("to 40×20")


def test_a_mask_in_the_shape_of_the_stored_pixels_is_turned_like_its_source() -> None:
    sideways = rectangle(0, 0, 20, 10, size=(20, 40))
    mask, what = given_mask(encoded(sideways), *SIZE, turns=6)
    assert same(mask, sideways.transpose(Image.Transpose.ROTATE_270))
    assert what.endswith("turned as the picture is")


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (Image.new("L", SIZE, 0), "nothing to edit"),
        (Image.new("RGB", SIZE, (9, 9, 9)), "nothing to edit"),
        (Image.new("L", SIZE, 255), "covers the whole"),
        (rectangle(0, 0, 20, 20, inside=150, outside=255), "covers the whole"),
        (Image.new("RGBA", SIZE, "black"), "nothing to edit"),
        (Image.new("RGBA", SIZE, (255, 255, 255, 0)), "covers the whole"),
    ],
)
def test_a_picture_that_is_no_mask_is_refused(picture: Image.Image, reason: str) -> None:
    with pytest.raises(PlanError, match=reason):
        given_mask(encoded(picture), *SIZE)


def test_a_mask_that_does_not_decode_is_refused() -> None:
    for data in (b"", b"text", encoded(HALF).getvalue()[:60]):
        with pytest.raises(InvalidSourceError, match="mask cannot be decoded"):
            given_mask(io.BytesIO(data), *SIZE)


# For the provider -----------------------------------------------------------------------------------------


def test_the_white_convention_is_white_where_to_edit() -> None:
    with encode_mask(HALF) as file:
        sent = Image.open(io.BytesIO(file.read()))

    assert (sent.format, sent.mode) == ("PNG", "L")
    assert (sent.getpixel((5, 5)), sent.getpixel((35, 5))) == (255, 0)


def test_the_transparent_convention_is_transparent_where_to_edit() -> None:
    with encode_mask(HALF, transparent=True) as file:
        sent = Image.open(io.BytesIO(file.read()))

    assert (sent.format, sent.mode) == ("PNG", "RGBA")
    assert [sent.getpixel(at) for at in ((5, 5), (35, 5))] == [(0, 0, 0, 0), (0, 0, 0, 255)]


@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("soft", [True, False])
def test_what_is_encoded_is_read_back_as_it_was(*, transparent: bool, soft: bool) -> None:
    mask = rectangle(8, 3, 33, 15)
    if soft:
        mask = mask.filter(ImageFilter.GaussianBlur(3))

    with encode_mask(mask, transparent=transparent) as file:
        again, what = given_mask(file, *SIZE)

    assert same(again, mask)
    assert ("transparent" if transparent else "white") in what


# For the person -------------------------------------------------------------------------------------------


def test_the_overlay_dims_what_stays_and_tints_and_outlines_what_changes() -> None:
    source = Image.new("RGB", (400, 200), (100, 150, 200))

    shown = overlay(encoded(source), rectangle(100, 50, 300, 150, size=(400, 200)))

    assert (shown.mode, shown.size) == ("RGB", (400, 200))
    assert near(shown, (5, 5), (40, 60, 80))
    red, green, _ = pixel if isinstance(pixel := shown.getpixel((200, 100)), tuple) else (0, 0, 0)
    assert red > 150
    assert green < 100
    assert [shown.getpixel(at) for at in ((100, 50), (299, 149), (100, 100))] == [(255, 255, 255)] * 3
    assert near(shown, (99, 100), (40, 60, 80))
    assert shown.getpixel((101, 100)) == shown.getpixel((200, 100))


def test_a_masks_preview_frames_what_is_sent() -> None:
    source = Image.new("RGB", (1000, 500), (40, 40, 200))
    preview = mask_preview(
        encoded(source), rectangle(400, 200, 500, 300, size=(2000, 1000)), (200, 100, 1600, 800)
    )
    shown = Image.open(io.BytesIO(preview.data)).convert("RGB")
    assert (preview.width, preview.height) == shown.size == (768, 384)

    def is_frame(at: tuple[int, int]) -> bool:
        pixel = shown.getpixel(at)
        return isinstance(pixel, tuple) and pixel[0] > 120

    assert all(map(is_frame, ((77, 192), (612, 192), (345, 39), (345, 305))))
    assert not any(map(is_frame, ((70, 192), (620, 192), (345, 32), (345, 312), (300, 192))))


@pytest.mark.parametrize(
    ("kind", "size", "longest", "expected"),
    [
        ("PNG", (400, 200), 768, (400, 200)),
        ("PNG", (2000, 1000), 768, (768, 384)),
        ("JPEG", (2000, 1000), 768, (768, 384)),
        ("JPEG", (333, 3000), 100, (11, 100)),
        ("WEBP", (1000, 10), 100, (100, 1)),
    ],
)
def test_the_overlay_is_as_large_as_allowed_and_no_larger_than_the_picture(
    kind: str, size: tuple[int, int], longest: int, expected: tuple[int, int]
) -> None:
    mask = rectangle(0, 0, size[0] // 2, size[1], size=size)

    shown = overlay(encoded(Image.new("RGB", size, "white"), kind), mask, longest)

    assert shown.size == expected
    left, right = (shown.getpixel((at, 0)) for at in (expected[0] // 4, expected[0] - 2))
    assert right == (102, 102, 102)
    assert left != right


def test_the_overlay_of_a_transparent_picture_shows_grey_where_nothing_is() -> None:
    shown = overlay(encoded(holed(rectangle(0, 0, 20, 20))), rectangle(0, 0, 20, 20))

    assert near(shown, (35, 10), (80, 80, 80))


def test_a_large_transparent_mask_is_read_and_encoded_again() -> None:
    outside = Image.new("L", (8192, 8192), 255)
    outside.paste(0, (0, 0, 4096, 8192))
    picture = Image.new("RGBA", outside.size)
    picture.putalpha(outside)
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=1)
    del picture

    mask, said = given_mask(file, 8192, 8192)

    assert said == "edited where it is transparent"
    assert (mask.getpixel((4095, 0)), mask.getpixel((4096, 0))) == (255, 0)


@pytest.mark.parametrize(
    ("corners", "reaches"),
    [
        ("0,0 100%,0 100%,100%", False),
        ("0,0 80,0 80,60", False),
        ("0,0 82,0 80,60", True),
        ("0,0 80,0 80,62", True),
        ("-2,0 80,0 80,60", True),
        ("0,-2 80,0 80,60", True),
    ],
)
def test_a_polygon_that_reaches_beyond_the_picture_is_known(corners: str, *, reaches: bool) -> None:
    regions = parse_mask(f"poly:{corners}")
    assert regions
    (shape,) = regions.shapes
    assert shape.beyond(80, 60) == reaches
