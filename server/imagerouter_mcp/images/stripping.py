"""Copies of PNG, JPEG and WebP files without what does not belong to the picture.

What stays is byte-identical: the compressed pixels, what is needed to decode them, and colour profiles. EXIF,
XMP, IPTC, comments, thumbnails, further frames, chunks of unknown purpose and whatever follows the end of
the picture are left behind. Files are copied in small pieces, and no pixel is decoded.
"""

import os
import re
from dataclasses import dataclass
from typing import BinaryIO

from imagerouter_mcp.images.locations import exif_has_location, text_has_location
from imagerouter_mcp.images.png_pixels import PixelCheck
from imagerouter_mcp.images.reading import (
    CUT_SHORT,
    DAMAGED,
    NotAPictureError,
    exactly,
    little,
    number,
    stream,
)
from imagerouter_mcp.images.tiff import exif_orientation

_PIECE = 1 << 18
"""Bytes read at once when a JPEG's scan is copied."""
_MAX_METADATA = 1 << 20
"""Bytes of a block of metadata that are searched for a location."""


@dataclass
class Findings:
    """What was noticed while a file was copied.

    Attributes:
        orientation: The EXIF orientation that the file states, 1 to 8.
        location: Whether the metadata tells where the picture was taken.
        deep: More than 8 bits a channel.
        cmyk: Four inks instead of three colours.
        progressive: A JPEG that is decoded in several passes over a buffer for the whole picture.
        framed: A WebP made of frames, of which the copy holds none.
    """

    orientation: int = 1
    location: bool = False
    deep: bool = False
    cmyk: bool = False
    progressive: bool = False
    framed: bool = False

    def read_exif(self, block: bytes) -> None:
        """Take orientation and location from an EXIF block, with or without its `Exif` prefix."""
        block = block.removeprefix(b"Exif\0\0")
        self.orientation = exif_orientation(block)
        self.location = self.location or exif_has_location(block)

    def read_text(self, text: bytes) -> None:
        """Take the location from XMP."""
        self.location = self.location or text_has_location(text)


_PNG_KEPT = frozenset(
    {b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"sBIT", b"bKGD", b"pHYs"}
    | {b"IDAT", b"IEND"}
)
_PNG_LEFT = frozenset({b"eXIf", b"tEXt", b"zTXt", b"iTXt"})
"""Chunks that are looked into before they are left behind."""
_ANCILLARY = 0x20
"""Bit of a chunk's first letter: decoders that do not know the chunk may skip it."""
_MORE_THAN_8 = 16


def strip_png(file: BinaryIO, into: BinaryIO) -> Findings:
    """Copy a PNG, of an animation the first picture, and check on the way that its pixels unpack.

    Args:
        file: A file that `formats.inspect` found whole.
        into: Receives the copy.

    Raises:
        NotAPictureError: Its pixels do not unpack, or it has a part that a decoder must know and none does.
    """
    found = Findings()
    check: PixelCheck | None = None
    file.seek(0)
    into.write(exactly(file, 8))
    kind = b""
    while kind != b"IEND":
        start = exactly(file, 8)
        length, kind = number(start), start[4:]
        if kind == b"IHDR":
            if check:
                raise NotAPictureError(DAMAGED)
            header = exactly(file, length)
            check = PixelCheck(header)
            found.deep = header[8] == _MORE_THAN_8
            into.write(start + header + exactly(file, 4))
        elif kind in _PNG_KEPT:
            into.write(start)
            for piece in stream(file, length):
                into.write(piece)
                if kind == b"IDAT" and check:
                    check.feed(piece)
            into.write(exactly(file, 4))
        elif not kind[0] & _ANCILLARY:
            raise NotAPictureError("it has a part that is not known here")
        else:
            _leave_png_chunk(file, kind, length, found)
    if check is None:
        raise NotAPictureError(DAMAGED)
    check.finish()
    return found


def _leave_png_chunk(file: BinaryIO, kind: bytes, length: int, found: Findings) -> None:
    after = file.tell() + length + 4
    if kind in _PNG_LEFT and length <= _MAX_METADATA:
        data = exactly(file, length)
        (found.read_exif if kind == b"eXIf" else found.read_text)(data)
    file.seek(after)


_SOI, _EOI, _SOS, _APP0, _APP1, _APP2, _APP14 = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xE2, 0xEE
_JPEG_LEFT = frozenset({*range(0xE0, 0xF0), 0xFE})
"""APP0 to APP15 and COM; what of them is kept, `_kept` says."""
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
"""Markers without a length: TEM, RST0 to RST7 (ITU-T T.81, table B.1)."""
_SCAN_END = re.compile(rb"\xff[^\0\xd0-\xd7\xff]")
"""The next marker in a scan: behind 0xFF neither a stuffed zero nor a restart nor a fill byte."""
_JFIF_WITHOUT_THUMBNAIL = 12
"""Bytes of a JFIF header before the two that give its thumbnail's size, which follows them."""
_INKS = 4


def strip_jpeg(file: BinaryIO, into: BinaryIO) -> Findings:
    """Copy a JPEG up to its own end marker.

    Args:
        file: A file that `formats.inspect` found whole.
        into: Receives the copy.

    Raises:
        NotAPictureError: It is cut short or damaged.
    """
    found = Findings()
    file.seek(2)
    into.write(bytes((0xFF, _SOI)))
    while (marker := _marker(file)) != _EOI:
        if marker in _STANDALONE:
            continue
        length = number(exactly(file, 2), size=2)
        if length < 2:  # noqa: PLR2004 - the length counts its own two bytes
            raise NotAPictureError(DAMAGED)
        data = exactly(file, length - 2)
        if marker in _JPEG_LEFT:
            data = _kept(marker, data, found)
            if not data:
                continue
        elif marker in _FRAMES:
            found.cmyk = data[5:6] == bytes((_INKS,))
            found.progressive = marker in _PROGRESSIVE
        into.write(bytes((0xFF, marker)) + (len(data) + 2).to_bytes(2, "big") + data)
        if marker == _SOS:
            _copy_scan(file, into)
    into.write(bytes((0xFF, _EOI)))
    return found


def _marker(file: BinaryIO) -> int:
    if exactly(file, 1) != b"\xff":
        raise NotAPictureError(DAMAGED)
    while (code := exactly(file, 1)) == b"\xff":  # fill bytes
        pass
    return code[0]


def _kept(marker: int, data: bytes, found: Findings) -> bytes:
    """What of an application's segment or comment stays; nothing in most cases."""
    if marker == _APP1 and data.startswith(b"Exif\0"):
        found.read_exif(data)
    elif marker == _APP1:
        found.read_text(data)
    elif marker == _APP0 and data.startswith(b"JFIF\0"):
        return data[:_JFIF_WITHOUT_THUMBNAIL] + bytes(2)
    elif (marker == _APP2 and data.startswith(b"ICC_PROFILE\0")) or (
        marker == _APP14 and data.startswith(b"Adobe")  # says how the colours are stored
    ):
        return data
    return b""


def _copy_scan(file: BinaryIO, into: BinaryIO) -> None:
    while piece := file.read(_PIECE):
        end = _SCAN_END.search(piece)
        # A marker may lie across two pieces, so a last 0xFF is read again with the next one.
        stop = end.start() if end else len(piece) - piece.endswith(b"\xff")
        into.write(piece[:stop])
        file.seek(stop - len(piece), os.SEEK_CUR)
        if end:
            return
        if not stop:
            break
    raise NotAPictureError(CUT_SHORT)


_WEBP_KEPT = frozenset({b"VP8X", b"ICCP", b"ALPH", b"VP8 ", b"VP8L"})
_WEBP_METADATA_FLAGS = 0x08 | 0x04
"""EXIF and XMP in the first byte of VP8X (RFC 9649, section 2.7.1.1)."""


def strip_webp(file: BinaryIO, into: BinaryIO) -> Findings:
    """Copy a WebP's picture; of one made of frames, the copy is not to be used.

    Args:
        file: A file that `formats.inspect` found whole.
        into: Receives the copy; must be seekable.

    Raises:
        NotAPictureError: It is cut short or damaged.
    """
    found = Findings()
    file.seek(0)
    end = 8 + little(exactly(file, 12), 4)
    into.write(b"RIFF\0\0\0\0WEBP")
    position = 12
    while position + 8 <= end:
        file.seek(position)
        start = exactly(file, 8)
        kind, length = start[:4], little(start, 4)
        position += 8 + length + length % 2
        if kind == b"VP8X":
            data = bytearray(exactly(file, length))
            data[:1] = bytes((data[0] & ~_WEBP_METADATA_FLAGS,)) if data else b""
            into.write(start + data + bytes(length % 2))
        elif kind in _WEBP_KEPT:
            into.write(start)
            for piece in stream(file, length):
                into.write(piece)
            into.write(bytes(length % 2))
        elif kind == b"EXIF":
            found.read_exif(exactly(file, min(length, _MAX_METADATA)))
        elif kind == b"XMP ":
            found.read_text(exactly(file, min(length, _MAX_METADATA)))
        elif kind == b"ANMF":
            found.framed = True
    size = into.tell()
    into.seek(4)
    into.write((size - 8).to_bytes(4, "little"))
    into.seek(size)
    return found
