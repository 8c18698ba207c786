"""Copy a WebP file without what does not belong to the picture.

Encoding a lossy WebP again would lose quality, and a large lossless one takes seconds and hundreds of MiB, so
the compressed pixels are copied byte for byte. Colour profiles are reduced to their colours. EXIF, XMP,
chunks of unknown purpose and whatever follows the end of the picture are left behind.
"""

from dataclasses import dataclass
from typing import BinaryIO

from imagerouter_mcp.images.inspect.binary import exactly, holds_text, little, stream
from imagerouter_mcp.images.inspect.exif import read_exif, xmp_has_location
from imagerouter_mcp.images.pixels.colour_profiles import MAX_PROFILE_BYTES, colours_only

_MAX_METADATA = 1 << 20
"""Bytes of a block of metadata that are searched for a location."""
_PIXELS = frozenset({b"ALPH", b"VP8 ", b"VP8L"})
_VP8X = 10
_METADATA_FLAGS, _PROFILE_FLAG = 0x08 | 0x04, 0x20
"""EXIF and XMP, and a profile, in the first byte of VP8X (RFC 9649, section 2.7.1.1)."""


@dataclass
class Copied:
    """What was noticed while a WebP was copied.

    Attributes:
        orientation: Its EXIF orientation, 1 to 8.
        location: Whether its metadata holds a latitude or a longitude.
        lossless: Whether its pixels are stored without loss.
        framed: Whether it is made of frames, which are not copied.
        text: Whether text stands among its compressed pixels.
    """

    orientation: int = 1
    location: bool = False
    lossless: bool = False
    framed: bool = False
    text: bool = False


def copy_webp(file: BinaryIO, into: BinaryIO) -> Copied:
    """Copy the picture of a WebP.

    Args:
        file: A file that `inspect` found whole.
        into: Receives the copy; must be seekable.

    Raises:
        NotAPictureError: It is cut short or damaged.
    """
    copied = Copied()
    file.seek(0)
    end = 8 + little(exactly(file, 12), 4)
    into.write(b"RIFF\0\0\0\0WEBP")
    position, flags = 12, 0
    seen: set[bytes] = set()
    while position + 8 <= end:
        file.seek(position)
        start = exactly(file, 8)
        kind, length = start[:4], little(start, 4)
        position += 8 + length + length % 2
        if kind == b"VP8X" and not flags:
            data = exactly(file, length)[:_VP8X].ljust(_VP8X, b"\0")
            flags = into.tell() + 8
            plain = data[0] & ~_METADATA_FLAGS & ~_PROFILE_FLAG
            into.write(_chunk(kind, bytes((plain, 0, 0, 0)) + data[4:]))
        elif kind == b"ICCP" and flags and kind not in seen:
            profile = colours_only(exactly(file, min(length, MAX_PROFILE_BYTES)))
            if profile:
                into.write(_chunk(kind, profile))
                _add_flag(into, flags, _PROFILE_FLAG)
        elif kind in _PIXELS and kind not in seen:
            into.write(start)
            for piece in stream(file, length):
                into.write(piece)
                copied.text = copied.text or holds_text(piece)
            copied.lossless = kind == b"VP8L"
            into.write(bytes(length % 2))
        elif kind == b"EXIF":
            exif = read_exif(exactly(file, min(length, _MAX_METADATA)))
            copied.orientation, copied.location = exif.orientation, copied.location or exif.location
        elif kind == b"XMP ":
            text = exactly(file, min(length, _MAX_METADATA))
            copied.location = copied.location or xmp_has_location(text)
        elif kind == b"ANMF":
            copied.framed = True
        seen.add(kind)
    size = into.tell()
    into.seek(4)
    into.write((size - 8).to_bytes(4, "little"))
    into.seek(size)
    return copied


def _chunk(kind: bytes, data: bytes) -> bytes:
    return kind + len(data).to_bytes(4, "little") + data + bytes(len(data) % 2)


def _add_flag(into: BinaryIO, position: int, flag: int) -> None:
    end = into.tell()
    into.seek(position)
    flags = exactly(into, 1)[0]
    into.seek(position)
    into.write(bytes((flags | flag,)))
    into.seek(end)
