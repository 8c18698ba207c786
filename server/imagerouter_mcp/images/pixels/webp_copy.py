"""Copy a WebP file without anything but the picture.

Re-encoding a lossy WebP would lose quality, and a large lossless one takes seconds and hundreds of MiB, so
the compressed pixels are copied byte for byte. Colour profiles are reduced to their colours. EXIF, XMP,
unknown chunks and anything after the end of the picture are dropped.
"""

from dataclasses import dataclass
from typing import BinaryIO

from imagerouter_mcp.images.inspect.binary import exactly, holds_text, stream
from imagerouter_mcp.images.inspect.exif import read_exif, xmp_has_location
from imagerouter_mcp.images.inspect.raster import webp_chunks
from imagerouter_mcp.images.pixels.colour_profiles import MAX_PROFILE_BYTES, colours_only

_MAX_METADATA = 1 << 20
"""Bytes of a metadata block to search for a location."""
_PIXELS = frozenset({b"ALPH", b"VP8 ", b"VP8L"})
_FLAGS, _VP8X = 20, 10
"""Offset of the flags in the VP8X chunk, which comes first, and the chunk's length."""
_ALPHA_FLAG, _PROFILE_FLAG = 0x10, 0x20
"""VP8X flags for a picture without metadata and frames (RFC 9649, section 2.7.1.1)."""


@dataclass
class Copied:
    """What was found while copying a WebP.

    Attributes:
        orientation: Its EXIF orientation, 1 to 8.
        location: Whether its metadata holds a latitude or a longitude.
        lossless: Whether its pixels are stored without loss.
        framed: Whether it consists of frames, which are not copied.
        text: Whether there is text among its compressed pixels.
    """

    orientation: int = 1
    location: bool = False
    lossless: bool = False
    framed: bool = False
    text: bool = False


def copy_webp(file: BinaryIO, into: BinaryIO) -> Copied:
    """Copy the picture in a WebP file.

    Args:
        file: A file that `inspect` accepted.
        into: The file to write to; must be seekable.

    Raises:
        NotAPictureError: It is cut short or damaged.
    """
    copied = Copied()
    into.write(b"RIFF\0\0\0\0WEBP")
    flags: int | None = None
    seen: set[bytes] = set()
    for kind, length in webp_chunks(file):
        if kind == b"VP8X" and not seen:
            data = exactly(file, length)[:_VP8X].ljust(_VP8X, b"\0")
            flags = data[0] & _ALPHA_FLAG
            into.write(_chunk(kind, bytes(4) + data[4:]))
        elif kind == b"ICCP" and flags is not None and kind not in seen:
            profile = colours_only(exactly(file, min(length, MAX_PROFILE_BYTES)))
            if profile:
                flags |= _PROFILE_FLAG
                into.write(_chunk(kind, profile))
        elif kind in _PIXELS and kind not in seen:
            into.write(kind + length.to_bytes(4, "little"))
            for piece in stream(file, length):
                into.write(piece)
                copied.text = copied.text or holds_text(piece)
            copied.lossless = kind == b"VP8L"
            into.write(bytes(length % 2))
        else:
            _notice(copied, file, kind, length)
        seen.add(kind)
    size = into.tell()
    into.seek(4)
    into.write((size - 8).to_bytes(4, "little"))
    if flags is not None:
        into.seek(_FLAGS)
        into.write(bytes((flags,)))
    return copied


def _notice(copied: Copied, file: BinaryIO, kind: bytes, length: int) -> None:
    """Note what a dropped chunk says."""
    if kind == b"EXIF":
        exif = read_exif(exactly(file, min(length, _MAX_METADATA)))
        copied.orientation, copied.location = exif.orientation, copied.location or exif.location
    elif kind == b"XMP ":
        copied.location = copied.location or xmp_has_location(exactly(file, min(length, _MAX_METADATA)))
    elif kind == b"ANMF":
        copied.framed = True


def _chunk(kind: bytes, data: bytes) -> bytes:
    return kind + len(data).to_bytes(4, "little") + data + bytes(len(data) % 2)
