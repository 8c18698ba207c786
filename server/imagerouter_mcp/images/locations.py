"""Whether a picture's metadata tells where it was taken: asked before it goes, so that it can be said."""

import re
import struct

_GPS_DIRECTORY = 0x8825
PLACES = frozenset({0x0002, 0x0004})
"""Latitude and longitude in EXIF's GPS directory (CIPA DC-008, section 4.6.6); phones that were not to tell
the place still write the directory, with a version and a time."""
_XMP = re.compile(rb"GPS(?:Latitude|Longitude)")


def exif_has_location(block: bytes) -> bool:
    """Whether an EXIF block holds a latitude or a longitude; a broken block holds none.

    Args:
        block: The EXIF data from its TIFF header (`II*` or `MM*`) on.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        return False
    try:
        (first,) = struct.unpack_from(order + "I", block, 4)
        gps = _directory(block, order, first).get(_GPS_DIRECTORY)
        return gps is not None and not PLACES.isdisjoint(_directory(block, order, gps))
    except struct.error:
        return False


def text_has_location(text: bytes) -> bool:
    """Whether XMP holds a latitude or a longitude."""
    return bool(_XMP.search(text))


def _directory(block: bytes, order: str, offset: int) -> dict[int, int]:
    (count,) = struct.unpack_from(order + "H", block, offset)
    entries = (struct.unpack_from(order + "HHII", block, offset + 2 + 12 * index) for index in range(count))
    return {tag: value for tag, _, _, value in entries}
