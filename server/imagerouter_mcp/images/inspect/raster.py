"""Measure PNG, JPEG, GIF, WebP, BMP and ICO files, and check that they are complete.

Each function walks through its format's structure, and raises `NotAPictureError` for a file that is
truncated, damaged, or a bomb with more pixels, parts or passes than any honest one.
"""

import math
import os
import re
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from imagerouter_mcp.images.inspect.binary import (
    CUT_SHORT,
    DAMAGED,
    Measured,
    NotAPictureError,
    as_displayed,
    counted,
    exactly,
    little,
    number,
    stream,
)
from imagerouter_mcp.images.inspect.exif import Exif, read_exif

_PIECE = 64 << 10
"""Bytes of a JPEG scan to search at a time."""
_MAX_EXIF = 1 << 20
"""Bytes of a WebP's EXIF block to read."""


def measure_png(file: BinaryIO) -> Measured:
    """Measure a PNG and verify each chunk's checksum, which reveals truncation and flipped bits."""
    header = frames = exif = b""
    pixels = False
    for index, (kind, data) in enumerate(counted(_png_chunks(file))):
        if (kind == b"IHDR") != (index == 0):
            raise NotAPictureError(DAMAGED)
        match kind:
            case b"IHDR":
                header = data
            case b"IDAT":
                pixels = True
            case b"acTL" if not pixels:
                frames = data
            case b"eXIf":
                exif = data
            case _:
                pass
    if not pixels:
        raise NotAPictureError(DAMAGED)
    animated = bool(frames) and number(frames) > 1
    orientation = read_exif(exif).orientation
    return as_displayed(number(header), number(header, 4), orientation=orientation, animated=animated)


def _png_chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Yield each chunk's kind and the first MiB of its data, up to the end chunk."""
    file.seek(8)
    kind = b""
    while kind != b"IEND":
        head = exactly(file, 8)
        kind, first = head[4:], b""
        checksum = zlib.crc32(kind)
        for piece in stream(file, number(head)):
            first = first or piece
            checksum = zlib.crc32(piece, checksum)
        if number(exactly(file, 4)) != checksum:
            raise NotAPictureError(DAMAGED)
        yield kind, first


_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""SOF0 to SOF15 without DHT, JPG and DAC, which share the range (ITU-T T.81, table B.1)."""
_JPEG_SCAN, _JPEG_END, _JPEG_APP1 = 0xDA, 0xD9, 0xE1
_JPEG_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9), 0xFF})
"""What has no length: TEM, RST0 to RST7, SOI, and the fill bytes that may stand before any marker."""


_JPEG_MARKER = re.compile(rb"\xff[^\0\xd0-\xd7\xff]")
"""Ends a scan; within its pixels, a zero or a restart marker follows each 0xFF."""
_MOST_MARKERS = 10_000
"""Fill bytes included: Pillow reads them one by one."""
_MOST_SCANS = 100
"""Encoders use about ten. A decoder goes over all pixels for each one, however short it is."""


def measure_jpeg(file: BinaryIO) -> Measured:
    """Walk the segments and scans to the end marker."""
    file.seek(2)
    size: tuple[int, int] | None = None
    exif = b""
    scans = 0
    for marker in _jpeg_segments(file):
        length = number(exactly(file, 2), size=2)
        if length < 2:  # noqa: PLR2004 - the length counts its own two bytes
            raise NotAPictureError(DAMAGED)
        segment = exactly(file, length - 2)
        if marker in _JPEG_FRAMES:
            size = number(segment, 3, 2), number(segment, 1, 2)
        elif marker == _JPEG_APP1 and segment.startswith(b"Exif\0\0"):
            exif += segment[6:]  # Pillow joins several blocks too
        elif marker == _JPEG_SCAN:
            scans += 1
            _skip_scan(file)
        if scans > _MOST_SCANS:
            raise NotAPictureError(f"it has more than {_MOST_SCANS} scans")
    if size is None or not scans:
        raise NotAPictureError(DAMAGED)
    return as_displayed(*size, orientation=read_exif(exif).orientation, passes=scans)


def _jpeg_segments(file: BinaryIO) -> Iterator[int]:
    """Yield each marker of a segment up to the end marker, with the file positioned after it."""
    for marker in counted(_jpeg_markers(file), _MOST_MARKERS):
        if marker == _JPEG_END:
            return
        if marker not in _JPEG_STANDALONE:
            yield marker


def _jpeg_markers(file: BinaryIO) -> Iterator[int]:
    """Yield the second byte of each marker, and each fill byte."""
    while exactly(file, 1) == b"\xff":
        while (code := exactly(file, 1)) == b"\xff":
            yield 0xFF
        yield code[0]
    raise NotAPictureError(DAMAGED)


def _skip_scan(file: BinaryIO) -> None:
    """Move the file to the marker after a scan's pixels."""
    position, before = file.tell(), b""
    while piece := file.read(_PIECE):
        if found := _JPEG_MARKER.search(before + piece):
            file.seek(position - len(before) + found.start())
            return
        position += len(piece)
        before = piece[-1:]
    raise NotAPictureError(CUT_SHORT)


_MOST_BLOCKS = 1_000_000
"""Maximum number of blocks in a GIF; 200 MiB hold 822,000 of the usual 255 bytes."""


def measure_gif(file: BinaryIO) -> Measured:
    """Walk the blocks to the trailer. A larger first frame enlarges the screen, as in decoders."""
    file.seek(6)
    screen = exactly(file, 7)
    width, height = little(screen, 0, 2), little(screen, 2, 2)
    frames = 0
    _skip_gif_palette(file, screen[4])
    for frame in counted(_gif_blocks(file), _MOST_BLOCKS):
        if frame and not frames:
            width = max(width, little(frame, 0, 2) + little(frame, 4, 2))
            height = max(height, little(frame, 2, 2) + little(frame, 6, 2))
        frames += bool(frame)
    if not frames:
        raise NotAPictureError(DAMAGED)
    return as_displayed(width, height, animated=frames > 1)


def _gif_blocks(file: BinaryIO) -> Iterator[bytes]:
    """Yield each frame's header, and empty bytes for every other block and sub-block."""
    while (block := exactly(file, 1)) != b";":
        frame = b""
        if block == b",":
            frame = exactly(file, 9)
            _skip_gif_palette(file, frame[8])
        elif block != b"!":
            raise NotAPictureError(DAMAGED)
        exactly(file, 1)
        yield frame
        while length := exactly(file, 1)[0]:
            exactly(file, length)
            yield b""


def _skip_gif_palette(file: BinaryIO, flags: int) -> None:
    if flags & 0x80:
        exactly(file, 3 << (flags & 7) + 1)


_WEBP_FIRST = 30
"""Bytes at the start that contain the dimensions in all three layouts."""


def measure_webp(file: BinaryIO) -> Measured:
    """Compare the size in the RIFF header with the file's, and walk the chunks."""
    file.seek(0)
    width, height = _webp_size(exactly(file, _WEBP_FIRST))
    exif, pictures, frames = Exif(), 0, 0
    for kind, length in counted(webp_chunks(file)):
        pictures += kind in (b"VP8 ", b"VP8L")
        frames += kind == b"ANMF"
        if kind == b"EXIF":
            exif = read_exif(exactly(file, min(length, _MAX_EXIF)))
    if not pictures and not frames:
        raise NotAPictureError(DAMAGED)
    return as_displayed(width, height, orientation=exif.orientation, animated=frames > 1)


def webp_chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yield the kind and length of each chunk of a WebP, with the file positioned at its data."""
    file.seek(4)
    end = 8 + little(exactly(file, 4))
    if file.seek(0, os.SEEK_END) < end:
        raise NotAPictureError(CUT_SHORT)
    position = 12
    while position + 8 <= end:
        file.seek(position)
        head = exactly(file, 8)
        kind, length = head[:4], little(head, 4)
        position += 8 + length
        if position > end:
            raise NotAPictureError(DAMAGED)
        yield kind, length
        position += length % 2


def _webp_size(head: bytes) -> tuple[int, int]:
    """Return the canvas size (RFC 9649, sections 2.5 to 2.7)."""
    match head[12:16]:
        case b"VP8X":
            return little(head, 24, 3) + 1, little(head, 27, 3) + 1
        case b"VP8L" if head[20] == 0x2F:  # noqa: PLR2004 - the signature byte
            packed = little(head, 21)
            return (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
        case b"VP8 " if head[23:26] == b"\x9d\x01\x2a":
            return little(head, 26, 2) & 0x3FFF, little(head, 28, 2) & 0x3FFF
        case _:
            raise NotAPictureError(DAMAGED)


_BMP_OLD_HEADER = 12
"""Length of the OS/2 header, in which width and height take two bytes each."""


def measure_bmp(file: BinaryIO) -> Measured:
    """Compare the size in the header with the file's."""
    file.seek(0)
    head = exactly(file, 26)
    if file.seek(0, os.SEEK_END) < max(little(head, 2), little(head, 10) + 1):
        raise NotAPictureError(CUT_SHORT)
    if little(head, 14) == _BMP_OLD_HEADER:
        return as_displayed(little(head, 18, 2), little(head, 20, 2))
    height = int.from_bytes(head[22:26], "little", signed=True)  # negative: stored top to bottom
    return as_displayed(little(head, 18), abs(height))


_ICO_ENTRY = 16
_PNG_HEAD = b"\x89PNG\r\n\x1a\n"


def measure_ico(file: BinaryIO) -> Measured:
    """Check the directory against the pictures and the file size, and measure the largest picture."""
    end = file.seek(0, os.SEEK_END)
    file.seek(4)
    count = little(exactly(file, 2), size=2)
    entries = [exactly(file, _ICO_ENTRY) for _ in range(count)]
    sizes = [_ico_size(file, entry, end) for entry in entries]
    return as_displayed(*max(sizes, key=math.prod))


def _ico_size(file: BinaryIO, entry: bytes, end: int) -> tuple[int, int]:
    """Return a picture's size, on which its entry and its own header must agree; at most 256×256."""
    length, start = little(entry, 8), little(entry, 12)
    if not length or start + length > end:
        raise NotAPictureError(CUT_SHORT)
    stated = entry[0] or 256, entry[1] or 256
    file.seek(start)
    head = exactly(file, min(length, 24))
    if head.startswith(_PNG_HEAD):
        found = number(head, 16), number(head, 20)
    else:
        found = little(head, 4), little(head, 8) // 2  # the height includes the mask
    if found != stated:
        raise NotAPictureError(DAMAGED)
    return stated
