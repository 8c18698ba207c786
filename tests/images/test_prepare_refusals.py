"""What is no picture, is damaged or cannot be decoded here is refused with the reason."""

import importlib
import io
import random
import struct
import sys
import zlib
from typing import Any

import pytest
from PIL import Image

from imagerouter_mcp.errors import InvalidSourceError
from imagerouter_mcp.images import prepare as preparing
from imagerouter_mcp.images.prepare import prepare
from support.source_pictures import (
    chunk,
    encoded,
    exif,
    heic,
    idat,
    logo,
    looks_right,
    noise,
    png,
    quarters,
    ready,
    refusal,
    riff,
    with_heif,
    with_resvg,
)


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
        (png(2, 2, 8, 3, b"\0\0\0" * 2), "damaged"),  # without a palette
    ],
)
def test_what_is_no_picture_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    assert reason in refusal(data, "thing.png").what


def test_a_webp_that_gets_no_memory_is_not_called_damaged() -> None:
    canvas = bytes([2, 0, 0, 0]) + 2 * (7999).to_bytes(3, "little")
    frame = (
        bytes(6) + 2 * (63).to_bytes(3, "little") + bytes(4) + encoded(noise("RGB", (64, 64)), "WEBP")[12:]
    )
    assert (
        "too many to convert" in refusal(riff((b"VP8X", canvas), (b"ANIM", bytes(6)), (b"ANMF", frame))).what
    )


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
