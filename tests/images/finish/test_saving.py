"""In which format a result is saved, how large it is, and what of its source it keeps."""

import io

import pytest
from PIL import Image, ImageChops, ImageCms, ImageStat

from imagerouter_mcp.errors import InvalidSourceError, PlanError
from imagerouter_mcp.images.finish.measure import decoded_size
from imagerouter_mcp.images.finish.pipeline import Job, Source, check_job
from imagerouter_mcp.images.inspect import formats
from imagerouter_mcp.images.inspect.inspection import inspect
from support.colour_profiles import swapped_profile
from support.finishing import alpha_at, finished, joined, resized
from support.hostile_pictures import saved, svg


@pytest.fixture
def photo() -> Image.Image:
    """A picture with fine grain, which compresses badly."""
    ramp = resized(Image.linear_gradient("L"), 320, 240)
    grain = Image.effect_noise((320, 240), 60)
    return Image.merge("RGB", (ramp, grain, ImageChops.add(ramp, grain, 2)))


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "avif", "gif", "ico"])
def test_a_picture_is_converted_to_each_format(photo: Image.Image, kind: str) -> None:
    made, _ = finished(saved(photo, "PNG"), f"convert {kind}")
    result = opened(made[""])
    assert result.format == kind.upper()
    assert inspect(io.BytesIO(made[""])).format.name == kind, "it is recognised, and so can be finished again"
    if kind != "ico":
        assert result.size == photo.size
        small = [resized(picture.convert("RGB"), 32, 24) for picture in (result, photo)]
        assert max(ImageStat.Stat(ImageChops.difference(*small)).mean) < 6


def test_an_icon_has_four_sizes_and_is_square(photo: Image.Image) -> None:
    made, _ = finished(saved(photo, "PNG"), "convert ico")
    assert opened(made[""]).info["sizes"] == {(16, 16), (32, 32), (48, 48), (256, 256)}


def test_without_a_step_for_it_the_format_stays_or_is_one_that_is_written_here(photo: Image.Image) -> None:
    for kind, becomes in (("JPEG", "JPEG"), ("WEBP", "WEBP"), ("BMP", "PNG"), ("TIFF", "PNG")):
        made, _ = finished(saved(photo, kind), "flip")
        assert opened(made[""]).format == becomes


def test_a_file_names_extension_decides_unless_a_step_does(photo: Image.Image) -> None:
    assert opened(finished(saved(photo, "PNG"), "flip", extension="webp")[0][""]).format == "WEBP"
    assert opened(finished(saved(photo, "PNG"), "convert png", extension="webp")[0][""]).format == "PNG"
    assert opened(finished(saved(photo, "PNG"), "flip", extension="txt")[0][""]).format == "PNG"


@pytest.mark.parametrize("kind", ["jpeg", "webp", "avif"])
def test_a_lower_quality_makes_a_smaller_file(photo: Image.Image, kind: str) -> None:
    sizes = [len(finished(saved(photo, "PNG"), f"convert {kind} {quality}")[0][""]) for quality in (30, 90)]
    assert sizes[0] < sizes[1] / 1.5


@pytest.mark.parametrize(
    ("kind", "kilobytes"), [("jpeg", 30), ("jpeg", 5), ("webp", 20), ("avif", 12), ("png", 40), ("gif", 20)]
)
def test_a_target_in_kilobytes_is_kept_and_nearly_reached(
    photo: Image.Image, kind: str, kilobytes: int
) -> None:
    made, notes = finished(saved(photo, "PNG"), f"convert {kind} {kilobytes}kB")
    result = opened(made[""])
    assert 0.6 * kilobytes * 1000 < len(made[""]) <= kilobytes * 1000
    assert (result.size == photo.size) == (not any("scaled down" in note for note in notes))


def test_a_picture_of_exactly_the_target_fits(photo: Image.Image) -> None:
    made, _ = finished(saved(photo, "PNG"), "convert jpeg 30kB")
    again, _ = finished(saved(photo, "PNG"), f"convert jpeg {len(made['']) / 1000}kB")
    assert again == made


def test_a_picture_that_fits_already_is_saved_well_and_not_reduced(photo: Image.Image) -> None:
    made, notes = finished(saved(photo, "PNG"), "convert png 2mb")
    assert (opened(made[""]).tobytes(), notes) == (photo.tobytes(), ())


def test_a_target_that_is_less_than_the_colour_profile_is_refused(photo: Image.Image) -> None:
    with pytest.raises(PlanError, match="does not fit into 1 kB as PNG"):
        finished(saved(photo, "PNG", icc_profile=swapped_profile()), "convert png 1kB")


def test_place_and_camera_are_left_out_and_the_picture_stands_upright(photo: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "A maker"
    exif.get_ifd(0x8825)[1] = "N"
    data = saved(photo, "JPEG", exif=exif, comment=b"secret words", quality=95)
    for kind in ("jpeg", "png", "webp", "avif"):
        made, _ = finished(data, "resize 50%", f"convert {kind}")
        result = opened(made[""])
        assert result.size == (120, 160)
        assert not result.getexif()
        assert b"A maker" not in made[""]
        assert b"secret words" not in made[""]


def test_a_colour_profile_is_kept_or_converted_to_srgb_where_there_is_no_room(photo: Image.Image) -> None:
    data = saved(photo, "PNG", icc_profile=swapped_profile())
    for kind in ("png", "jpeg", "webp", "avif"):
        kept = opened(finished(data, "flip", f"convert {kind}")[0][""]).info.get("icc_profile")
        assert kept, kind
        assert ImageCms.getProfileName(io.BytesIO(kept)) is not None, kind
    icon = opened(finished(data, "crop 1:1", "favicon")[0]["icon-512.png"])
    assert "icc_profile" not in icon.info
    plain = opened(finished(saved(photo, "PNG"), "crop 1:1", "favicon")[0]["icon-512.png"])
    assert icon.tobytes() != plain.tobytes()


def test_transparency_is_kept_and_a_picture_for_jpeg_is_put_on_white_or_saved_as_png() -> None:
    clear = Image.new("RGBA", (60, 40), (255, 0, 0, 0))
    clear.paste((0, 0, 255, 255), (10, 10, 50, 30))
    for kind in ("png", "webp", "avif", "gif", "ico"):
        result = opened(finished(saved(clear, "PNG"), "flip", f"convert {kind}")[0][""]).convert("RGBA")
        assert alpha_at(result, (0, 0)) == 0, kind
    made, notes = finished(saved(clear, "PNG"), "convert jpeg")
    assert opened(made[""]).getpixel((2, 2)) == pytest.approx((255, 255, 255), abs=4)
    assert notes == ("JPEG has no transparency, so the background was made white.",)
    opaque = saved(Image.new("RGB", (60, 40), "red"), "JPEG")
    made, notes = finished(opaque, "rotate 10")
    assert opened(made[""]).format == "PNG"
    assert "saved as PNG" in notes[0]


def test_of_an_animation_the_first_frame_is_taken_and_said(photo: Image.Image) -> None:
    frames = [photo, photo.transpose(Image.Transpose.FLIP_TOP_BOTTOM)]
    for kind in ("GIF", "WEBP", "PNG", "TIFF"):
        data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
        made, notes = finished(data, "resize 50%", "convert png")
        assert "first one was used" in notes[0]
        assert ImageStat.Stat(opened(made[""]).convert("L")).count == [160 * 120]


def test_an_enlargement_and_a_loss_of_depth_are_told() -> None:
    deep = Image.new("I;16", (20, 20), 40_000)
    _, notes = finished(saved(deep, "PNG"), "resize 90x90")
    assert notes == (
        "logo.png was reduced from 16 to 8 bits per channel.",
        "The picture was enlarged 4.5 times, which adds no detail.",
    )


def test_a_drawing_is_drawn_or_refused_with_a_sentence() -> None:
    drawing = svg('<rect width="1000" height="500" fill="red"/>')
    try:
        made, _ = finished(drawing, "resize 100")
    except InvalidSourceError as error:
        assert "installed with its extra `svg`" in str(error)  # noqa: PT017 - either is right
    else:
        assert opened(made[""]).width == 100


def test_frames_become_an_animation_that_repeats(photo: Image.Image) -> None:
    for kind in ("gif", "webp"):
        film = joined(
            [photo, photo.rotate(180), resized(photo, 50, 50)], "resize 160", f"animate {kind} 4fps"
        )
        assert (film.format, film.size, getattr(film, "n_frames", 1)) == (kind.upper(), (160, 120), 3)
        assert film.info["loop"] == 0
        film.seek(1)
        film.load()
        assert film.info["duration"] == 250


def test_a_grid_shows_each_picture_whole_in_its_cell() -> None:
    colours = ["red", "lime", "blue", "black", "yellow"]
    made = joined([Image.new("RGB", (100, 50), colour) for colour in colours], "grid 3", "convert png")
    assert made.size == (3 * 102 + 2, 2 * 52 + 2)
    assert [made.getpixel((52 + 102 * column, 27)) for column in range(3)] == [
        (255, 0, 0),
        (0, 255, 0),
        (0, 0, 255),
    ]
    assert (made.getpixel((52, 79)), made.getpixel((256, 79))) == ((0, 0, 0), (255, 255, 255))


def test_a_line_beside_a_column_makes_no_large_picture() -> None:
    made = joined(
        [Image.new("RGB", (1, 65_000), "red"), Image.new("RGB", (65_000, 1), "blue")], "before-after"
    )
    assert max(made.size) <= 8192


def test_before_and_after_stand_side_by_side_at_one_height() -> None:
    made = joined([Image.new("RGB", (200, 100), "red"), Image.new("RGB", (300, 300), "blue")], "before-after")
    middle = made.height // 2 + 10
    assert [made.getpixel((x, middle)) for x in (50, 250)] == [(255, 0, 0), (0, 0, 255)]
    for side in ((0, 0, 100, 16), (110, 0, made.width, 16)):
        assert made.crop(side).convert("L").getextrema() != (255, 255), "its word"


def test_many_large_frames_are_refused_and_a_grid_of_large_pictures_becomes_smaller() -> None:
    large = Image.new("L", (2000, 1500))
    with pytest.raises(PlanError, match="frames of 2000×1500 are more than 16 megapixels"):
        joined([large] * 6, "animate gif")
    made = joined([large] * 6, "grid")
    assert made.width * made.height <= 16_000_000


def test_an_avif_of_too_many_pixels_is_refused_whether_alone_or_joined() -> None:
    large = Image.new("L", (3000, 2700))
    for made in (
        lambda: finished(saved(large, "PNG"), "convert avif"),
        lambda: joined([large] * 4, "grid", "convert avif"),
    ):
        with pytest.raises(PlanError, match="up to 8 megapixels"):
            made()


def test_what_a_job_takes_is_foreseen_by_the_sizes_alone() -> None:
    def heavy(step: str, width: int, height: int, count: int = 1) -> bool:
        data = saved(Image.new("1", (width, height)), "PNG")
        sources = [Source(io.BytesIO(data), f"{n}.png") for n in range(count)]
        return check_job(Job((step,), count), sources)

    assert not heavy("flip", 2500, 1800)
    assert heavy("flip", 2500, 1801)
    assert heavy("resize 2500x1801", 100, 100)
    assert heavy("convert avif", 4000, 2000)
    with pytest.raises(PlanError, match="up to 8 megapixels"):
        heavy("convert avif", 4000, 2001)
    assert heavy("resize 4000x6000", 100, 100, count=5)
    with pytest.raises(PlanError, match="would have 144 megapixels; one call makes 120"):
        heavy("resize 4000x6000", 100, 100, count=6)


def test_a_photo_of_more_than_40_megapixels_is_taken_at_half_its_size() -> None:
    made, notes = finished(saved(Image.new("L", (8001, 5000), 90), "JPEG"), "convert png")
    assert opened(made[""]).size == (4001, 2500)
    assert notes == ("logo.png was used at half its size, 4001×2500 pixels, to save memory.",)
    at_most = saved(Image.new("L", (8000, 5000)), "JPEG")
    assert decoded_size(inspect(io.BytesIO(at_most))) == (8000, 5000)


@pytest.mark.parametrize("inside", ["png", "bmp"])
def test_an_icon_is_measured_by_its_directory_and_its_pictures(inside: str) -> None:
    sizes = [(16, 16), (64, 64)]
    data = saved(Image.new("RGB", (64, 64), "red"), "ICO", sizes=sizes, bitmap_format=inside)
    seen = inspect(io.BytesIO(data))
    assert (seen.format, seen.width, seen.height) == (formats.ICO, 64, 64)
    for damaged in (data[:-20], data.replace(b"\x40\x40", b"\x20\x20", 1)):
        with pytest.raises(ValueError, match=r"cut short|damaged"):
            inspect(io.BytesIO(damaged))


def test_that_a_print_file_lost_its_inks_is_said(photo: Image.Image) -> None:
    made, notes = finished(saved(photo.convert("CMYK"), "JPEG"), "flip")
    assert opened(made[""]).mode == "RGB"
    assert "logo.png was converted from CMYK to RGB." in notes
