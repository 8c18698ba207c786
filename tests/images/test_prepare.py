"""The pictures that people have arrive as ones that can be sent, and nothing but the picture arrives."""

import functools
import importlib.util
import io
import os
import random
import re
import struct
import subprocess
import sys
import threading
import time
import zipfile
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, cast

import pytest
from PIL import Image, ImageChops, ImageCms, ImageOps, ImageStat
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile, get_sampling
from PIL.PngImagePlugin import PngInfo

from imagerouter_mcp.errors import InvalidSourceError
from imagerouter_mcp.images import prepare as preparing
from imagerouter_mcp.images.inspect import formats
from imagerouter_mcp.images.inspect.exif import read_exif
from imagerouter_mcp.images.inspect.inspection import inspect
from imagerouter_mcp.images.pixels import encode
from imagerouter_mcp.images.pixels.colour_profiles import colours_only
from imagerouter_mcp.images.pixels.decode import fitted
from imagerouter_mcp.images.pixels.encode import MAX_BYTES, MAX_SIDE
from imagerouter_mcp.images.prepare import SourceImage, prepare

SECRET = b"51.4779N-secret"
"""Is in each piece of metadata that the tests put into a picture."""
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a exif:GPSLatitude="' + SECRET + b'"/></x:xmpmeta>'
CORNERS = ((2, 2), (-3, 2), (2, -3), (-3, -3))
COLOURS = ((255, 0, 0), (0, 160, 0), (0, 0, 255), (255, 255, 0))

with_heif = pytest.mark.skipif(
    importlib.util.find_spec("pillow_heif") is None, reason="the extra `heic` is not installed"
)
with_resvg = pytest.mark.skipif(
    importlib.util.find_spec("resvg_py") is None, reason="the extra svg is not installed"
)


def quarters(size: tuple[int, int] = (64, 48)) -> Image.Image:
    """Red and green above, blue and yellow below: no two orientations look the same."""
    width, height = size
    image = Image.new("RGB", size, COLOURS[0])
    image.paste(COLOURS[1], (width // 2, 0, width, height))
    image.paste(COLOURS[2], (0, height // 2, width // 2, height))
    image.paste(COLOURS[3], (width // 2, height // 2, width, height))
    return image


def logo() -> Image.Image:
    """A disc on nothing, with a soft edge."""
    image = quarters().convert("RGBA")
    distance = Image.radial_gradient("L").tobytes()  # 256 × 256
    levels = (distance[y * 4 * 256 + x * 4] for y in range(8, 56) for x in range(64))
    image.putalpha(Image.frombytes("L", image.size, bytes(255 - min(255, level * 2) for level in levels)))
    return image


def greys() -> Image.Image:
    return quarters().convert("L")


def clouds() -> Image.Image:
    """Soft shapes in all colours, as in a photo."""
    return noise("RGB", (6, 4)).resize((192, 128), Image.Resampling.BICUBIC)  # pyright: ignore[reportUnknownMemberType] - Pillow's


def noise(mode: str, size: tuple[int, int]) -> Image.Image:
    bands = len(Image.new(mode, (1, 1)).getbands())
    # Seeded, so that each run sees the same picture; nothing here is a secret.
    return Image.frombytes(mode, size, random.Random(7).randbytes(size[0] * size[1] * bands))  # noqa: S311


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def exif(orientation: int | None = None, *, location: bool = False) -> Image.Exif:
    block = Image.Exif()
    block[0x010E] = SECRET.decode()
    if orientation is not None:
        block[0x0112] = orientation
    if location:
        gps = block.get_ifd(0x8825)
        gps[1], gps[2], gps[3], gps[4] = "N", (51.0, 28.0, 40.0), "W", (0.0, 0.0, 5.0)
    return block


def text() -> PngInfo:
    info = PngInfo()
    info.add_text("Author", SECRET.decode())
    info.add_text("Comment", SECRET.decode(), zip=True)
    info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    return info


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *extra: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + b"".join([chunk(b"IHDR", header), *extra, pixels, chunk(b"IEND")])


def deep_png(colour: int, channels: int) -> bytes:
    """16 bits a channel: 0x80FF in the left half, 0x40FF in the right, which is not 0x41."""
    row = b"\0" + struct.pack(">H", 0x80FF) * (channels * 4) + struct.pack(">H", 0x40FF) * (channels * 4)
    return png(8, 2, 16, colour, row * 2)


def animation(kind: str, **options: object) -> bytes:
    others = [Image.new("RGB", (64, 48), colour) for colour in ("white", "black")]
    return encoded(quarters(), kind, save_all=True, append_images=others, duration=100, **options)


@functools.cache  # two made in different seconds differ
def profile() -> bytes:
    profile_of_srgb: object = ImageCms.createProfile("sRGB")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - Pillow does not say
    return ImageCms.ImageCmsProfile(cast("ImageCms.ImageCmsProfile", profile_of_srgb)).tobytes()


def heic() -> bytes:
    def box(kind: bytes, *content: bytes) -> bytes:
        data = b"".join(content)
        return (len(data) + 8).to_bytes(4, "big") + kind + data

    size = box(b"ispe", bytes(4), (64).to_bytes(4, "big"), (48).to_bytes(4, "big"))
    meta = box(b"meta", bytes(4), box(b"iprp", box(b"ipco", size)))
    return box(b"ftyp", b"heic", bytes(4), b"mif1heic") + meta + box(b"mdat", b"coded picture")


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("secret.txt", SECRET)
    return buffer.getvalue()


def ready(
    data: bytes, name: str = "picture", *, turn: bool = False
) -> tuple[SourceImage, Image.Image, bytes]:
    """What is sent, decoded and upright, and its bytes, after checking what each of them must hold."""
    source = io.BytesIO(data)
    result = prepare(source, name, turn=turn)
    assert not source.closed
    with result.file:
        assert result.file.tell() == 0
        sent = result.file.read()
    image: Image.Image = Image.open(io.BytesIO(sent))
    image.load()
    types = {"image/png": ("PNG", "png"), "image/jpeg": ("JPEG", "jpg"), "image/webp": ("WEBP", "webp")}
    assert (image.format, result.extension) == types[result.media_type]
    assert image.format == "JPEG" or not image.getexif()
    if image.getexif():
        assert image.getexif().keys() == {0x0112}
        image = ImageOps.exif_transpose(image)
    assert image.size == (result.width, result.height)
    assert max(image.size) <= MAX_SIDE
    assert len(sent) <= MAX_BYTES
    assert image.mode in ("1", "L", "LA", "P", "RGB", "RGBA")
    assert not getattr(image, "is_animated", False)
    assert SECRET not in sent
    assert not {"xmp", "comment", "XML:com.adobe.xmp", "photoshop"} & set(image.info)
    assert all(re.fullmatch(r"[^\n]+\.", note) and name in note for note in result.notes)
    return result, image, sent


def refusal(data: bytes, name: str = "picture") -> InvalidSourceError:
    with pytest.raises(InvalidSourceError) as caught:
        prepare(io.BytesIO(data), name)
    assert name in caught.value.what
    assert caught.value.what.endswith(".")
    assert caught.value.remedy.endswith(".")
    return caught.value


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    rgb = image.convert("RGB")
    pixels = [rgb.getpixel((x % image.width, y % image.height)) for x, y in CORNERS]
    return [pixel for pixel in pixels if isinstance(pixel, tuple)]


def looks_right(image: Image.Image, colours: Sequence[tuple[int, ...]] = COLOURS, *, near: int = 12) -> bool:
    return all(
        abs(a - b) <= near
        for pixel, colour in zip(corners(image), colours, strict=True)
        for a, b in zip(pixel, colour, strict=True)
    )


def idat(data: bytes) -> bytes:
    """All that the IDAT chunks hold."""
    position, found = 8, b""
    while position < len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        if data[position + 4 : position + 8] == b"IDAT":
            found += data[position + 8 : position + 8 + length]
        position += 12 + length
    return found


def quantisation(data: bytes) -> object:
    """A JPEG's tables of quantisation and how its colours are sampled."""
    image = Image.open(io.BytesIO(data))
    assert isinstance(image, JpegImageFile)
    return image.quantization, get_sampling(image)


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WEBP" + b"".join(
        kind + len(data).to_bytes(4, "little") + data + bytes(len(data) % 2) for kind, data in chunks
    )
    return b"RIFF" + len(body).to_bytes(4, "little") + body


# What people have -----------------------------------------------------------------------------------------


def phone_photo(**options: object) -> bytes:
    stored = quarters().transpose(Image.Transpose.ROTATE_90)  # orientation 6 turns it back
    return encoded(
        stored,
        "JPEG",
        quality=95,
        exif=exif(6, location=True),
        xmp=XMP,
        comment=SECRET,
        icc_profile=profile(),
        **options,
    )


def test_a_phone_photo_keeps_its_quality_and_nothing_but_its_orientation() -> None:
    data = phone_photo()

    result, image, sent = ready(data, "IMG_0001.jpg")

    stored = Image.open(io.BytesIO(sent))
    assert (stored.size, dict(stored.getexif())) == ((48, 64), {0x0112: 6})
    assert quantisation(sent) == quantisation(data)
    assert (result.media_type, image.size) == ("image/jpeg", (64, 48))
    assert looks_right(image)
    assert image.info["icc_profile"] == colours_only(profile())
    assert result.notes == ("The location data of IMG_0001.jpg was removed.",)


@pytest.mark.parametrize("subsampling", [0, 2])
def test_a_phone_photo_with_a_mask_is_turned_upright(subsampling: int) -> None:
    data = phone_photo(subsampling=subsampling)

    result, image, sent = ready(data, "IMG_0001.jpg", turn=True)

    stored = Image.open(io.BytesIO(sent))
    assert isinstance(stored, JpegImageFile)
    assert get_sampling(stored) == subsampling
    assert stored.size == image.size == (64, 48)
    assert looks_right(image)
    assert result.notes == (
        "IMG_0001.jpg was rotated as its EXIF data says, and its location data was removed.",
    )


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_each_orientation_is_shown_as_viewers_show_it(kind: str, orientation: int) -> None:
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Pillow's transpositions that were made before storing
    stored = quarters().transpose(Image.Transpose(undo[orientation])) if orientation > 1 else quarters()

    result, image, _ = ready(encoded(stored, kind, quality=95, exif=exif(orientation)))

    assert image.size == (64, 48)
    assert looks_right(image, near=16)
    assert any("rotated" in note for note in result.notes) == (orientation > 1 and kind != "JPEG")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_that_a_location_was_removed_is_said_where_there_was_one(kind: str) -> None:
    told = "The location data of holiday was removed."

    assert told in ready(encoded(quarters(), kind, exif=exif(location=True).tobytes()), "holiday")[0].notes
    assert told not in ready(encoded(quarters(), kind, exif=exif().tobytes()), "holiday")[0].notes


@pytest.mark.parametrize("orientation", [0, 9, 4711])
def test_an_orientation_that_exif_does_not_define_changes_nothing(orientation: int) -> None:
    result, image, sent = ready(encoded(quarters(), "JPEG", exif=exif(orientation)))

    assert result.notes == ()
    assert b"Exif" not in sent
    assert looks_right(image)


@pytest.mark.parametrize(
    ("image", "options"),
    [
        (quarters(), {}),  # a screenshot
        (quarters(), {"dpi": (144, 144), "icc_profile": profile()}),
        (logo(), {}),
        (quarters().convert("P"), {}),
        (quarters().convert("P"), {"transparency": 0}),
        (quarters().convert("P", palette=Image.Palette.ADAPTIVE, colors=4), {"bits": 2}),
        (quarters().convert("1"), {}),
        (greys(), {}),
        (logo().convert("LA"), {}),
        (Image.new("RGB", (1, 1), "red"), {}),
        (noise("RGB", (300, 200)), {}),
    ],
)
def test_a_png_keeps_its_pixels_byte_for_byte(image: Image.Image, options: dict[str, object]) -> None:
    data = encoded(image, "PNG", pnginfo=text(), exif=exif(1), **options)

    result, sent_image, sent = ready(data)

    original = Image.open(io.BytesIO(data))
    assert idat(sent) == idat(data)
    assert sent_image.mode == original.mode
    assert sent_image.convert("RGBA").tobytes() == original.convert("RGBA").tobytes()
    assert sent_image.info.get("icc_profile") == (
        colours_only(profile()) if "icc_profile" in options else None
    )
    assert result.notes == ("The location data of picture was removed.",)  # it was in the XMP


def test_a_png_without_metadata_is_not_changed_at_all() -> None:
    data = encoded(quarters(), "PNG")

    result, _, sent = ready(data)

    assert sent == data
    assert result.notes == ()


def test_private_chunks_and_what_follows_the_end_of_a_png_are_left_behind() -> None:
    plain = encoded(quarters(), "PNG")
    end = chunk(b"IEND")
    private = [chunk(b"prVt", SECRET), chunk(b"tIME", bytes(7)), chunk(b"iTXt", b"a\0\0\0\0\0" + SECRET)]

    _, _, sent = ready(plain.removesuffix(end) + b"".join(private) + end + SECRET + zipped())

    assert sent == plain


def test_a_part_of_a_png_that_decoders_do_not_know_is_left_behind() -> None:
    data = encoded(quarters(), "PNG")

    assert ready(data[:33] + chunk(b"ABCD", SECRET) + data[33:])[2] == data


@pytest.mark.parametrize(
    ("kind", "data"),
    [(b"gAMA", b"\0\1\x86\xa0"), (b"cHRM", bytes(range(32))), (b"sRGB", b"\1"), (b"cICP", b"\x0c\x0d\0\1")],
)
def test_a_png_keeps_what_says_which_colours_it_has(kind: bytes, data: bytes) -> None:
    plain = encoded(quarters(), "PNG")

    assert chunk(kind, data) in ready(plain[:33] + chunk(kind, data) + plain[33:])[2]
    assert kind not in ready(plain[:33] + chunk(kind, data + SECRET) + plain[33:])[2]


def test_a_text_in_a_png_is_never_taken_for_a_property_of_the_picture() -> None:
    plain = encoded(quarters(), "PNG")
    for name in (b"exif", b"transparency", b"icc_profile", b"progressive", b"gamma", b"xmp"):
        for text in (chunk(b"tEXt", name + b"\0" + SECRET), chunk(b"iTXt", name + b"\0\0\0\0\0" + SECRET)):
            assert ready(plain[:33] + text + plain[33:])[2] == plain


def test_a_long_packed_text_in_a_png_does_not_matter() -> None:
    plain = encoded(quarters(), "PNG")
    text = chunk(b"zTXt", b"history\0\0" + zlib.compress(bytes(3 << 20)))

    assert ready(plain[:33] + text + plain[33:])[2] == plain


@pytest.mark.parametrize(
    "options",
    [
        {"quality": 60},
        {"progressive": True},
        {"restart_marker_blocks": 1},
        {"subsampling": 0},
        {"keep_rgb": True},
    ],
)
@pytest.mark.parametrize("image", [greys(), clouds()])
def test_a_jpeg_keeps_its_quality(image: Image.Image, options: dict[str, object]) -> None:
    data = encoded(image, "JPEG", exif=exif(1), xmp=XMP, comment=SECRET, icc_profile=profile(), **options)
    more = b"".join(
        b"\xff" + marker + (len(SECRET) + 2 + len(head)).to_bytes(2, "big") + head + SECRET
        for marker, head in (
            (b"\xed", b"Photoshop 3.0\0"),
            (b"\xe2", b"MPF\0"),
            (b"\xe0", b"JFXX\0"),
            (b"\xe7", b""),
            (b"\xfe", b""),
        )
    )

    result, sent_image, sent = ready(data[:2] + more + data[2:] + zipped(), "photo.jpg")

    original = Image.open(io.BytesIO(data))
    assert quantisation(sent) == quantisation(data)
    assert sent.endswith(b"\xff\xd9")
    assert max(ImageStat.Stat(ImageChops.difference(sent_image, original)).mean) < 0.5
    assert sent_image.info.get("icc_profile") == (colours_only(profile()) if image.mode == "RGB" else None)
    assert result.notes == ("The location data of photo.jpg was removed.",)


def test_a_segment_between_the_scans_of_a_progressive_jpeg_is_left_behind() -> None:
    data = encoded(noise("RGB", (300, 200)), "JPEG", progressive=True)
    second = data.index(b"\xff\xc4", data.index(b"\xff\xda"))
    comment = b"\xff\xfe" + (len(SECRET) + 2).to_bytes(2, "big") + SECRET

    assert ready(data[:second] + comment + data[second:])[2] == ready(data)[2]


def test_a_thumbnail_in_the_first_header_of_a_jpeg_is_left_behind() -> None:
    data = encoded(quarters(), "JPEG")
    length = int.from_bytes(data[4:6], "big")
    thumbnail = SECRET[:12]  # 2 × 2 pixels
    header = data[:4] + (length + 12).to_bytes(2, "big") + data[6 : 4 + length - 2] + b"\2\2" + thumbnail

    _, image, sent = ready(header + data[4 + length :])

    assert thumbnail not in sent
    assert looks_right(image)


@pytest.mark.parametrize("image", [quarters(), logo(), noise("RGB", (301, 201))])
@pytest.mark.parametrize("lossless", [True, False])
def test_a_webp_keeps_its_pixels_byte_for_byte(image: Image.Image, *, lossless: bool) -> None:
    data = encoded(image, "WEBP", lossless=lossless, exif=exif(1), xmp=XMP, icc_profile=profile())
    plain = encoded(image, "WEBP", lossless=lossless, icc_profile=colours_only(profile()))

    result, sent_image, sent = ready(data + SECRET)

    assert sent == plain
    assert sent_image.tobytes() == Image.open(io.BytesIO(data)).tobytes()
    assert result.notes == ("The location data of picture was removed.",)


def test_chunks_of_unknown_purpose_in_a_webp_are_left_behind() -> None:
    data = encoded(quarters(), "WEBP", lossless=True)
    pixels = data[20 : 20 + int.from_bytes(data[16:20], "little")]

    plain = riff((b"VP8L", pixels))
    assert ready(riff((b"VP8L", pixels), (b"SECR", SECRET)))[2] == plain
    assert ready(riff((b"VP8L", pixels), (b"VP8L", pixels[:9])))[2] == plain


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_sent_as_png(kind: str) -> None:
    result, image, _ = ready(animation(kind, lossless=True), f"cat.{kind.lower()}")

    assert result.media_type == "image/png"
    assert looks_right(image)
    assert f"cat.{kind.lower()} is animated, and its first frame was taken." in result.notes


def test_the_first_picture_of_an_animated_png_keeps_its_bytes() -> None:
    data = animation("PNG")

    _, _, sent = ready(data)

    assert idat(sent) == idat(data)
    assert not any(kind in sent for kind in (b"acTL", b"fcTL", b"fdAT"))


@pytest.mark.parametrize(
    ("kind", "image", "options"),
    [
        ("GIF", quarters(), {"comment": SECRET}),
        ("BMP", quarters(), {}),
        ("BMP", quarters().convert("P", palette=Image.Palette.ADAPTIVE), {}),
        ("TIFF", quarters(), {"exif": exif(1), "compression": "tiff_lzw"}),
        ("TIFF", quarters(), {"compression": "tiff_deflate", "description": SECRET.decode()}),
        ("TIFF", quarters().convert("LAB"), {}),
        ("TIFF", quarters().convert("YCbCr"), {}),
        ("AVIF", quarters(), {"exif": exif(1), "xmp": XMP, "quality": 95}),
    ],
)
def test_types_that_a_provider_may_not_know_become_png(
    kind: str, image: Image.Image, options: dict[str, object]
) -> None:
    result, sent, _ = ready(encoded(image, kind, **options))

    assert result.media_type == "image/png"
    assert looks_right(sent, near=30)  # LAB and AVIF are not exact
    assert f"picture was converted from {kind} to PNG." in result.notes


@pytest.mark.parametrize(
    ("kind", "mode"), [("GIF", "RGBA"), ("TIFF", "RGBA"), ("TIFF", "LA"), ("AVIF", "RGBA")]
)
def test_transparency_survives_a_conversion(kind: str, mode: str) -> None:
    _, image, _ = ready(encoded(logo().convert(mode), kind))

    alpha = image.convert("RGBA").getchannel("A")
    assert alpha.getpixel((0, 0)) == 0
    assert alpha.getpixel((32, 24)) in range(240, 256)


def test_of_a_scan_with_several_pages_the_first_is_sent() -> None:
    pages = [Image.new("RGB", (64, 48), "white")]
    data = encoded(quarters(), "TIFF", save_all=True, append_images=pages, compression="tiff_lzw")

    result, image, _ = ready(data, "scan.tif")

    assert looks_right(image)
    assert result.notes == (
        "scan.tif has several pages, and its first one was taken.",
        "scan.tif was converted from TIFF to PNG.",
    )


@pytest.mark.parametrize(("kind", "sent_as"), [("JPEG", "image/jpeg"), ("TIFF", "image/png")])
@pytest.mark.parametrize("icc", [None, b"x" * 16 + b"CMYK" + b"broken" * 40])
def test_a_print_file_becomes_rgb(kind: str, sent_as: str, icc: bytes | None) -> None:
    options = {"icc_profile": icc} if icc else {}

    result, image, _ = ready(encoded(quarters().convert("CMYK"), kind, **options), "print")

    assert (result.media_type, image.mode) == (sent_as, "RGB")
    assert looks_right(image)
    assert "icc_profile" not in image.info
    assert "print was converted from CMYK to RGB." in result.notes


def test_a_print_file_is_converted_through_its_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, str]] = []

    def through(picture: Image.Image, *_: object, outputMode: str) -> Image.Image:  # noqa: N803 - Pillow's name
        seen.append((picture.mode, outputMode))
        return Image.new("RGB", picture.size, "purple")

    # A profile of inks is half a megabyte; that it is used is what counts here.
    monkeypatch.setattr(ImageCms, "ImageCmsProfile", io.BufferedReader)
    monkeypatch.setattr(ImageCms, "profileToProfile", through)
    data = encoded(quarters().convert("CMYK"), "JPEG", icc_profile=bytes(16) + b"CMYK" + bytes(100))

    _, image, _ = ready(data)

    assert seen == [("CMYK", "RGB")]
    assert looks_right(image, [(128, 0, 128)] * 4)


@pytest.mark.parametrize(
    ("data", "mode"),
    [(deep_png(0, 1), "L"), (deep_png(2, 3), "RGB"), (deep_png(4, 2), "RGBA"), (deep_png(6, 4), "RGBA")],
)
def test_sixteen_bits_become_eight_by_their_upper_half(data: bytes, mode: str) -> None:
    result, image, sent = ready(data)

    assert sent[24] == 8
    assert image.mode in (mode, "LA" if mode == "RGBA" else mode)
    assert {
        pixel[0]
        for pixel in (image.convert("RGB").getpixel((x, 1)) for x in (0, 7))
        if isinstance(pixel, tuple)
    } == {0x80, 0x40}
    assert result.notes == ("picture was reduced from 16 to 8 bits a channel.",)


def test_the_transparent_colour_of_a_16_bit_png_stays_transparent() -> None:
    grey = png(8, 2, 16, 0, (b"\0" + b"\x80\xff" * 4 + b"\x40\xff" * 4) * 2, chunk(b"tRNS", b"\x40\xff"))
    rgb = png(2, 1, 16, 2, b"\0" + b"\x80\xff" * 3 + b"\x40\xff" * 3, chunk(b"tRNS", b"\x40\xff" * 3))

    for data in (grey, rgb):
        alpha = ready(data)[1].convert("RGBA").getchannel("A")
        assert (alpha.getpixel((0, 0)), alpha.getpixel((alpha.width - 1, 0))) == (255, 0)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.frombytes("I;16", (2, 1), struct.pack("<2H", 0x80FF, 0x40FF)), (0x80, 0x40)),
        (Image.frombytes("I", (2, 1), struct.pack("=2i", 0x80FF, 0x40FF)), (0x80, 0x40)),
        (Image.frombytes("I", (2, 1), struct.pack("=2i", -500, 1_000_000)), (0, 255)),
        (Image.frombytes("F", (2, 1), struct.pack("=2f", 0.0, 1.0)), (0, 255)),
        (Image.frombytes("F", (2, 1), struct.pack("=2f", 300.0, 900.0)), (0, 255)),
        (Image.frombytes("F", (2, 1), struct.pack("=2f", 0.25, 0.75)), (63, 191)),
        (Image.frombytes("F", (2, 1), struct.pack("=2f", 16.0, 200.0)), (16, 200)),
        (Image.frombytes("F", (2, 1), struct.pack("=2f", -3000.0, 3000.0)), (0, 255)),
    ],
)
def test_scientific_tiffs_become_grey(image: Image.Image, expected: tuple[int, int]) -> None:
    result, sent, _ = ready(encoded(image, "TIFF"))

    assert (sent.mode, sent.getpixel((0, 0)), sent.getpixel((1, 0))) == ("L", *expected)
    assert any("16 to 8 bits" in note for note in result.notes)


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
        "pano.png was scaled down from 9000×1200 to 8192×1092 pixels, as JPEG (30.9 MiB before), for up to "
        "25 MiB and 8192 pixels a side are sent."
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
        "picture was encoded anew as JPEG at its 200×310 pixels (0.1 MiB before), for up to 0 MiB and 8192 "
        "pixels a side are sent."
    )


def test_that_a_jpeg_was_encoded_at_a_lower_quality_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(noise("L", (200, 310)), "JPEG", quality=100)
    monkeypatch.setattr(encode, "MAX_BYTES", len(data) - 2000)

    result, image, sent = ready(data)

    assert len(sent) < len(data) - 2000
    assert image.size == (200, 310)
    assert result.notes[0].startswith(
        "picture was encoded anew as JPEG at its 200×310 pixels (0.1 MiB before)"
    )


def test_metadata_does_not_count_towards_the_limit() -> None:
    data = encoded(quarters(), "PNG")
    end = chunk(b"IEND")

    result, _, sent = ready(data.removesuffix(end) + chunk(b"prVt", bytes(MAX_BYTES)) + end)

    assert sent == data
    assert result.notes == ()


# Refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"<!doctype html><html></html>", "HTML"),
        (b'{"error": 1}', "JSON"),
        (b"%PDF-1.7", "PDF"),
        (random.Random(1).randbytes(500), "not known"),  # noqa: S311 - seeded, as above
        (png(20_000, 20_000, 8, 2, b""), "20000×20000"),
        (png(64, 48, 8, 2, b"\0" * 300), "damaged"),
        (png(2, 2, 8, 0, b"\7\0\0\0\0\0"), "damaged"),
        (png(2, 2, 3, 0, b"\0\0\0\0"), "damaged"),
    ],
)
def test_what_is_no_picture_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    assert reason in refusal(data, "thing.png").what


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_picture_that_is_cut_short_is_refused(kind: str, share: float) -> None:
    data = encoded(noise("RGB", (64, 48)), kind)

    refusal(data[: int(len(data) * share)])


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_pixels_that_do_not_decode_are_refused(kind: str) -> None:
    data = bytearray(encoded(noise("RGB", (400, 300)), kind))
    if kind == "JPEG":
        table = data.index(b"\xff\xc4")
        data[table + 5 : table + 21] = b"\xff" * 16  # more codes than a Huffman table can have
    else:
        data[24:2000] = bytes(1976)

    refusal(bytes(data))


def test_compressed_nonsense_in_a_png_is_refused() -> None:
    data = encoded(noise("RGB", (64, 48)), "PNG")
    pixels = bytearray(idat(data))
    pixels[100:140] = bytes(40)
    start = data.index(b"IDAT") - 4

    refusal(data[:start] + chunk(b"IDAT", bytes(pixels)) + chunk(b"IEND"))


@pytest.mark.parametrize("mode", ["1", "P", "L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(1, 1), (3, 2), (5, 9), (64, 48), (400, 300)])
def test_interlaced_pngs_pass_when_all_their_passes_are_there(mode: str, size: tuple[int, int]) -> None:
    width, height = size
    bits = {"1": 1, "P": 8, "L": 8, "LA": 16, "RGB": 24, "RGBA": 32}[mode]
    colour = {"1": 0, "P": 3, "L": 0, "LA": 4, "RGB": 2, "RGBA": 6}[mode]
    rows = b""
    for left, top, across, down in (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ):
        columns, lines = len(range(left, width, across)), len(range(top, height, down))
        if columns:
            rows += (b"\0" + bytes((columns * bits + 7) // 8)) * lines
    header = struct.pack(">IIBBBBB", width, height, 1 if mode == "1" else 8, colour, 0, 0, 1)
    palette = chunk(b"PLTE", bytes(3)) if mode == "P" else b""

    def whole(pixels: bytes) -> bytes:
        parts = [chunk(b"IHDR", header), palette, chunk(b"IDAT", zlib.compress(pixels)), chunk(b"IEND")]
        return b"\x89PNG\r\n\x1a\n" + b"".join(parts)

    ready(whole(rows))
    refusal(whole(rows[:-1]))


def test_heic_is_refused_where_nothing_decodes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)

    error = refusal(heic(), "IMG_0002.HEIC")

    assert "HEIC" in error.what
    assert "with its extra `heic`" in error.remedy


@with_heif
@pytest.mark.parametrize("alpha", [False, True])
def test_heic_is_converted_upright_and_without_its_metadata(alpha: bool) -> None:  # noqa: FBT001 - a table's column
    heif: Any = importlib.import_module("pillow_heif")  # an extra
    turned = quarters().convert("RGBA" if alpha else "RGB").transpose(Image.Transpose.ROTATE_90)
    packed = io.BytesIO()
    block = exif(6, location=True).tobytes()
    heif.from_pillow(turned).save(packed, quality=-1, exif=block)

    result, image, _ = ready(packed.getvalue(), "IMG_0002.HEIC")

    assert image.size == (64, 48)
    assert looks_right(image)
    assert ("A" in image.mode) == alpha
    assert result.notes == (
        "The location data of IMG_0002.HEIC was removed.",
        "IMG_0002.HEIC was converted from HEIC to PNG.",
    )


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 ", "JPEG 2000"),
        (b"\xff\x4f\xff\x51\0\x2f", "JPEG 2000"),
        (b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl ", "JPEG XL"),
        (b"\xff\x0a\xfa\x1f\x41\x91", "JPEG XL"),
        (b"8BPS\0\1\0\0\0\0\0\0\0\3", "a Photoshop document (PSD)"),
        (b"\0\0\2\0\2\0\x10\x10\0\0\1\0\x20\0", "an icon or a cursor"),
    ],
)
def test_a_picture_of_a_kind_that_is_not_read_is_called_what_it_is(data: bytes, what: str) -> None:
    error = refusal(data + bytes(64), "IMG_0002")

    assert f"it is {what}" in error.what
    assert "PNG, JPEG or WebP" in error.remedy


def test_a_video_is_refused() -> None:
    size = b"\0\0\0\x10moov\0\0\0\x08free"
    data = b"\0\0\0\x14ftypisom\0\0\0\0mp41" + size + b"\0\0\0\x0cmdat1234"

    assert "video" in refusal(data, "clip.mp4").what


SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20">'
    b'<rect width="40" height="20" fill="red"/>'
    b"%b</svg>"
)


@with_resvg
def test_a_drawing_is_made_into_pixels() -> None:
    result, image, _ = ready(SVG % b"", "logo.svg")

    assert (result.media_type, image.size) == ("image/png", (1024, 512))
    assert looks_right(image, [(255, 0, 0)] * 4)
    assert result.notes == ("logo.svg was drawn from SVG at 1024×512 pixels.",)


def test_a_drawing_is_refused_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", dict[str, object]().get)

    error = refusal(SVG % b"", "logo.svg")

    assert "SVG" in error.what
    assert "`svg`" in error.remedy


def test_a_drawing_that_reads_other_files_is_refused() -> None:
    refusal(SVG % b'<image href="file:///secret.png"/>')


def test_what_would_take_too_much_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imagerouter_mcp.images.pixels.decode.MOST_BYTES", 10)

    for kind in ("BMP", "PNG", "JPEG"):
        assert "64×48" in refusal(encoded(quarters(), kind)).what


def test_a_picture_of_too_many_pixels_is_not_decoded() -> None:
    progressive = bytearray(encoded(quarters(), "JPEG", progressive=True, subsampling=0))
    frame = progressive.index(b"\xff\xc2") + 5
    progressive[frame : frame + 4] = struct.pack(">HH", 9400, 9400)

    assert "too many" in refusal(png(10_000, 9_000, 8, 2, b"")).what
    assert "too many" in refusal(bytes(progressive)).what


def test_a_page_scanned_at_1200_dpi_is_scaled_down() -> None:
    page = Image.new("1", (9921, 14031), 1)  # A4
    page.paste(0, (1000, 1000, 4000, 2000))

    made = prepare(io.BytesIO(encoded(page, "TIFF", compression="group4")), "page.tif")
    made.file.close()

    assert (made.width, made.height) == (5792, 8192)
    assert made.notes[0].startswith("page.tif was scaled down from 9921×14031 to 5792×8192 pixels")


def test_a_webp_too_large_to_be_decoded_for_a_check_is_judged_by_its_structure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(preparing, "_MAX_CHECKING_BYTES", 1000)

    data = encoded(quarters(), "WEBP")

    with prepare(io.BytesIO(data), "x").file as file:
        assert file.read() == data


def test_a_file_that_cannot_be_read_is_refused() -> None:
    class Gone(io.BytesIO):
        def read(self, _size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(InvalidSourceError, match="Input/output error"):
        prepare(Gone(b"x"), "disk.png")


def test_random_damage_never_crashes() -> None:
    rng = random.Random(11)  # noqa: S311 - seeded, as above
    kinds = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "AVIF")
    seeds = [encoded(logo() if kind != "JPEG" else quarters(), kind) for kind in kinds]
    seeds += [
        encoded(quarters(), kind, exif=exif(6, location=True)) for kind in ("PNG", "JPEG", "WEBP", "TIFF")
    ]
    outcomes = {True: 0, False: 0}
    for _ in range(1500):
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.randint(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            # What a child process does for some types is done here, which is quicker.
            preparing.do_in_child(io.BytesIO(data), work="_prepared", name="x", turn=False)[0].close()
            outcomes[True] += 1
        except InvalidSourceError:
            outcomes[False] += 1
    assert min(outcomes.values()) > 100


# Memory and threads ---------------------------------------------------------------------------------------


def test_one_picture_at_a_time_is_in_memory_as_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    inside: set[int] = set()
    most = 0
    load = ImageFile.load

    def slow(picture: ImageFile) -> object:
        nonlocal most
        inside.add(threading.get_ident())
        most = max(most, len(inside))
        time.sleep(0.002)  # long enough for another thread to come in, were it let in
        try:
            return load(picture)
        finally:
            inside.discard(threading.get_ident())

    monkeypatch.setattr(ImageFile, "load", slow)
    kinds = ("JPEG", "WEBP", "TIFF", "PNG")
    turned = quarters().transpose(Image.Transpose.ROTATE_180)
    sources = [encoded(quarters(), kind, exif=exif(3)) for kind in kinds] * 2  # converted
    sources += [encoded(turned, kind, exif=exif(1)) for kind in kinds] * 2  # checked

    def shown(data: bytes) -> Image.Image:
        with prepare(io.BytesIO(data), "x").file as file:
            return Image.open(io.BytesIO(file.read()))

    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(shown, sources))

    assert most == 1
    assert all(
        looks_right(image, tuple(reversed(COLOURS)), near=20)
        for image in map(ImageOps.exif_transpose, results)
    )


MEASURE = """
import io, pathlib, resource, sys
from concurrent.futures import ThreadPoolExecutor
from typing import cast
from imagerouter_mcp.images.prepare import prepare

def one(path):
    with open(path, "rb") as file:
        return prepare(file, "x").file.close()

def peak():
    return int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1])

one(sys.argv[1])
before = peak()
with ThreadPoolExecutor(16) as pool:
    list(pool.map(one, sys.argv[2:] * 8))
print(peak() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's own figure is read")
def test_sixteen_sources_at_once_take_little_memory(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """By the process's peak of resident memory, for what Pillow allocates is not seen by tracemalloc."""
    folder = tmp_path_factory.mktemp("large")
    small, large_png, large_jpeg = (folder / name for name in ("small.jpg", "large.png", "large.jpg"))
    small.write_bytes(encoded(quarters(), "JPEG"))
    large_png.write_bytes(encoded(noise("RGB", (1500, 1400)), "PNG", compress_level=0))
    large_jpeg.write_bytes(encoded(noise("RGB", (2200, 2000)), "JPEG", quality=92))
    assert min(path.stat().st_size for path in (large_png, large_jpeg)) > 4_000_000

    done = subprocess.run(  # noqa: S603 - our own Python
        [sys.executable, "-c", MEASURE, small, large_png, large_jpeg],
        capture_output=True,
        check=True,
        text=True,
    )

    assert int(done.stdout) < 48 * 1024, "KiB"


def test_pillow_is_not_loaded_before_the_first_picture() -> None:
    code = (
        "import sys, imagerouter_mcp.images.prepare, imagerouter_mcp.images.masks\n"
        "print('PIL' in sys.modules)"
    )

    done = subprocess.run(  # noqa: S603 - our own Python
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )

    assert done.stdout.strip() == "False"


# The small parts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_location_is_known_by_latitude_or_longitude(order: str) -> None:
    def block(tags: list[int]) -> bytes:
        head = b"II*\0" if order == "<" else b"MM\0*"
        first = struct.pack(order + "IHHHIII", 8, 1, 0x8825, 4, 1, 26, 0)
        entries = b"".join(struct.pack(order + "HHII", tag, 5, 3, 0) for tag in tags)
        return head + first + struct.pack(order + "H", len(tags)) + entries

    assert read_exif(block([0, 1, 2])).location
    assert read_exif(block([4])).location
    assert not read_exif(block([0, 29])).location  # a version and a date
    assert not read_exif(block([2])[:-3]).location
    assert not read_exif(b"").location
    assert not read_exif(b"II*\0\xff\xff\xff\xff").location


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
                size = encode.file_size(made)
            with encode.encode(file, seen, formats.PNG, max_bytes=size).file as made:
                assert encode.file_size(made) == size


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
        Image.effect_noise(whole, 60).save(file, "PNG", compress_level=0)
        monkeypatch.setitem(Image.SAVE, "PNG", counting)
        made = encode.encode(file, inspect(file), formats.PNG, max_bytes=2**21)
    made.file.close()
    assert made.format is formats.JPEG
    assert sum(pixels) < whole[0] * whole[1] / 10


UNDER_LIMITS = """
import pathlib, resource, sys
from imagerouter_mcp.images.prepare import prepare
for kind in (resource.RLIMIT_FSIZE, resource.RLIMIT_DATA):
    resource.setrlimit(kind, (300 << 20, 300 << 20))
with pathlib.Path(sys.argv[1]).open("rb") as file:
    print(prepare(file, "scan").media_type)
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such limits")
def test_a_child_keeps_to_limits_that_are_lower_than_its_own(tmp_path: Path) -> None:
    quarters().save(tmp_path / "scan.tif")
    command = [sys.executable, "-c", UNDER_LIMITS, str(tmp_path / "scan.tif")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert done.stdout == "image/png\n", done.stderr


def test_a_large_progressive_photo_is_said_to_take_too_much_memory() -> None:
    with io.BytesIO() as file:
        Image.new("RGB", (5900, 5900), "teal").save(file, "JPEG", progressive=True, subsampling=0)
        made = prepare(file, "photo.jpg")
    made.file.close()
    assert (made.width, made.height) == (2950, 2950)
    (note,) = made.notes
    assert note.endswith("to 2950×2950 pixels, as JPEG, for decoding it whole takes too much memory.")
