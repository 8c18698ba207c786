"""An answer laid back into its source: nothing changes outside the mask, and no seam shows."""

import io
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageStat
from PIL.PngImagePlugin import PngInfo

from imagerouter_mcp.errors import InvalidSourceError
from imagerouter_mcp.images.composite.frame import Frame
from imagerouter_mcp.images.composite.lay_in import lay_in
from imagerouter_mcp.images.composite.original import Original, decoded, framed
from imagerouter_mcp.images.confined import StoppedError, TooLargeError
from imagerouter_mcp.images.pixels.arithmetic import LEVELS, mapped
from support.colour_profiles import swapped_profile
from support.models_at_work import RED, Habit, answered
from support.regions import STEP, apart, colour_at, outside, seam

SIZE = (640, 480)
REGION = (220, 160, 420, 320)
FRAME = Frame((120, 80, 520, 400), (640, 512), (0, 0, 640, 512))
SPOT = (0.4, 0.4, 0.6, 0.6)
"""Of the frame; well within the region."""
NONE = Habit()
SKY = (70, 110, 160)
INKS = bytes(16) + b"CMYK" + bytes(108)
"""A colour profile that says whose it is, and nothing else."""


def scenery(size: tuple[int, int] = SIZE) -> Image.Image:
    """Return a smooth sky over things with edges."""
    width, height = size
    slope = sized(Image.linear_gradient("L"), size)
    picture = Image.merge("RGB", [mapped(slope, [base + level // 4 for level in LEVELS]) for base in SKY])
    draw = ImageDraw.Draw(picture)
    for n in range(24):
        x, y, r = n * 157 % width, height * 3 // 10 + n * 97 % (height * 7 // 10), 10 + n * 31 % 38
        draw.ellipse(
            (x - r, y - r, x + r, y + r), fill=(30 + n * 71 % 190, 30 + n * 113 % 190, 30 + n * 29 % 190)
        )
    return picture.filter(ImageFilter.GaussianBlur(1))


def sized(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    return picture.resize(size)  # pyright: ignore[reportUnknownMemberType] - Pillow's annotation names NumPy


def masked(size: tuple[int, int] = SIZE, region: tuple[int, int, int, int] = REGION) -> Image.Image:
    mask = Image.new("L", size)
    mask.paste(255, region)
    return mask


def laid(
    tmp_path: Path,
    source: Image.Image | Path,
    habit: Habit = NONE,
    *,
    mask: Image.Image | None = None,
    frame: Frame = FRAME,
    kind: str = "png",
    answer: Image.Image | None = None,
) -> tuple[Image.Image, dict[str, Any]]:
    """Let a model answer a source, and lay the answer in."""
    path = source if isinstance(source, Path) else tmp_path / "source.png"
    if not isinstance(source, Path):
        source.save(path, compress_level=1)
    (mask or masked()).save(tmp_path / "mask.png", compress_level=1)
    with path.open("rb") as file:
        sent = frame.holding(decoded(file).shown(frame.box))
        (answer or answered(sent, habit, SPOT)).save(tmp_path / "answer.png", compress_level=1)
        made, told = lay_in(file, tmp_path / "answer.png", tmp_path / "mask.png", frame, kind)
    with made:
        picture = Image.open(io.BytesIO(made.read()))
        picture.load()
    return picture, told


HABITS = {
    "nothing": Habit(),
    "shifted": Habit(shift=(6, -6)),
    "larger": Habit(scale=1.03),
    "smaller": Habit(scale=0.97),
    "shifted and larger": Habit(shift=(-6, 5), scale=1.03),
    "tinted": Habit(tint=(24, -10, -18)),
    "all at once": Habit(shift=(-5, 6), scale=0.97, tint=(-15, 10, 20)),
    "far shifted": Habit(shift=(26, 0)),
    "another shape": Habit(size=(512, 512)),
    "twice the size": Habit(size=(1280, 1024)),
    "half the size": Habit(size=(320, 256), shift=(4, 4)),
}


@pytest.mark.parametrize("habit", HABITS.values(), ids=HABITS.keys())
def test_a_models_habits_leave_no_trace_outside_the_mask_and_no_seam_at_its_edge(
    tmp_path: Path, habit: Habit
) -> None:
    source = scenery()
    result, told = laid(tmp_path, source, habit)
    assert result.size == source.size
    assert outside(source, result, masked()) == 0
    assert seam(source, result, REGION) <= STEP
    assert told["aligned"]
    assert not told["echo"]
    assert 10 < told["changed"] < 60
    wanted = answered(source.crop(FRAME.box), Habit(), SPOT)
    doubled = ImageChops.difference(result.crop(FRAME.box), wanted).filter(ImageFilter.BoxBlur(2))
    assert ImageStat.Stat(doubled).mean[0] < 3, "an edge is doubled, or the change is not there"
    assert apart(RED, colour_at(result, (320, 245))) < 12


def test_an_answer_far_smaller_than_its_region_stays_within_it(tmp_path: Path) -> None:
    size = 1600, 1200
    source, mask = scenery(size), Image.new("L", size)
    draw = ImageDraw.Draw(mask)
    draw.ellipse((501, 303, 1097, 899), fill=255)
    draw.line((203, 101, 1399, 1001), fill=255, width=3)
    frame = Frame((0, 0, *size), (128, 96), (0, 0, 128, 96))
    result, _ = laid(tmp_path, source, mask=mask, frame=frame, answer=Image.new("RGB", (128, 96), RED))
    assert outside(source, result, mask) == 0


def test_a_soft_masks_own_levels_are_the_most_that_is_changed(tmp_path: Path) -> None:
    mask = mapped(masked(), [level * 160 // 255 for level in LEVELS])
    source = Image.new("RGB", SIZE, SKY)
    result, _ = laid(tmp_path, source, mask=mask, answer=Image.new("RGB", (640, 512), (255, 255, 255)))
    most = max(high for _, high in ImageStat.Stat(ImageChops.difference(source, result)).extrema)
    assert 20 < most <= 160


@pytest.mark.parametrize(
    "habit", [Habit(echo=True), Habit(echo=True, shift=(3, -2), scale=1.02, tint=(8, 0, -8))]
)
def test_a_source_that_comes_back_unchanged_is_recognised(tmp_path: Path, habit: Habit) -> None:
    source = scenery()
    result, told = laid(tmp_path, source, habit)
    assert told["echo"]
    assert told["changed"] <= 2
    assert outside(source, result, masked()) == 0


def test_a_model_that_draws_the_grain_anew_is_trusted(tmp_path: Path) -> None:
    def grainy() -> Image.Image:
        grain = Image.effect_noise(SIZE, 22)
        return ImageChops.add(scenery(), Image.merge("RGB", [grain] * 3), offset=-128)

    _, told = laid(tmp_path, grainy(), answer=FRAME.holding(grainy().crop(FRAME.box)))
    assert told["aligned"]


def test_another_picture_is_not_trusted(tmp_path: Path) -> None:
    source = scenery()
    other = sized(source.transpose(Image.Transpose.ROTATE_180), (640, 512))
    result, told = laid(tmp_path, source, answer=ImageChops.invert(other))
    assert not told["aligned"]
    assert outside(source, result, masked()) == 0


def with_opacity() -> Image.Image:
    source = scenery().convert("RGBA")
    source.putalpha(sized(Image.radial_gradient("L"), SIZE))
    return source


def _deep(grey: Image.Image) -> Image.Image:
    lifted = grey.convert("I").point(lambda level: level * 251 + 77)  # pyright: ignore[reportUnknownMemberType] - as above
    return lifted.convert("I;16")


KEPT: dict[str, Callable[[], Image.Image]] = {
    "RGBA": with_opacity,
    "LA": lambda: with_opacity().convert("LA"),
    "L": lambda: scenery().convert("L"),
    "P": lambda: scenery().quantize(64),
}


def test_a_large_answer_is_laid_into_a_large_photo(tmp_path: Path) -> None:
    size = (4800, 3200)
    frame = Frame((0, 0, *size), (4032, 2688), (0, 0, 4032, 2688))
    mask = masked(size, (600, 400, 4200, 2800))
    answer = Image.new("RGB", (4032, 2688), RED)
    result, told = laid(tmp_path, Image.new("RGB", size, SKY), mask=mask, frame=frame, answer=answer)
    assert told["enlarged"] < 1.25
    assert result.size == size
    assert (colour_at(result, (100, 100)), colour_at(result, (2400, 1600))) == (SKY, RED)


def test_a_source_too_large_to_lay_anything_in_is_refused_before_a_model_gets_it(tmp_path: Path) -> None:
    size = (5600, 5000)
    Image.new("RGBA", size, (*SKY, 90)).save(tmp_path / "source.png", compress_level=1)
    frame = Frame((0, 0, *size), (1024, 1024), (0, 0, 1024, 1024))
    with (tmp_path / "source.png").open("rb") as file, pytest.raises(TooLargeError):
        framed(file, frame)


@pytest.mark.parametrize(
    ("mode", "profile", "megapixels"),
    [
        ("RGB", b"", 7.8),
        ("RGB", INKS, 4.9),
        ("RGBA", b"", 4.9),
        ("L", b"", 6.7),
        ("I;16", b"", 6.1),
        ("CMYK", b"", 4.9),
    ],
)
def test_the_child_that_lays_in_has_room_for_an_answer_beside_a_photo_of_16_megapixels(
    mode: str, profile: bytes, megapixels: float
) -> None:
    original = Original(Image.new(mode, (4000, 4000)), profile, PngInfo(), reduced=False)
    assert original.room((0, 0, 4000, 4000)) / 10**6 == pytest.approx(megapixels, abs=0.1)
    assert original.room((0, 0, 2000, 2000)) > original.room((0, 0, 4000, 4000))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_transparent_level_of_grey_stays_transparent_at_every_depth(tmp_path: Path, bits: int) -> None:
    path, most = tmp_path / "source.png", (1 << bits) - 1
    path.write_bytes(grey_png(SIZE, bits, transparent=most))
    result, _ = laid(tmp_path, path)
    assert (colour_at(result, (20, 20))[-1], colour_at(result, (620, 20))[-1]) == (255, 0)


def grey_png(size: tuple[int, int], bits: int, *, transparent: int) -> bytes:
    """Return a PNG, its left half black and its right half white, with one level transparent."""
    width, height = size
    row = b"\0" + bytes(width * bits // 16) + b"\xff" * (width * bits // 16)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)),
        (b"tRNS", struct.pack(">H", transparent)),
        (b"IDAT", zlib.compress(row * height)),
        (b"IEND", b""),
    )
    packed = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


@pytest.mark.parametrize("make", KEPT.values(), ids=KEPT.keys())
def test_transparency_grey_and_palettes_are_kept(tmp_path: Path, make: Callable[[], Image.Image]) -> None:
    source = make()
    result, _ = laid(tmp_path, source)
    assert outside(source.convert("RGBA"), result.convert("RGBA"), masked()) == 0
    assert result.has_transparency_data == source.has_transparency_data
    assert apart(RED, colour_at(result.convert("RGB"), (320, 245))) < 20, "the change is there, in colour"


def test_grey_of_16_bits_keeps_its_depth(tmp_path: Path) -> None:
    source = _deep(scenery().convert("L"))
    result, told = laid(tmp_path, source)
    assert result.mode == "I;16"
    given, kept = source.copy(), result.copy()
    for picture in (given, kept):
        picture.paste(0, REGION)
    assert given.tobytes() == kept.tobytes()
    assert told["changed"] > 10
    red = Image.new("RGB", (1, 1), RED).convert("L").getpixel((0, 0))
    assert isinstance(red, int)
    assert result.getpixel((320, 245)) == pytest.approx(257 * red, rel=0.1)
    assert not told["reduced"]


def test_inks_are_kept_as_tiff_with_their_profile(tmp_path: Path) -> None:
    source = scenery().convert("CMYK")
    path = tmp_path / "inks.tif"
    source.save(path, icc_profile=INKS)
    result, told = laid(tmp_path, path)
    assert (result.format, result.mode, result.info["icc_profile"]) == ("TIFF", "CMYK", INKS)
    assert outside(source, result, masked()) == 0
    assert told["inks"]
    assert apart(RED, colour_at(result.convert("RGB"), (320, 245))) < 20
    jpeg, told = laid(tmp_path, path, kind="jpeg")
    assert (jpeg.format, jpeg.mode, told["inks"]) == ("JPEG", "RGB", True)
    assert "icc_profile" not in jpeg.info, "it would describe inks"


def test_a_turned_photo_is_edited_upright(tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    scenery().transpose(Image.Transpose.ROTATE_90).save(path, quality=95, exif=exif)
    with Image.open(path) as opened:
        source = opened.transpose(Image.Transpose.ROTATE_270)
    result, _ = laid(tmp_path, path)
    assert result.size == SIZE
    assert outside(source, result, masked()) == 0
    assert not result.getexif()


def test_a_colour_profile_is_kept(tmp_path: Path) -> None:
    profile = swapped_profile()
    path = tmp_path / "profiled.png"
    scenery().save(path, icc_profile=profile)
    result, _ = laid(tmp_path, path)
    with path.open("rb") as file:
        sent = framed(file, FRAME)
        unscaled = framed(file, Frame(FRAME.box, (400, 320), (0, 0, 400, 320)))
    assert not {"icc_profile"} & {*sent.info, *unscaled.info}, "the model gets plain sRGB"
    green, red, _ = FRAME.holding(scenery().crop(FRAME.box)).split()
    for one, other in zip(sent.split(), (red, green), strict=False):
        assert ImageStat.Stat(ImageChops.difference(one, other)).mean[0] < 3
    assert result.info["icc_profile"] == profile
    assert outside(scenery(), result, masked()) == 0
    red, green, blue = RED
    assert apart((green, red, blue), colour_at(result, (320, 245))) < 12, "in the source's own colours"


def test_thin_strokes_are_edited_too(tmp_path: Path) -> None:
    mask = masked()
    ImageDraw.Draw(mask).line((150, 100, 490, 100), fill=255, width=5)
    source = scenery()
    red = Image.new("RGB", FRAME.size, RED)
    answer = Image.composite(red, FRAME.holding(source.crop(FRAME.box)), FRAME.mask(mask.crop(FRAME.box)))
    result, _ = laid(tmp_path, source, mask=mask, answer=answer)
    assert outside(source, result, mask) == 0
    assert apart(RED, colour_at(result, (300, 100))) < 60


def test_a_region_at_the_pictures_edge_is_edited_up_to_it(tmp_path: Path) -> None:
    region = (0, 0, 200, 160)
    frame = Frame((0, 0, 320, 256), (640, 512), (0, 0, 640, 512))
    source, mask = scenery(), masked(region=region)
    answer = answered(frame.holding(source.crop(frame.box)), Habit(shift=(4, 4)), (-0.3, -0.3, 0.3, 0.3))
    result, told = laid(tmp_path, source, mask=mask, frame=frame, answer=answer)
    assert told["aligned"]
    assert outside(source, result, mask) == 0
    assert apart(RED, colour_at(result, (0, 0))) < 12


@pytest.mark.parametrize(
    "frame",
    [
        Frame((0, 80, 640, 400), (512, 512), (0, 128, 512, 384)),
        Frame((200, 0, 440, 480), (512, 512), (128, 0, 384, 512)),
    ],
    ids=["wide", "tall"],
)
def test_a_part_of_another_shape_is_sent_in_a_frame(tmp_path: Path, frame: Frame) -> None:
    source = scenery()
    result, told = laid(tmp_path, source, Habit(shift=(3, -3)), frame=frame)
    assert told["aligned"]
    assert outside(source, result, masked()) == 0
    assert seam(source, result, REGION) <= STEP


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_a_lossy_format_is_saved_as_one(tmp_path: Path, kind: str) -> None:
    result, _ = laid(tmp_path, with_opacity(), kind=kind)
    assert (result.format or "").lower() == kind
    assert result.size == SIZE


def test_only_a_source_that_is_hard_to_decode_is_finished_in_a_child_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "source.tif"
    scenery().save(path)
    result, _ = laid(tmp_path, path)
    assert outside(scenery(), result, masked()) == 0
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    laid(tmp_path, scenery())
    with path.open("rb") as file, pytest.raises(StoppedError, match="no process could be started"):
        lay_in(file, tmp_path / "answer.png", tmp_path / "mask.png", FRAME, "png")


def test_pixels_that_cannot_be_kept_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "floats.tif"
    scenery().convert("F").save(path)
    with path.open("rb") as file, pytest.raises(InvalidSourceError, match="keep_outside=false"):
        decoded(file)
