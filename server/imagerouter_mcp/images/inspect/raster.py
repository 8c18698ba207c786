"""Measure PNG, JPEG, GIF, WebP, BMP and TIFF files, and find out whether they are whole.

Each function walks through the structure of its format, and takes the dimensions of a PNG, BMP or TIFF from
Pillow, which opens them without decoding. Each raises `NotAPictureError` for a file that is cut short,
damaged or a bomb.
"""

import os
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, cast

from imagerouter_mcp.images.inspect.binary import (
    CUT_SHORT,
    DAMAGED,
    Measured,
    NotAPictureError,
    as_displayed,
    exactly,
    little,
    number,
    stream,
)
from imagerouter_mcp.images.inspect.exif import Exif, count_pages, read_exif

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile
    from PIL.TiffImagePlugin import TiffImageFile

_MAX_EXIF = 1 << 20
"""Bytes of a WebP's EXIF block that are read."""


def _opened(file: BinaryIO, format_name: str) -> "ImageFile":
    from imagerouter_mcp.images.inspect.opening import opened  # noqa: PLC0415 - loads Pillow

    return opened(file, format_name)


def measure_png(file: BinaryIO) -> Measured:
    """Measure a PNG and compare each chunk with its checksum, which finds any cut and any flipped bit."""
    file.seek(8)
    kind, pixels = b"", False
    while kind != b"IEND":
        head = exactly(file, 8)
        kind = head[4:]
        checksum = zlib.crc32(kind)
        for piece in stream(file, number(head)):
            checksum = zlib.crc32(piece, checksum)
        if number(exactly(file, 4)) != checksum:
            raise NotAPictureError(DAMAGED)
        pixels = pixels or kind == b"IDAT"
    if not pixels:
        raise NotAPictureError(DAMAGED)
    picture = _opened(file, "png")
    exif = picture.info.get("exif")
    orientation = read_exif(exif).orientation if isinstance(exif, bytes) else 1
    animated = bool(getattr(picture, "is_animated", False))
    return as_displayed(*picture.size, orientation=orientation, animated=animated)


_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""SOF0 to SOF15 without DHT, JPG and DAC, which share the range (ITU-T T.81, table B.1)."""
_JPEG_SCAN, _JPEG_END, _JPEG_APP1 = 0xDA, 0xD9, 0xE1
_JPEG_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a length: TEM, RST0 to RST7, SOI."""


def measure_jpeg(file: BinaryIO) -> Measured:
    """Walk the segments to the first scan, then look for the end marker behind it.

    Within a scan a zero or a restart marker follows each 0xFF, so an end marker is a real one.
    """
    file.seek(2)
    size: tuple[int, int] | None = None
    exif = b""
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
            exif += segment[6:]  # as Pillow joins several
    if size is None:
        raise NotAPictureError(DAMAGED)
    _find_jpeg_end(file)
    return as_displayed(*size, orientation=read_exif(exif).orientation)


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
    """Walk the blocks to the trailer."""
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
    return as_displayed(little(screen, 0, 2), little(screen, 2, 2), animated=frames > 1)


def _skip_gif_palette(file: BinaryIO, flags: int) -> None:
    if flags & 0x80:
        exactly(file, 3 << (flags & 7) + 1)


_WEBP_FIRST = 30
"""Bytes from the start that hold the dimensions in all three layouts."""


def measure_webp(file: BinaryIO) -> Measured:
    """Compare the size that the RIFF header states with the file's, and walk the chunks."""
    file.seek(0)
    width, height = _webp_size(exactly(file, _WEBP_FIRST))
    exif, pictures, frames = Exif(), 0, 0
    for kind, length in webp_chunks(file):
        pictures += kind in (b"VP8 ", b"VP8L")
        frames += kind == b"ANMF"
        if kind == b"EXIF":
            exif = read_exif(exactly(file, min(length, _MAX_EXIF)))
    if not pictures and not frames:
        raise NotAPictureError(DAMAGED)
    return as_displayed(width, height, orientation=exif.orientation, animated=frames > 1)


def webp_chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yield kind and length of each chunk of a WebP, with the file at the chunk's data."""
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
    """Compare the size that the header states with the file's."""
    file.seek(0)
    head = exactly(file, 14)
    if file.seek(0, os.SEEK_END) < max(little(head, 2), little(head, 10) + 1):
        raise NotAPictureError(CUT_SHORT)
    return as_displayed(*_opened(file, "bmp").size)


_TIFF_PIECES = ((0x0111, 0x0117), (0x0144, 0x0145))
"""Offsets and lengths of strips, and of tiles."""


def measure_tiff(file: BinaryIO) -> Measured:
    """Measure the first picture, and check that its strips or tiles lie within the file."""
    read_exif(file)  # refuses what would fill the memory
    pages = count_pages(file)
    end = file.seek(0, os.SEEK_END)
    picture = cast("TiffImageFile", _opened(file, "tiff"))
    tags = picture.tag_v2
    for offsets, lengths in _TIFF_PIECES:
        for offset, length in zip(tags.get(offsets, ()), tags.get(lengths, ()), strict=False):
            if offset + length > end:
                raise NotAPictureError(CUT_SHORT)
    return as_displayed(*picture.size, animated=pages > 1)  # Pillow has turned the size
