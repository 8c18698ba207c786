"""Walks through PNG, JPEG, GIF, WebP and BMP files: whole or not, how large, animated or not.

None of them decodes a pixel. A 4096×4096 picture takes 64 MiB and a good part of a second to decode,
whereas each of these formats says by its structure where it ends.
"""

import os
import zlib
from typing import BinaryIO

from imagerouter_mcp.images.reading import (
    CUT_SHORT,
    DAMAGED,
    Measured,
    NotAPictureError,
    exactly,
    little,
    number,
    raster,
    stream,
)
from imagerouter_mcp.images.tiff import exif_orientation

_MAX_EXIF = 1 << 20
"""Bytes of an EXIF block that are looked at; JPEG allows 64 KiB, the others any length."""


def measure_png(file: BinaryIO) -> Measured:
    """Walk the chunks to IEND and check each one's CRC, which finds any cut and any flipped bit.

    Raises:
        NotAPictureError: It is cut short, damaged or a bomb.
    """
    file.seek(8)
    header = b""
    orientation, frames, has_pixels = 1, 1, False
    while True:
        start = exactly(file, 8)
        length, kind = number(start), start[4:]
        if not header and kind != b"IHDR":
            raise NotAPictureError(DAMAGED)
        keep = kind in (b"IHDR", b"acTL", b"eXIf") and length <= _MAX_EXIF
        data = _checked_chunk(file, kind, length, keep=keep)
        if kind == b"IHDR":
            header = data
            raster(number(header), number(header, 4))
        elif kind == b"acTL":
            frames = number(data)
        elif kind == b"eXIf":
            orientation = exif_orientation(data)
        elif kind == b"IDAT":
            has_pixels = True
        elif kind == b"IEND":
            break
    if not has_pixels:
        raise NotAPictureError(DAMAGED)
    return raster(number(header), number(header, 4), orientation=orientation, animated=frames > 1)


def _checked_chunk(file: BinaryIO, kind: bytes, length: int, *, keep: bool) -> bytes:
    crc = zlib.crc32(kind)
    kept = b""
    for piece in stream(file, length):
        crc = zlib.crc32(piece, crc)
        if keep:
            kept += piece
    if number(exactly(file, 4)) != crc:
        raise NotAPictureError(DAMAGED)
    return kept


_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""SOF0 to SOF15 without DHT, JPG and DAC, which share the range (ITU-T T.81, table B.1)."""
_JPEG_SCAN, _JPEG_END, _JPEG_APP1 = 0xDA, 0xD9, 0xE1
_JPEG_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a length: TEM, RST0 to RST7, SOI."""


def measure_jpeg(file: BinaryIO) -> Measured:
    """Walk the segments to the first scan, then look for the end marker behind it.

    Within a scan each 0xFF is followed by a zero or a restart marker, so an end marker is a real one.

    Raises:
        NotAPictureError: It is cut short, damaged or a bomb.
    """
    file.seek(2)
    size: tuple[int, int] | None = None
    orientation = 1
    while (marker := _jpeg_marker(file)) != _JPEG_SCAN:
        if marker in _JPEG_STANDALONE:
            continue
        length = number(exactly(file, 2), size=2)
        if marker == _JPEG_END or length < 2:  # noqa: PLR2004 - the length counts its own two bytes
            raise NotAPictureError(DAMAGED)
        segment = exactly(file, length - 2)
        if marker in _JPEG_FRAMES:
            size = number(segment, 3, 2), number(segment, 1, 2)
        elif marker == _JPEG_APP1 and segment.startswith(b"Exif\0\0"):
            orientation = exif_orientation(segment[6:])
    if size is None:
        raise NotAPictureError(DAMAGED)
    _find_jpeg_end(file)
    return raster(*size, orientation=orientation)


def _jpeg_marker(file: BinaryIO) -> int:
    if exactly(file, 1) != b"\xff":
        raise NotAPictureError(DAMAGED)
    while (code := exactly(file, 1)) == b"\xff":  # fill bytes
        pass
    return code[0]


def _find_jpeg_end(file: BinaryIO) -> None:
    before = b""
    while piece := file.read(1 << 20):
        if b"\xff\xd9" in before + piece:
            return
        before = piece[-1:]
    raise NotAPictureError(CUT_SHORT)


def measure_gif(file: BinaryIO) -> Measured:
    """Walk the blocks to the trailer.

    Raises:
        NotAPictureError: It is cut short, damaged or a bomb.
    """
    file.seek(6)
    screen = exactly(file, 7)
    _skip_gif_palette(file, screen[4])
    frames = 0
    while (block := exactly(file, 1)) != b";":
        if block == b"!":
            exactly(file, 1)
        elif block == b",":
            frames += 1
            _skip_gif_palette(file, exactly(file, 9)[8])
            exactly(file, 1)
        else:
            raise NotAPictureError(DAMAGED)
        while length := exactly(file, 1)[0]:
            exactly(file, length)
    if not frames:
        raise NotAPictureError(DAMAGED)
    return raster(little(screen, 0, 2), little(screen, 2, 2), animated=frames > 1)


def _skip_gif_palette(file: BinaryIO, flags: int) -> None:
    if flags & 0x80:
        exactly(file, 3 << (flags & 7) + 1)


_WEBP_FIRST = 30
"""Bytes from the start that hold the dimensions in all three layouts."""


def measure_webp(file: BinaryIO) -> Measured:
    """Compare the size that the RIFF header states with the file's, and walk the chunks.

    Raises:
        NotAPictureError: It is cut short, damaged or a bomb.
    """
    file.seek(0)
    end = 8 + little(exactly(file, 12), 4)
    if file.seek(0, os.SEEK_END) < end:
        raise NotAPictureError(CUT_SHORT)
    file.seek(0)
    width, height = _webp_size(exactly(file, _WEBP_FIRST))
    orientation, pictures, frames = 1, 0, 0
    position = 12
    while position + 8 <= end:
        file.seek(position)
        start = exactly(file, 8)
        kind, length = start[:4], little(start, 4)
        position += 8 + length
        if position > end:
            raise NotAPictureError(DAMAGED)
        pictures += kind in (b"VP8 ", b"VP8L")
        frames += kind == b"ANMF"
        if kind == b"EXIF":
            orientation = exif_orientation(exactly(file, min(length, _MAX_EXIF)).removeprefix(b"Exif\0\0"))
        position += length % 2
    if not pictures and not frames:
        raise NotAPictureError(DAMAGED)
    return raster(width, height, orientation=orientation, animated=frames > 1)


def _webp_size(head: bytes) -> tuple[int, int]:
    """Read the canvas (RFC 9649, sections 2.5 to 2.7)."""
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


def measure_bmp(file: BinaryIO) -> Measured:
    """Compare the size that the header states with the file's.

    Raises:
        NotAPictureError: It is cut short, damaged or a bomb.
    """
    file.seek(0)
    head = exactly(file, 26)
    if file.seek(0, os.SEEK_END) < max(little(head, 2), little(head, 10) + 1):
        raise NotAPictureError(CUT_SHORT)
    if little(head, 14) == 12:  # noqa: PLR2004 - the length of OS/2's header, with 16-bit dimensions
        return raster(little(head, 18, 2), little(head, 20, 2))
    height = int.from_bytes(head[22:26], "little", signed=True)  # negative: stored from the top down
    return raster(little(head, 18), abs(height))
