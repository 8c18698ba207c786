"""Copies of JPEG files without what does not belong to the picture: see `stripping`."""

import os
import re
from typing import BinaryIO

from imagerouter_mcp.images.findings import Findings
from imagerouter_mcp.images.profiles import colours_only
from imagerouter_mcp.images.reading import CUT_SHORT, DAMAGED, NotAPictureError, exactly, number

_PIECE = 1 << 18
"""Bytes read at once when a scan is copied."""
_SOI, _EOI, _SOS, _APP0, _APP1, _APP2, _APP14 = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xE2, 0xEE
_JPEG_KEPT = frozenset({*range(0xC0, 0xC8), *range(0xC9, 0xD0), 0xDA, 0xDB, 0xDC, 0xDD})
"""Frames, tables, scans, and numbers of lines; of the others, `_kept` says what is kept."""
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
"""Markers without a length: TEM, RST0 to RST7 (ITU-T T.81, table B.1)."""
_SCAN_END = re.compile(rb"\xff[^\0\xd0-\xd7\xff]")
"""The next marker in a scan: behind 0xFF neither a stuffed zero nor a restart nor a fill byte."""
_JFIF_WITHOUT_THUMBNAIL = 12
"""Bytes of a JFIF header before the two that give its thumbnail's size, which follows them."""
_ADOBE = 12
"""Bytes of what Adobe's segment has."""
_ICC, _ICC_HEAD = b"ICC_PROFILE\0", 14
"""What begins each part of a profile: this name, the part's number, how many there are."""
_ICC_ROOM = 65519
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
    profile: dict[int, bytes] = {}
    file.seek(2)
    into.write(bytes((0xFF, _SOI)))
    while (marker := _marker(file)) != _EOI:
        if marker in _STANDALONE:
            continue
        length = number(exactly(file, 2), size=2)
        if length < 2:  # noqa: PLR2004 - the length counts its own two bytes
            raise NotAPictureError(DAMAGED)
        data = exactly(file, length - 2)
        if marker not in _JPEG_KEPT:
            data = _kept(marker, data, found, profile)
            if not data:
                continue
        if marker in _FRAMES:
            found.cmyk = data[5:6] == bytes((_INKS,))
            found.progressive = marker in _PROGRESSIVE
        if marker in _JPEG_KEPT and profile:
            _write_profile(profile, into, inks=found.cmyk)
        into.write(_segment(marker, data))
        if marker == _SOS:
            _copy_scan(file, into, found)
    into.write(bytes((0xFF, _EOI)))
    return found


def _segment(marker: int, data: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(data) + 2).to_bytes(2, "big") + data


def _write_profile(parts: dict[int, bytes], into: BinaryIO, *, inks: bool) -> None:
    """Write the colours of a profile that has come, before the tables.

    A profile of inks waits for the frame that says so, and stays whole: such a picture is converted by it,
    and not sent.
    """
    profile = b"".join(parts[part] for part in sorted(parts))
    if not inks and profile[16:20] == b"CMYK":
        return
    parts.clear()
    profile = profile if inks else colours_only(profile)
    pieces = [profile[at : at + _ICC_ROOM] for at in range(0, len(profile), _ICC_ROOM)]
    numbered = enumerate(pieces, start=1)
    into.writelines(_segment(_APP2, _ICC + bytes((part, len(pieces))) + piece) for part, piece in numbered)


def _marker(file: BinaryIO) -> int:
    if exactly(file, 1) != b"\xff":
        raise NotAPictureError(DAMAGED)
    while (code := exactly(file, 1)) == b"\xff":  # fill bytes
        pass
    return code[0]


def _kept(marker: int, data: bytes, found: Findings, profile: dict[int, bytes]) -> bytes:
    """What of an application's segment or comment stays; nothing in most cases."""
    if marker == _APP1 and data.startswith(b"Exif\0"):
        found.read_exif(data)
    elif marker == _APP1:
        found.read_text(data)
    elif marker == _APP0 and data.startswith(b"JFIF\0"):
        return data[:_JFIF_WITHOUT_THUMBNAIL] + bytes(2)
    elif marker == _APP2 and data.startswith(_ICC) and len(data) > _ICC_HEAD:
        profile[data[len(_ICC)]] = data[_ICC_HEAD:]
    elif marker == _APP14 and data.startswith(b"Adobe"):  # says how the colours are stored
        return data[:_ADOBE]
    return b""


def _copy_scan(file: BinaryIO, into: BinaryIO, found: Findings) -> None:
    while piece := file.read(_PIECE):
        end = _SCAN_END.search(piece)
        # A marker may lie across two pieces, so a last 0xFF is read again with the next one.
        stop = end.start() if end else len(piece) - piece.endswith(b"\xff")
        into.write(piece[:stop])
        found.look_at(piece[:stop])
        file.seek(stop - len(piece), os.SEEK_CUR)
        if end:
            return
        if not stop:
            break
    raise NotAPictureError(CUT_SHORT)
