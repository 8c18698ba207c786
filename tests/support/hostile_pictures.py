"""Small files that are expensive to decode, one for each way that is known."""

import base64
import io
import os
import struct
import zlib
from collections.abc import Iterable
from typing import BinaryIO

from PIL import Image

SVG_HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def packed_png(side: int, *before: bytes, colour: int = 2, rows: int | None = None) -> bytes:
    """Return a PNG of one colour, a thousand times smaller than its pixels."""
    channels = {2: 3, 3: 1, 6: 4}[colour]
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(bytes(1 + side * channels)) for _ in range(rows or side)) + packer.flush()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(before) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def packed_text(mebibytes: int) -> bytes:
    """Return a chunk of text that unpacks to so much."""
    return chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(mebibytes << 20), 9))


def segment(marker: int, data: bytes) -> bytes:
    """Return a segment of a JPEG."""
    return bytes((0xFF, marker)) + (len(data) + 2).to_bytes(2, "big") + data


def jpeg_of_scans(side: int, scans: int, between: bytes = b"") -> bytes:
    """Return a progressive JPEG that goes over its pixels again and again."""
    quantities = segment(0xDB, b"\0" + b"\1" * 64)
    frame = segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + b"\1\x11\0")
    # One code of one bit, for a run of blocks without coefficients.
    tables = b"".join(segment(0xC4, bytes((kind, 1)) + bytes(15) + b"\0") for kind in (0x00, 0x10))
    first = segment(0xDA, b"\1\1\0\0\0\0") + bytes(8)
    more = segment(0xDA, b"\1\1\0\1\x3f\0") + bytes(26)
    return b"\xff\xd8" + quantities + frame + tables + first + (between + more) * scans + b"\xff\xd9"


def jpeg_of_fill_bytes(count: int) -> bytes:
    """Return a JPEG with so many of the bytes that may stand before a marker."""
    return b"\xff\xd8" + b"\xff" * count + saved(Image.new("RGB", (8, 8)), "JPEG")[2:]


def tiff(entries: Iterable[tuple[int, int, int, int]], data: bytes = b"") -> bytes:
    """Return a TIFF of one directory, by tag, type, count and value, with data from byte 8 on."""
    rows = [struct.pack("<HHII", *entry) for entry in sorted(entries)]
    start = 8 + len(data) + len(data) % 2
    head = struct.pack("<2sHI", b"II", 42, start) + data.ljust(start - 8, b"\0")
    return head + struct.pack("<H", len(rows)) + b"".join(rows) + bytes(4)


def tiff_of_tiles(side: int, tile: int, compression: int = 8) -> bytes:
    """Return a TIFF of one tile that is as large as its tag says."""
    data = zlib.compress(bytes(1000))
    tags = {
        256: side,
        257: side,
        258: 8,
        259: compression,
        262: 1,
        277: 1,
        322: tile,
        323: tile,
        325: len(data),
    }
    return tiff([(tag, 4, 1, value) for tag, value in (tags | {324: 8}).items()], data)


def tiff_of_one_strip(side: int) -> bytes:
    """Return a TIFF in grey of one packed strip with all its pixels."""
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(bytes(side)) for _ in range(side)) + packer.flush()
    tags = {256: side, 257: side, 258: 8, 259: 8, 262: 1, 273: 8, 277: 1, 278: side, 279: len(data)}
    return tiff([(tag, 4, 1, value) for tag, value in tags.items()], data)


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    """Encode a picture."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def svg(content: str, attributes: str = 'viewBox="0 0 1000 1000"') -> bytes:
    """Return a drawing."""
    return f"{SVG_HEAD}{attributes}>{content}</svg>".encode()


def svg_of_filters(count: int) -> bytes:
    """Return a drawing that blurs the whole picture again and again."""
    blur = '<feGaussianBlur stdDeviation="300"/><feTurbulence numOctaves="50" baseFrequency="0.9"/>' * count
    region = 'id="f" x="-9" y="-9" width="99" height="99"'
    return svg(f'<filter {region}>{blur}</filter><rect width="999" height="999" filter="url(#f)"/>')


def svg_of_uses(depth: int) -> bytes:
    """Return a drawing in which each group uses the one before ten times."""
    groups = "".join(
        f'<g id="g{number}">' + f'<use xlink:href="#g{number - 1}"/>' * 10 + "</g>"
        for number in range(1, depth)
    )
    first = '<g id="g0"><rect width="9" height="9"/></g>'
    return svg(f'<defs>{first}{groups}</defs><use xlink:href="#g{depth - 1}"/>')


def svg_of_patterns(count: int) -> bytes:
    """Return a drawing whose patterns are huge pictures of their own."""
    patterns = "".join(
        f'<pattern id="p{number}" width="1" height="1" patternTransform="scale(40)">'
        f'<rect width="9999" height="9999" fill="{f"url(#p{number - 1})" if number else "red"}"/></pattern>'
        for number in range(count)
    )
    return svg(f'{patterns}<rect width="1000" height="1000" fill="url(#p{count - 1})"/>')


def svg_of_layers(count: int) -> bytes:
    """Return a drawing of nested half-transparent groups, each a layer of its own."""
    return svg('<g opacity="0.9">' * count + '<rect width="999" height="999"/>' + "</g>" * count)


def gif_of_blocks(count: int) -> bytes:
    """Return a GIF with a comment in pieces of one byte."""
    return saved(Image.new("P", (1, 1)), "GIF")[:-1] + b"!\xfe" + b"\1x" * count + b"\0;"


def gif_beyond_its_screen(side: int) -> bytes:
    """Return a GIF whose frame is larger than its screen of one pixel."""
    data = bytearray(saved(Image.new("P", (1, 1)), "GIF"))
    frame = data.rindex(b",") + 5
    data[frame : frame + 4] = struct.pack("<HH", side, side)
    return bytes(data)


def avif_of_a_larger_picture(side: int) -> bytes:
    """Return an AVIF that says of itself to be 64 pixels wide and high."""
    data = saved(Image.new("L", (side, side)), "AVIF", speed=10)
    true, told = (b"ispe" + struct.pack(">III", 0, length, length) for length in (side, 64))
    return data.replace(true, told)


def svg_of_pictures(count: int, side: int) -> bytes:
    """Return a drawing that embeds a packed picture again and again."""
    data = base64.b64encode(packed_png(side)).decode()
    return svg(f'<image width="999" height="999" href="data:image/png;base64,{data}"/>' * count)


def environment(file: BinaryIO) -> tuple[None, dict[str, str]]:
    """Return the environment of the process that works on a picture."""
    assert file.read()
    return None, dict(os.environ)


def tiff_of_strips(count: int) -> bytes:
    """Return a TIFF that lists so many strips."""
    tags = {256: 8, 257: count, 258: 8, 259: 1, 262: 1, 277: 1, 278: 1}
    lists = [(273, 4, count, 8), (279, 4, count, 8)]
    return tiff([*((tag, 4, 1, value) for tag, value in tags.items()), *lists], bytes(4 * count))
