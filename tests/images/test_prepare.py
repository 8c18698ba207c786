"""The pictures that people have arrive as ones that can be sent, and nothing but the picture arrives."""

import io
import struct
import zlib

import pytest
from PIL import Image, ImageChops, ImageCms, ImageStat
from PIL.JpegImagePlugin import JpegImageFile, get_sampling

from imagerouter_mcp.images.inspect.exif import read_exif
from imagerouter_mcp.images.pixels.colour_profiles import colours_only
from imagerouter_mcp.images.pixels.decode import plain
from support.source_pictures import (
    SECRET,
    XMP,
    animation,
    chunk,
    clouds,
    deep_png,
    encoded,
    exif,
    greys,
    idat,
    logo,
    looks_right,
    noise,
    png,
    profile,
    quantisation,
    quarters,
    ready,
    riff,
    text,
    zipped,
)


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
        "IMG_0001.jpg was rotated upright, following its EXIF data, and its location data was removed.",
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


@pytest.mark.parametrize("orientation", [1, 2, 8])
def test_a_photo_with_a_mask_is_turned_upright_from_each_orientation(orientation: int) -> None:
    undo = {2: Image.Transpose.FLIP_LEFT_RIGHT, 8: Image.Transpose.ROTATE_270}
    stored = quarters().transpose(undo[orientation]) if orientation > 1 else quarters()

    _, image, sent = ready(encoded(stored, "JPEG", quality=95, exif=exif(orientation)), turn=True)

    assert looks_right(image, near=16)
    assert b"Exif" not in sent


@pytest.mark.parametrize("mode", ["RGBa", "RGBA", "LA"])
def test_a_picture_of_any_mode_keeps_its_transparency(mode: str) -> None:
    assert plain(Image.new(mode, (2, 2))).convert("RGBA").getpixel((0, 0)) == (0, 0, 0, 0)


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
        for part in (chunk(b"tEXt", name + b"\0" + SECRET), chunk(b"iTXt", name + b"\0\0\0\0\0" + SECRET)):
            assert ready(plain[:33] + part + plain[33:])[2] == plain


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
    assert f"cat.{kind.lower()} is animated; only its first frame was used." in result.notes


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
        "scan.tif has several pages; only the first one was used.",
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
    assert result.notes == ("picture was reduced from 16 to 8 bits per channel.",)


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
