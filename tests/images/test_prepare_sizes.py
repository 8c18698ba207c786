"""A picture that is too large for the service is made to fit, and no further than it must be."""

import io
from collections.abc import Callable
from typing import IO

import pytest
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from imagerouter_mcp.images.confined import TooLargeError, file_size
from imagerouter_mcp.images.inspect import formats
from imagerouter_mcp.images.inspect.inspection import inspect
from imagerouter_mcp.images.pixels import decode, encode
from imagerouter_mcp.images.pixels.arithmetic import fitted
from imagerouter_mcp.images.pixels.encode import MAX_BYTES, MAX_SIDE
from imagerouter_mcp.images.prepare import prepare, shrink
from support.source_pictures import (
    SECRET,
    chunk,
    corners,
    encoded,
    exif,
    looks_right,
    noise,
    quarters,
    ready,
    riff,
)

Save = Callable[[Image.Image, IO[bytes], str | bytes], None]


def test_a_panorama_of_30_mb_is_scaled_down() -> None:
    panorama = noise("RGB", (9000, 1200))
    panorama.paste("red", (0, 0, 4500, 1200))
    data = encoded(panorama, "PNG", compress_level=0)
    assert len(data) > 30_000_000

    result, image, _ = ready(data, "pano.png")

    assert (result.media_type, image.size) == ("image/jpeg", (8192, 1092))
    assert looks_right(image.crop((0, 0, 4000, 1092)), [(255, 0, 0)] * 4)
    (note,) = result.notes
    assert note == (
        "pano.png was scaled down from 9000×1200 to 8192×1092 pixels, as JPEG (30.9 MiB before), because "
        "the limit is 25 MiB and 8192 pixels a side."
    )


@pytest.mark.parametrize(
    ("kind", "image", "sent_as"),
    [
        ("JPEG", quarters((8200, 40)), "image/jpeg"),
        ("JPEG", quarters((40, 20_000)), "image/jpeg"),
        ("PNG", quarters((8200, 40)), "image/jpeg"),
        ("PNG", quarters((8200, 40)).convert("P", palette=Image.Palette.ADAPTIVE), "image/jpeg"),
        ("PNG", quarters((8200, 40)).convert("RGBA"), "image/jpeg"),  # an alpha channel that says nothing
        ("WEBP", quarters((40, 9000)), "image/jpeg"),
        ("TIFF", quarters((9000, 40)), "image/jpeg"),
        ("GIF", quarters((40, 9000)), "image/jpeg"),
    ],
)
def test_what_is_too_wide_or_too_high_is_scaled_down(kind: str, image: Image.Image, sent_as: str) -> None:
    options = {"comment": SECRET} if kind in ("GIF", "JPEG") else {}

    result, sent, _ = ready(encoded(image, kind, **options))

    assert result.media_type == sent_as
    assert max(sent.size) == MAX_SIDE
    assert looks_right(sent)
    assert f"from {image.width}×{image.height} to {sent.width}×{sent.height} pixels" in result.notes[-1]


def test_a_large_photo_on_its_side_is_turned_and_scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = quarters((40, 20_000))
    decoded: list[tuple[int, int]] = []
    load = JpegImageFile.load

    def watched(picture: JpegImageFile) -> object:
        decoded.append(picture.size)
        return load(picture)

    monkeypatch.setattr(JpegImageFile, "load", watched)

    result, image, _ = ready(encoded(stored, "JPEG", exif=exif(6)))

    assert image.size == (8192, 16)
    assert decoded[0] == (20, 10_000)  # the half of it is enough, and takes a quarter of the memory
    turned = stored.transpose(Image.Transpose.ROTATE_270)
    assert looks_right(image, corners(turned), near=20)
    assert [word in " ".join(result.notes) for word in ("rotated", "from 20000×40 to 8192×16")] == [
        True,
        True,
    ]


@pytest.mark.parametrize("mode", ["RGBA", "P"])
def test_a_wide_transparent_picture_stays_transparent(mode: str) -> None:
    wide = Image.new("RGBA", (9000, 40), (255, 0, 0, 255))
    wide.paste((0, 0, 255, 0), (4500, 0, 9000, 40))
    stripes = wide.convert(mode) if mode == "RGBA" else wide.quantize(16)

    result, image, _ = ready(encoded(stripes, "PNG"))

    assert (result.media_type, image.size, image.mode) == ("image/png", (8192, 36), "RGBA")
    assert image.getpixel((10, 10)) == (255, 0, 0, 255)
    assert image.getchannel("A").getpixel((8000, 10)) == 0


@pytest.mark.parametrize("why", ["turned", "text"])
def test_a_lossless_webp_that_is_encoded_again_keeps_its_pixels_exactly(why: str) -> None:
    picture = noise("RGBA", (40, 30))
    picture.putalpha(Image.new("L", picture.size, 255))
    picture.paste((9, 8, 7, 0), (0, 0, 20, 30))  # colours that nobody sees
    options = {"exif": exif(3)} if why == "turned" else {}
    stored = picture.transpose(Image.Transpose.ROTATE_180) if why == "turned" else picture
    data = encoded(stored, "WEBP", lossless=True, exact=True, **options)
    if why == "text":
        start = data.index(b"VP8L") + 4
        length = int.from_bytes(data[start : start + 4], "little")
        data = riff((b"VP8L", data[start + 4 : start + 4 + length] + b"a text behind the packed pixels " * 3))

    result, image, sent = ready(data)

    assert (result.media_type, image.tobytes()) == ("image/webp", picture.tobytes())
    assert b"text" not in sent
    assert ["rotated" in note for note in result.notes] == ([True] if why == "turned" else [])


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        *((kind, mode) for kind in ("PNG", "JPEG", "WEBP", "BMP") for mode in ("RGB", "L")),
        *((kind, "RGBA") for kind in ("PNG", "WEBP")),
    ],
)
def test_what_has_too_many_bytes_is_made_to_fit(
    kind: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = 60_000
    monkeypatch.setattr(encode, "MAX_BYTES", limit)
    options = {"JPEG": {"quality": 100}, "WEBP": {"lossless": True}}.get(kind, {})
    data = encoded(noise(mode, (400, 300)), kind, **options)
    assert len(data) > limit

    result, image, sent = ready(data)

    assert len(sent) <= limit
    assert image.has_transparency_data == (mode == "RGBA")
    assert result.media_type == ("image/png" if mode == "RGBA" else "image/jpeg")
    assert image.width > 70
    assert abs(image.width / image.height - 4 / 3) < 0.05
    assert "400×300" in result.notes[-1]


def test_what_fits_once_it_is_encoded_again_keeps_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "MAX_BYTES", 60_000)

    result, _, _ = ready(encoded(noise("L", (200, 310)), "PNG"))

    (note,) = result.notes
    assert note == (
        "picture was re-encoded as JPEG at its 200×310 pixels (0.1 MiB before), because the limit is 0 MiB "
        "and 8192 pixels a side."
    )


def test_that_a_jpeg_was_encoded_at_a_lower_quality_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(noise("L", (200, 310)), "JPEG", quality=100)
    monkeypatch.setattr(encode, "MAX_BYTES", len(data) - 2000)

    result, image, sent = ready(data)

    assert len(sent) < len(data) - 2000
    assert image.size == (200, 310)
    assert result.notes[0].startswith("picture was re-encoded as JPEG at its 200×310 pixels (0.1 MiB before)")


def test_metadata_does_not_count_towards_the_limit() -> None:
    data = encoded(quarters(), "PNG")
    end = chunk(b"IEND")

    result, _, sent = ready(data.removesuffix(end) + chunk(b"prVt", bytes(MAX_BYTES)) + end)

    assert sent == data
    assert result.notes == ()


@pytest.mark.parametrize(
    ("size", "longest", "expected"),
    [((10, 10), 20, (10, 10)), ((40, 10), 20, (20, 5)), ((1, 90_000), 100, (1, 100)), ((3, 9), 9, (3, 9))],
)
def test_fitted_keeps_the_shape_and_never_enlarges(
    size: tuple[int, int], longest: int, expected: tuple[int, int]
) -> None:
    assert fitted(size, longest) == expected


def test_a_large_png_that_fits_keeps_its_size_and_format() -> None:
    with io.BytesIO() as file:
        Image.new("L", (4200, 4096), 200).save(file, "PNG")
        fits = file.tell() + 2000
        made = encode.encode(file, inspect(file), formats.PNG, max_bytes=fits)
    made.file.close()
    assert (made.format, made.width, made.reduced) == (formats.PNG, 4200, False)


def test_a_picture_that_has_exactly_the_bytes_that_are_allowed_is_not_reduced_further() -> None:
    with io.BytesIO() as file:
        noise("RGB", (300, 200)).save(file, "PNG")
        for limit in (10**6, 100_000):
            seen = inspect(file)
            with encode.encode(file, seen, formats.PNG, max_bytes=limit).file as made:
                size = file_size(made)
            with encode.encode(file, seen, formats.PNG, max_bytes=size).file as made:
                assert file_size(made) == size


def test_a_grey_transparent_picture_that_is_scaled_down_stays_grey() -> None:
    with io.BytesIO() as file:
        grey = noise("L", (300, 200))
        Image.merge("LA", (grey, grey)).save(file, "PNG")
        half = file.tell() // 2
        made = encode.encode(file, inspect(file), formats.PNG, max_bytes=half)
    with made.file, Image.open(made.file) as image:
        assert (made.format, image.mode) == (formats.PNG, "LA")
        assert image.width > 150


def test_a_large_png_that_will_not_fit_is_not_compressed_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, pixels = (4200, 4096), list[int]()
    save = Image.SAVE["PNG"]

    def counting(image: Image.Image, file: IO[bytes], name: str | bytes) -> None:
        pixels.append(image.width * image.height)
        save(image, file, name)

    with io.BytesIO() as file:
        noise("L", whole).save(file, "PNG", compress_level=0)
        monkeypatch.setitem(Image.SAVE, "PNG", counting)
        made = encode.encode(file, inspect(file), formats.PNG, max_bytes=2**21)
    made.file.close()
    assert made.format is formats.JPEG
    assert sum(pixels) < whole[0] * whole[1] / 10


def test_a_prepared_picture_is_shrunk_again_and_keeps_its_notes() -> None:
    source = io.BytesIO(encoded(noise("RGB", (300, 200)), "PNG", exif=exif(3)))
    image = prepare(source, "fox")
    smaller = shrink(image, "fox", 60_000)
    with image.file, smaller.file:
        assert file_size(smaller.file) <= 60_000
    assert smaller.notes == image.notes == ("fox was rotated upright, following its EXIF data.",)


def test_a_photo_that_memory_does_not_suffice_for_is_sent_at_half_its_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    photo = io.BytesIO(encoded(quarters((400, 300)), "JPEG", exif=exif(3)))
    drawing = io.BytesIO(encoded(quarters((400, 300)), "PNG"))
    for kind in ("JPEG", "PNG"):
        monkeypatch.setitem(Image.SAVE, kind, _without_memory(Image.SAVE[kind]))
    made = encode.encode(photo, inspect(photo), formats.JPEG, turn=True)
    with made.file:
        assert (made.width, made.height, made.before) == (200, 150, (400, 300))
    with pytest.raises(TooLargeError):
        encode.encode(drawing, inspect(drawing), formats.PNG)


def _without_memory(save: Save) -> Save:
    def saved(image: Image.Image, file: IO[bytes], name: str | bytes) -> None:
        if image.width > 250:
            raise MemoryError
        save(image, file, name)

    return saved


def test_a_photo_is_decoded_whole_where_that_takes_no_more_memory_than_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for progressive, size in ((False, (64, 48)), (True, (32, 24))):
        file = io.BytesIO(encoded(quarters(), "JPEG", progressive=progressive, subsampling=0))
        monkeypatch.setattr(decode, "MOST_BYTES", 64 * 48 * (4 + 6) - 1)
        assert decode.loaded(file, "jpeg", 64).size == size


def test_a_photo_that_is_narrower_than_its_scale_is_decoded() -> None:
    for size, small in (((4, 4000), (1, 1000)), ((4000, 4), (1000, 1))):
        file = io.BytesIO(encoded(Image.new("RGB", size), "JPEG"))
        assert decode.loaded(file, "jpeg", 100).size == small
