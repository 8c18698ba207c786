"""Formats are recognised from bytes, and only whole files pass."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from imagerouter_mcp.images.inspect.binary import MAX_PIXELS, NotAPictureError
from imagerouter_mcp.images.inspect.formats import sniff
from imagerouter_mcp.images.inspect.inspection import Inspection, inspect
from support import hostile_pictures as hostile

SIZE = (40, 24)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="24"><circle r="9"/></svg>'


def picture(mode: str = "RGB", size: tuple[int, int] = SIZE) -> Image.Image:
    if mode == "I;16":
        return Image.new(mode, size, 40_000)
    return Image.radial_gradient("L").crop((0, 0, *size)).convert(mode)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def frames() -> list[Image.Image]:
    return [Image.new("RGB", SIZE, colour) for colour in ("red", "green", "blue")]


def animated(kind: str) -> bytes:
    first, *others = frames()
    return encoded(first, kind, save_all=True, append_images=others, duration=100)


def box(kind: bytes, *content: bytes) -> bytes:
    data = b"".join(content)
    return (len(data) + 8).to_bytes(4, "big") + kind + data


def movie(brand: bytes = b"isom", *, turn: bool = False) -> bytes:
    """The smallest MP4 that says how large (40 × 24) and how long (2.5 s) it is."""
    one = (1 << 16).to_bytes(4, "big")
    none = bytes(4)
    matrix = [none, one, none, one, none] if turn else [one, none, none, none, one]
    track = b"".join(
        [bytes(40), *matrix, bytes(16), (40 << 16).to_bytes(4, "big"), (24 << 16).to_bytes(4, "big")]
    )
    clock = bytes(12) + (1000).to_bytes(4, "big") + (2500).to_bytes(4, "big") + bytes(80)
    return b"".join(
        [
            box(b"ftyp", brand, bytes(4), b"isomavc1"),
            box(b"moov", box(b"mvhd", clock), box(b"trak", box(b"tkhd", track))),
            box(b"mdat", b"frames" * 20),
        ]
    )


def heic() -> bytes:
    size = box(b"ispe", bytes(4), (40).to_bytes(4, "big"), (24).to_bytes(4, "big"))
    meta = box(b"meta", bytes(4), box(b"iprp", box(b"ipco", size)))
    return box(b"ftyp", b"mif1", bytes(4), b"mif1heic") + meta + box(b"mdat", b"coded picture")


def webm() -> bytes:
    header = b"\x1a\x45\xdf\xa3\x87\x42\x82\x84webm"
    return header + b"\x18\x53\x80\x67\x88" + b"clusters"


def seen(tmp_path: Path, data: bytes) -> Inspection:
    path = tmp_path / "named-wrongly.txt"
    path.write_bytes(data)
    return inspect(path)


def reason(tmp_path: Path, data: bytes) -> str:
    with pytest.raises(NotAPictureError) as refusal:
        seen(tmp_path, data)
    return str(refusal.value)


WHOLE: dict[str, tuple[Callable[[], bytes], str]] = {
    "png": (lambda: encoded(picture(), "PNG"), "image/png"),
    "png 16 bit": (lambda: encoded(picture("I;16"), "PNG"), "image/png"),
    "png palette": (lambda: encoded(picture("P"), "PNG"), "image/png"),
    "png alpha": (lambda: encoded(picture("RGBA"), "PNG"), "image/png"),
    "jpeg": (lambda: encoded(picture(), "JPEG"), "image/jpeg"),
    "jpeg progressive": (lambda: encoded(picture(), "JPEG", progressive=True), "image/jpeg"),
    "jpeg cmyk": (lambda: encoded(picture("CMYK"), "JPEG"), "image/jpeg"),
    "webp lossy": (lambda: encoded(picture(), "WEBP"), "image/webp"),
    "webp lossless": (lambda: encoded(picture(), "WEBP", lossless=True), "image/webp"),
    "webp alpha": (lambda: encoded(Image.new("RGBA", SIZE, (9, 9, 9, 9)), "WEBP"), "image/webp"),
    "gif": (lambda: encoded(picture(), "GIF"), "image/gif"),
    "avif": (lambda: encoded(picture(), "AVIF"), "image/avif"),
    "heic": (heic, "image/heic"),
    "tiff": (lambda: encoded(picture(), "TIFF"), "image/tiff"),
    "tiff packed": (lambda: encoded(picture(), "TIFF", compression="tiff_lzw"), "image/tiff"),
    "bmp": (lambda: encoded(picture(), "BMP"), "image/bmp"),
    "svg": (lambda: SVG, "image/svg+xml"),
    "mp4": (movie, "video/mp4"),
    "mp4 of other brands": (lambda: movie(b"XYZ "), "video/mp4"),
    "mov": (lambda: movie(b"qt  "), "video/quicktime"),
    "webm": (webm, "video/webm"),
}
ANIMATED = {
    "png": lambda: animated("PNG"),
    "webp": lambda: animated("WEBP"),
    "gif": lambda: animated("GIF"),
    "avif": lambda: animated("AVIF"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_file_is_named_and_measured_from_its_bytes(tmp_path: Path, name: str) -> None:
    make, media_type = WHOLE[name]
    data = make()

    found = seen(tmp_path, data)

    assert found.format.media_type == media_type
    assert (found.width, found.height) == ((None, None) if media_type == "video/webm" else SIZE)
    assert found.bytes == len(data)
    assert not found.animated


@pytest.mark.parametrize("name", ANIMATED)
def test_an_animation_is_called_animated(tmp_path: Path, name: str) -> None:
    found = seen(tmp_path, ANIMATED[name]())

    assert found.format.name == name
    assert found.animated
    assert (found.width, found.height) == SIZE


@pytest.mark.parametrize("name", [*WHOLE, *(f"animated {kind}" for kind in ANIMATED)])
@pytest.mark.parametrize("share", [0.6, 0.75, 0.97])
def test_a_file_that_was_cut_is_refused(tmp_path: Path, name: str, share: float) -> None:
    kind = name.removeprefix("animated ")
    data = WHOLE[name][0]() if name in WHOLE else ANIMATED[kind]()

    assert reason(tmp_path, data[: int(len(data) * share)]) in ("it is cut short", "its data is damaged")


@pytest.mark.parametrize("name", [name for name in WHOLE if name not in ("svg", "mp4 of other brands")])
def test_no_cut_anywhere_makes_anything_but_a_refusal(tmp_path: Path, name: str) -> None:
    data = WHOLE[name][0]()

    for end in range(0, len(data) - 16, 7):
        reason(tmp_path, data[:end])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize(
    ("orientation", "size"), [(1, (40, 24)), (3, (40, 24)), (6, (24, 40)), (8, (24, 40))]
)
def test_dimensions_are_those_displayed(
    tmp_path: Path, kind: str, orientation: int, size: tuple[int, int]
) -> None:
    found = seen(tmp_path, encoded(picture(), kind, exif=turned(orientation)))

    assert (found.width, found.height) == size


def test_a_nonsensical_exif_block_does_not_break_a_picture(tmp_path: Path) -> None:
    found = seen(tmp_path, encoded(picture(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"))

    assert (found.width, found.height) == SIZE


def directory(*entries: tuple[int, int, int, int], following: int = 0) -> bytes:
    """A TIFF directory: tag, type, number of values, value or offset."""
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return struct.pack("<H", len(entries)) + packed + struct.pack("<I", following)


def greedy(inner: int | None = None) -> bytes:
    """A small block whose values, each of them allowed, claim 4,000 times its length together."""
    claims = [(tag, 7, 40_000, 8) for tag in range(1000, 5000)]
    if inner is None:
        return b"II*\0\x08\0\0\0" + directory(*claims) + bytes(100)
    return b"II*\0\x08\0\0\0" + directory((inner, 4, 1, 26)) + directory(*claims) + bytes(100)


@pytest.mark.parametrize("block", [greedy(), greedy(0x8769), greedy(0x8825)])
def test_metadata_that_would_fill_the_memory_is_refused(tmp_path: Path, block: bytes) -> None:
    segment = b"\xff\xe1" + (len(block) + 8).to_bytes(2, "big") + b"Exif\0\0"
    jpeg = encoded(picture(), "JPEG")

    assert reason(tmp_path, jpeg[:2] + segment + block + jpeg[2:]) == "its data is damaged"
    assert reason(tmp_path, block) == "its data is damaged"


def test_a_tiff_of_far_too_many_tags_is_refused(tmp_path: Path) -> None:
    grey = {256: 8, 257: 8, 258: 8, 262: 1, 273: 8, 278: 8, 279: 64}
    tags = [(tag, 3, 1, value) for tag, value in grey.items()]
    more = [(tag, 1, 1, 0) for tag in range(1000, 2000)]

    assert seen(tmp_path, hostile.tiff(tags + more[len(tags) :], bytes(64))).width == 8
    assert reason(tmp_path, hostile.tiff(tags + more, bytes(64))) == "its data is damaged"


def test_a_jpeg_of_far_too_many_scans_is_refused(tmp_path: Path) -> None:
    assert seen(tmp_path, hostile.jpeg_of_scans(8, 99)).passes == 100
    assert reason(tmp_path, hostile.jpeg_of_scans(8, 100)) == "it has more than 100 scans"


def test_metadata_in_several_segments_is_judged_as_a_whole(tmp_path: Path) -> None:
    jpeg, exif = encoded(picture(), "JPEG"), turned(6).tobytes()
    parts = b"".join(
        b"\xff\xe1" + (len(part) + 8).to_bytes(2, "big") + b"Exif\0\0" + part
        for part in (exif[6:20], exif[20:])
    )

    assert seen(tmp_path, jpeg[:2] + parts + jpeg[2:]).width == 24


def test_a_tiff_of_endless_pages_is_refused(tmp_path: Path) -> None:
    endless = b"II*\0\x08\0\0\0" + directory((256, 3, 1, 40), following=8)

    assert reason(tmp_path, endless) == "it has more than 1000 pages"


def test_a_flipped_bit_in_a_png_is_found(tmp_path: Path) -> None:
    data = bytearray(encoded(picture(), "PNG"))
    data[len(data) // 2] ^= 1

    assert reason(tmp_path, bytes(data)) == "its data is damaged"


def test_a_gif_without_a_frame_is_damaged(tmp_path: Path) -> None:
    assert reason(tmp_path, b"GIF89a" + bytes([40, 0, 24, 0, 0, 0, 0]) + b";") == "its data is damaged"


def test_a_bitmap_of_os2_is_measured(tmp_path: Path) -> None:
    head = struct.pack("<2sIHHIIHHHH", b"BM", 26 + 4 * 24 * 30, 0, 0, 26, 12, *SIZE, 1, 24)
    found = seen(tmp_path, head + bytes(4 * 24 * 30))
    assert (found.width, found.height) == SIZE


def test_what_follows_a_whole_picture_does_not_matter(tmp_path: Path) -> None:
    for kind in ("PNG", "JPEG", "WEBP", "GIF"):
        assert seen(tmp_path, encoded(picture(), kind) + b"trailing\0").format.name == kind.lower()


def bomb(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"
    body = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


def test_a_decompression_bomb_is_refused_by_what_it_claims(tmp_path: Path) -> None:
    assert reason(tmp_path, bomb(60_000, 60_000)) == "it claims 60000×60000 pixels"
    assert reason(tmp_path, bomb(0, 7)) == "it claims 0×7 pixels"
    assert seen(tmp_path, bomb(MAX_PIXELS // 1000, 1000)).height == 1000


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "it is empty"),
        (b"<!DOCTYPE html><html><body><svg></svg></body></html>", "it is HTML"),
        (b"\n<!-- 502 -->\n<html>", "it is HTML"),
        (b'{"error": {"message": "no"}}', "it is JSON"),
        (b"[]", "it is JSON"),
        (b"Not found", "it is text"),
        (b"BMW makes cars", "it is text"),
        (b"%PDF-1.7\n", "it is a PDF document"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "it is XML, not a picture"),
        (b"<!-- no end", "it is XML, not a picture"),
        (b"\x7fELF\x02\x01\x01\0", "its format is not known here"),
        (box(b"ftyp", b"M4A ", bytes(4), b"isommp42"), "its format is not known here"),
        (b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0", "its format is not known here"),
    ],
)
def test_what_is_no_picture_is_called_what_it_is(tmp_path: Path, data: bytes, expected: str) -> None:
    assert sniff(data) is None
    assert reason(tmp_path, data) == expected


@pytest.mark.parametrize(
    "prologue",
    [
        b"\xef\xbb\xbf",
        b'<?xml version="1.0" encoding="UTF-8"?>\n',
        b"<!-- made by <svg> hand -->\n\n<!-- twice -->",
        b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">',
        b'<?xml version="1.0"?>\n<!DOCTYPE svg>\n<?xml-stylesheet href="a.css"?>\n',
    ],
)
def test_svg_is_recognised_behind_what_may_stand_before_it(tmp_path: Path, prologue: bytes) -> None:
    found = seen(tmp_path, prologue + SVG)

    assert (found.format.kind, found.width, found.height) == ("vector", *SIZE)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_svg_is_recognised_in_other_encodings(tmp_path: Path, encoding: str) -> None:
    found = seen(tmp_path, SVG.decode().encode(encoding))

    assert (found.width, found.height) == SIZE


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ('width="40px" height="24.0"', (40, 24)),
        ('width="39.2" height="24"', (40, 24)),
        ('viewBox="0 0 40 24"', (40, 24)),
        ('viewBox="-5,-5,40,24" width="100%" height="100%"', (40, 24)),
        ('width="40mm" height="24mm"', (None, None)),
        ('width="40"', (None, None)),
        ('width="0" height="24"', (None, None)),
        ("", (None, None)),
    ],
)
def test_an_svg_is_measured_where_it_gives_plain_numbers(
    tmp_path: Path, attributes: str, size: tuple[int | None, int | None]
) -> None:
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}><path d=""/></svg>'

    found = seen(tmp_path, svg.encode())

    assert (found.width, found.height) == size


def test_an_svg_with_entities_is_kept_but_neither_expanded_nor_measured(tmp_path: Path) -> None:
    lines = [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 30)]
    laughs = f'<!DOCTYPE svg [<!ENTITY a0 "ha">{"".join(lines)}]>'
    svg = f'{laughs}<svg xmlns="http://www.w3.org/2000/svg" width="40" height="24">&a29;</svg>'

    assert seen(tmp_path, svg.encode()).width is None
    assert reason(tmp_path, svg.encode()[:-9]) == "it is cut short"


def test_an_svg_that_is_not_well_formed_is_refused(tmp_path: Path) -> None:
    assert reason(tmp_path, SVG.replace(b"/>", b">")) == "it is not well-formed XML"


def test_a_movie_tells_its_length_and_its_size_as_displayed(tmp_path: Path) -> None:
    found = seen(tmp_path, movie())

    assert found.seconds == 2.5
    assert seen(tmp_path, movie(turn=True)).width == 24


def test_a_movie_without_its_index_is_cut_short(tmp_path: Path) -> None:
    start = box(b"ftyp", b"isom", bytes(4)) + box(b"mdat", b"frames")

    assert reason(tmp_path, start) == "it is cut short"


def test_a_movie_without_its_frames_is_cut_short(tmp_path: Path) -> None:
    whole = movie()

    assert reason(tmp_path, whole[: whole.index(b"mdat") - 4]) == "it is cut short"


def test_a_box_that_is_shorter_than_its_own_head_is_damage(tmp_path: Path) -> None:
    tiny = b"\0\0\0\4free"

    assert reason(tmp_path, movie() + tiny) == "its data is damaged"
    assert reason(tmp_path, movie()[:24] + box(b"moov", tiny) + box(b"mdat", b"x")) == "its data is damaged"


def test_a_webm_of_unknown_length_ends_with_the_file(tmp_path: Path) -> None:
    live = webm().replace(b"\x18\x53\x80\x67\x88", b"\x18\x53\x80\x67\x01" + b"\xff" * 7)

    assert seen(tmp_path, live).format.name == "webm"


def test_avif_is_told_from_mp4_by_its_brand() -> None:
    assert sniff(box(b"ftyp", b"mif1", bytes(4), b"isomavif")) == sniff(encoded(picture(), "AVIF"))


def test_an_open_file_is_inspected_and_left_at_its_beginning() -> None:
    file = io.BytesIO(encoded(picture(), "GIF"))
    file.seek(5)

    assert inspect(file).format.extension == "gif"
    assert (file.tell(), file.closed) == (0, False)
