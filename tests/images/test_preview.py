"""Previews fit their budget, look like the picture, and say truly what they are."""

import base64
import importlib.util
import io
import itertools
import os
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from imagerouter_mcp.images import confined
from imagerouter_mcp.images.confined import StoppedError
from imagerouter_mcp.images.inspect.formats import sniff
from imagerouter_mcp.images.inspect.svg import drawable_text
from imagerouter_mcp.images.pixels.contact_sheet import make_sheet
from imagerouter_mcp.images.pixels.preview import BUDGETS, Preview, PreviewSize, make_preview

with_resvg = pytest.mark.skipif(
    importlib.util.find_spec("resvg_py") is None, reason="the extra svg is not installed"
)


QUICKLY: dict[str, object] = {"compress_level": 1, "speed": 10}
"""For PNG, and for AVIF."""


def noise(mode: str, size: tuple[int, int]) -> Image.Image:
    bands = len(Image.new(mode, (1, 1)).getbands())
    # Seeded, so that each run sees the same picture; nothing here is a secret.
    return Image.frombytes(mode, size, random.Random(7).randbytes(size[0] * size[1] * bands))  # noqa: S311


def saved(tmp_path: Path, image: Image.Image, kind: str, **options: object) -> Path:
    path = tmp_path / f"picture.{kind.lower()}"
    image.save(path, kind, **QUICKLY | options)
    return path


def shown(preview: Preview | None) -> Image.Image:
    """The preview decoded, after checking what every preview must hold."""
    assert preview is not None
    found = sniff(preview.data)
    assert found is not None
    assert found.media_type == preview.media_type == "image/jpeg"
    image = Image.open(io.BytesIO(preview.data))
    image.load()
    assert image.size == (preview.width, preview.height)
    return image


def near(image: Image.Image, at: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    pixel = image.convert("RGB").getpixel(at)
    assert isinstance(pixel, tuple)
    return all(abs(a - b) < 24 for a, b in zip(pixel, colour, strict=True))


def extremes(image: Image.Image) -> tuple[int, int]:
    """The darkest and the lightest pixel."""
    levels = image.convert("L").tobytes()
    return min(levels), max(levels)


def halves(mode: str = "RGB", size: tuple[int, int] = (60, 40)) -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", size, "red")
    image.paste("blue", (size[0] // 2, 0, *size))
    return image.convert(mode)


@pytest.mark.parametrize(
    ("size", "mode", "pixels"),
    [
        ("auto", "RGB", (900, 700)),
        ("auto", "RGBA", (900, 700)),
        ("auto", "L", (2000, 1500)),
        ("auto", "RGB", (4000, 30)),
        ("large", "RGB", (900, 700)),
        ("large", "RGB", (2200, 1900)),
        ("large", "RGBA", (2200, 1900)),
        ("large", "L", (30, 4000)),
    ],
)
def test_the_worst_picture_fits_the_budget_as_base64(
    tmp_path: Path, size: PreviewSize, mode: str, pixels: tuple[int, int]
) -> None:
    path = saved(tmp_path, noise(mode, pixels), "PNG", compress_level=0)

    preview = make_preview(path, size)

    image = shown(preview)
    assert preview is not None
    assert len(base64.b64encode(preview.data)) <= BUDGETS[size].base64_characters
    assert max(image.size) <= BUDGETS[size].longest
    assert abs(image.width / image.height / (pixels[0] / pixels[1]) - 1) < 0.4


def test_the_budgets_are_the_ones_that_hosts_were_measured_for() -> None:
    assert (BUDGETS["auto"].longest, BUDGETS["auto"].base64_characters) == (512, 60_000)
    assert (BUDGETS["large"].longest, BUDGETS["large"].base64_characters) == (2048, 700_000)


@pytest.mark.parametrize(
    ("size", "pixels", "expected"),
    [
        ("auto", (1024, 1024), (512, 512)),
        ("auto", (1536, 1024), (512, 341)),
        ("auto", (300, 200), (300, 200)),
        ("auto", (5000, 1), (512, 1)),
        ("large", (1024, 1024), (1024, 1024)),
        ("large", (4096, 2048), (2048, 1024)),
    ],
)
def test_a_preview_is_as_large_as_allowed_and_never_larger_than_the_picture(
    tmp_path: Path, size: PreviewSize, pixels: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert shown(make_preview(saved(tmp_path, halves(size=pixels), "PNG"), size)).size == expected


def test_an_ordinary_picture_is_encoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = itertools.count()
    save = Image.Image.save

    def counted(image: Image.Image, *args: object, **options: object) -> None:
        next(calls)
        save(image, *args, **options)  # pyright: ignore[reportArgumentType] - passed on as they came

    path = saved(tmp_path, Image.effect_mandelbrot((1024, 1024), (-2, -1.5, 1, 1.5), 60), "PNG")
    monkeypatch.setattr(Image.Image, "save", counted)

    shown(make_preview(path, "auto"))

    assert next(calls) == 1


@pytest.mark.parametrize("size", [(60, 40), (2100, 1400)])
@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("PNG", "RGB"),
        ("PNG", "RGBA"),
        ("PNG", "P"),
        ("JPEG", "RGB"),
        ("JPEG", "CMYK"),
        ("WEBP", "RGB"),
        ("WEBP", "RGBA"),
        ("GIF", "P"),
        ("AVIF", "RGB"),
        ("TIFF", "RGB"),
        ("TIFF", "CMYK"),
        ("BMP", "RGB"),
    ],
)
def test_colours_survive_in_every_format_and_mode(
    tmp_path: Path, kind: str, mode: str, size: tuple[int, int]
) -> None:
    image = shown(make_preview(saved(tmp_path, halves(mode, size), kind), "auto"))

    assert near(image, (image.width // 4, image.height // 2), (255, 0, 0))
    assert near(image, (image.width * 3 // 4, image.height // 2), (0, 0, 255))


@pytest.mark.parametrize("size", [(60, 40), (2100, 1400)])
@pytest.mark.parametrize(("kind", "mode"), [("PNG", "I;16"), ("PNG", "L"), ("PNG", "LA"), ("TIFF", "I;16")])
def test_grey_stays_as_bright_as_it_was(tmp_path: Path, kind: str, mode: str, size: tuple[int, int]) -> None:
    colour = {"I;16": 100 << 8, "L": 100, "LA": (100, 255)}[mode]

    image = shown(make_preview(saved(tmp_path, Image.new(mode, size, colour), kind), "auto"))

    assert near(image, (5, 5), (100, 100, 100))


@pytest.mark.parametrize(
    ("kind", "size"),
    [("PNG", (64, 64)), ("WEBP", (64, 64)), ("GIF", (64, 64)), ("WEBP", (700, 700)), ("PNG", (3200, 3200))],
)
def test_transparency_shows_as_a_light_checkerboard(tmp_path: Path, kind: str, size: tuple[int, int]) -> None:
    picture = Image.new("RGBA", size, (0, 0, 0, 0))
    picture.paste("black", (0, 0, size[0] // 2, size[1]))

    image = shown(make_preview(saved(tmp_path, picture, kind), "large"))

    assert extremes(image.crop((0, 0, image.width // 2 - 8, image.height)))[1] < 24
    darkest, lightest = extremes(image.crop((image.width // 2 + 8, 0, *image.size)))
    assert darkest > 200
    assert lightest > 245
    assert lightest - darkest > 20


def test_a_palette_with_a_transparent_colour_shows_the_checkerboard(tmp_path: Path) -> None:
    picture = halves("P")
    path = saved(tmp_path, picture, "PNG", transparency=picture.getpixel((0, 0)))

    image = shown(make_preview(path, "auto"))

    assert extremes(image.crop((0, 0, 20, 40)))[0] > 200
    assert near(image, (45, 20), (0, 0, 255))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("size", [(60, 40), (1800, 1200)])
def test_a_turned_picture_is_shown_upright(tmp_path: Path, kind: str, size: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # what is stored on the left belongs on top

    image = shown(make_preview(saved(tmp_path, halves(size=size), kind, exif=exif), "auto"))

    assert image.height > image.width
    assert near(image, (image.width // 2, image.height // 4), (255, 0, 0))
    assert near(image, (image.width // 2, image.height * 3 // 4), (0, 0, 255))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "AVIF"])
def test_of_an_animation_the_first_frame_is_shown(tmp_path: Path, kind: str) -> None:
    others = [Image.new("RGB", (60, 40), colour) for colour in ("green", "blue")]
    path = saved(tmp_path, Image.new("RGB", (60, 40), "red"), kind, save_all=True, append_images=others)

    assert near(shown(make_preview(path, "auto")), (30, 20), (255, 0, 0))


def test_nothing_of_the_original_is_carried_along(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a private remark"
    path = saved(tmp_path, halves(), "JPEG", exif=exif, comment=b"a private remark")

    preview = make_preview(path, "auto")

    assert preview is not None
    assert b"private" not in preview.data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html></html>",
        b"\0\0\0\x14ftypisom\0\0\0\0isom\0\0\0\x08mdat",
        b"\0\0\0\x14ftypheic\0\0\0\0heic\0\0\0\x08mdat",
    ],
)
def test_what_cannot_be_drawn_has_no_preview(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)

    assert make_preview(path, "auto") is None


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "AVIF", "TIFF", "BMP"])
def test_a_broken_picture_has_no_preview_and_breaks_nothing(tmp_path: Path, kind: str) -> None:
    path = saved(tmp_path, noise("RGB", (200, 100)), kind)
    data = path.read_bytes()

    for end in (len(data) // 2, 60, 20):
        path.write_bytes(data[:end])
        assert make_preview(path, "auto") is None


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
def test_a_picture_too_large_to_decode_is_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = saved(tmp_path, halves(size=(300, 200)), kind)
    monkeypatch.setattr("imagerouter_mcp.images.pixels.decode.MOST_BYTES", 300 * 200 * 4 - 1)

    if kind == "JPEG":  # decoded smaller
        assert make_preview(path, "auto") is not None
        return
    with pytest.raises(StoppedError):
        make_preview(path, "auto")


SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 20 10">'
    "{}</svg>"
)
INSIDE = "data:image/png;base64,"


def drawing(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "drawing.svg"
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize(
    "content",
    [
        '<image href="/etc/picture.png"/>',
        '<image xlink:href="picture.png"/>',
        '<image href="file:///etc/picture.png"/>',
        '<image href=" https://example.com/a.png"/>',
        '<image href="data:image/svg+xml;base64,PHN2Zy8+"/>',
        '<image xmlns:odd="http://www.w3.org/1999/xlink" odd:href="picture.png"/>',
        '<feImage href="picture.png"/>',
        '<use href="other.svg#a"/>',
        '<a HREF="picture.png"/>',
        '<g xml:base="/etc/"/>',
        '<?xml-stylesheet href="style.css"?>',
    ],
)
def test_a_drawing_that_names_anything_outside_is_not_drawn(tmp_path: Path, content: str) -> None:
    path = drawing(tmp_path, SVG.format(content))

    assert drawable_text(path.read_bytes()) is None
    assert make_preview(path, "auto") is None


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE svg [<!ENTITY a "/etc/picture.png">]>' + SVG.format('<image href="&a;"/>'),
        '<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + SVG.format("<text>&a;</text>"),
        '<!DOCTYPE svg [<!ENTITY % a SYSTEM "http://example.com/a.dtd"> %a;]>' + SVG.format(""),
        '<!DOCTYPE svg [<!ATTLIST image href CDATA "picture.png">]>' + SVG.format("<image/>"),
        SVG.format("<g>"),
    ],
)
def test_a_drawing_with_entities_or_broken_tags_is_not_drawn(text: str) -> None:
    assert drawable_text(text.encode()) is None


def test_a_drawing_may_name_its_own_parts() -> None:
    text = SVG.format(f'<g id="a"/><use xlink:href="#a"/><image href="{INSIDE}AAAA"/>')

    assert drawable_text(b"<!DOCTYPE svg>" + text.encode()) is not None


def test_without_the_extra_a_drawing_has_no_preview(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)

    assert make_preview(drawing(tmp_path, SVG.format("<circle r='5'/>")), "auto") is None


@with_resvg
def test_a_drawing_is_drawn_at_the_size_of_the_preview(tmp_path: Path) -> None:
    path = drawing(tmp_path, SVG.format('<rect width="10" height="10" fill="red"/>'))

    image = shown(make_preview(path, "auto"))

    assert image.size == (512, 256)
    assert near(image, (100, 128), (255, 0, 0))
    assert extremes(image.crop((300, 0, 500, 256)))[0] > 200


@with_resvg
def test_a_hostile_drawing_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filters = '<filter id="f"><feTurbulence baseFrequency=".05" numOctaves="9"/></filter>'
    slow = filters + '<rect width="20" height="10" filter="url(#f)"/>' * 200
    monkeypatch.setattr(confined, "SECONDS", 0.5)

    with pytest.raises(StoppedError):
        make_preview(drawing(tmp_path, SVG.format(slow)), "large")


@with_resvg
def test_a_drawing_cannot_import_what_lies_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "resvg_py.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)

    assert make_preview(drawing(tmp_path, SVG.format("")), "auto") is not None


def test_several_threads_make_the_same_previews(tmp_path: Path) -> None:

    path = saved(tmp_path, noise("RGBA", (800, 600)), "PNG")

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        made = set(pool.map(make_preview, [path] * 8, ["auto"] * 8))

    assert len(made) == 1


def test_a_picture_without_a_file_keeps_its_place_on_the_sheet(tmp_path: Path) -> None:
    red = tmp_path / "red.png"
    Image.new("RGB", (300, 300), "red").save(red)
    sheet = make_sheet([None, make_preview(red, "auto")], ["lost", "red"], "auto")
    with Image.open(io.BytesIO(sheet.data)) as picture:
        shown = picture.convert("RGB")
    first, second = shown.getpixel((150, 150)), shown.getpixel((shown.width - 150, 150))
    assert isinstance(first, tuple)
    assert isinstance(second, tuple)
    assert max(first) - min(first) < 10, "an empty cell is grey"
    assert second[0] - second[1] > 150


@pytest.mark.parametrize("shape", [(900, 300), (300, 900)])
def test_the_cells_of_a_sheet_follow_the_shape_of_its_pictures(
    tmp_path: Path, shape: tuple[int, int]
) -> None:
    red = tmp_path / "red.png"
    Image.new("RGB", shape, "red").save(red)
    sheet = make_sheet([make_preview(red, "auto")] * 4, ["1 · img_1\nacme/red"] * 4, "auto")
    assert sheet
    with Image.open(io.BytesIO(sheet.data)) as picture:
        pixels = picture.convert("RGB")
    data = pixels.tobytes()
    reds = sum(red - green > 150 for red, green in zip(data[::3], data[1::3], strict=True))
    assert reds / (pixels.width * pixels.height) > 0.4, "most of it is pictures"
