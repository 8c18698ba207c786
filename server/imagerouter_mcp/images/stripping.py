"""Copies of PNG and WebP files without what does not belong to the picture; JPEGs are `jpeg_stripping`'s.

What stays is byte-identical: the compressed pixels and what is needed to decode them. Colour profiles are
reduced to their colours. EXIF, XMP, IPTC, comments, thumbnails, further frames, chunks of unknown purpose or
length and whatever follows the end of the picture are left behind. Files are copied in small pieces, and no
pixel is decoded.
"""

import zlib
from typing import BinaryIO

from imagerouter_mcp.images.findings import MAX_METADATA, Findings
from imagerouter_mcp.images.png_pixels import PixelCheck
from imagerouter_mcp.images.profiles import MAX_PROFILE_BYTES, colours_only
from imagerouter_mcp.images.reading import DAMAGED, NotAPictureError, exactly, little, number, stream

_PNG_LENGTHS: dict[bytes, range | tuple[int, ...]] = {
    b"PLTE": range(3, 769, 3),
    b"tRNS": range(1, 257),
    b"gAMA": (4,),
    b"cHRM": (32,),
    b"sRGB": (1,),
    b"cICP": (4,),
    b"sBIT": range(1, 5),
    b"bKGD": (1, 2, 6),
    b"pHYs": (9,),
}
"""The chunks that are kept, once each, and how long they may be (PNG, third edition, section 11)."""
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
    file.seek(0)
    into.write(exactly(file, 8))
    kind, check = b"", None
    seen: set[bytes] = set()
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
        elif kind == b"IDAT" and check:
            into.write(start)
            for piece in stream(file, length):
                into.write(piece)
                check.feed(piece)
            into.write(exactly(file, 4))
        elif kind not in seen and length in _PNG_LENGTHS.get(kind, ()):
            into.write(start + exactly(file, length + 4))
        elif kind == b"iCCP" and kind not in seen and length <= MAX_METADATA:
            into.write(_png_profile(exactly(file, length + 4)[:-4]))
        elif kind != b"IEND" and not kind[0] & _ANCILLARY:
            raise NotAPictureError("it has a part that is not known here")
        else:
            _leave_png_chunk(file, kind, length, found)
        seen.add(kind)
    into.write(_png_chunk(b"IEND", b""))
    if check is None:
        raise NotAPictureError(DAMAGED)
    check.finish()
    found.surplus = check.surplus
    return found


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def _png_profile(data: bytes) -> bytes:
    """An iCCP chunk with the colours of another's profile, or nothing."""
    packed = data.partition(b"\0")[2][
        1:
    ]  # behind the profile's name, and the one way of packing that there is
    try:
        profile = colours_only(zlib.decompressobj().decompress(packed, MAX_PROFILE_BYTES))
    except zlib.error:
        return b""
    return _png_chunk(b"iCCP", b"icc\0\0" + zlib.compress(profile)) if profile else b""


def _leave_png_chunk(file: BinaryIO, kind: bytes, length: int, found: Findings) -> None:
    after = file.tell() + length + 4
    if kind in _PNG_LEFT and length <= MAX_METADATA:
        data = exactly(file, length)
        (found.read_exif if kind == b"eXIf" else found.read_text)(data)
    file.seek(after)


_WEBP_PIXELS = frozenset({b"ALPH", b"VP8 ", b"VP8L"})
_VP8X = 10
_WEBP_METADATA_FLAGS, _WEBP_PROFILE_FLAG = 0x08 | 0x04, 0x20
"""EXIF and XMP, and a profile, in the first byte of VP8X (RFC 9649, section 2.7.1.1)."""


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
            plain = data[0] & ~_WEBP_METADATA_FLAGS & ~_WEBP_PROFILE_FLAG
            into.write(_riff_chunk(kind, bytes((plain, 0, 0, 0)) + data[4:]))
        elif kind == b"ICCP" and flags and kind not in seen:
            profile = colours_only(exactly(file, min(length, MAX_PROFILE_BYTES)))
            if profile:
                into.write(_riff_chunk(kind, profile))
                _add_flag(into, flags, _WEBP_PROFILE_FLAG)
        elif kind in _WEBP_PIXELS and kind not in seen:
            into.write(start)
            for piece in stream(file, length):
                into.write(piece)
                found.look_at(piece)
            into.write(bytes(length % 2))
        elif kind == b"EXIF":
            found.read_exif(exactly(file, min(length, MAX_METADATA)))
        elif kind == b"XMP ":
            found.read_text(exactly(file, min(length, MAX_METADATA)))
        elif kind == b"ANMF":
            found.framed = True
        seen.add(kind)
    size = into.tell()
    into.seek(4)
    into.write((size - 8).to_bytes(4, "little"))
    into.seek(size)
    return found


def _riff_chunk(kind: bytes, data: bytes) -> bytes:
    return kind + len(data).to_bytes(4, "little") + data + bytes(len(data) % 2)


def _add_flag(into: BinaryIO, position: int, flag: int) -> None:
    end = into.tell()
    into.seek(position)
    flags = exactly(into, 1)[0]
    into.seek(position)
    into.write(bytes((flags | flag,)))
    into.seek(end)
