"""Read orientation and location from EXIF blocks and TIFF files, and nothing else."""

import io
import re
import struct
from dataclasses import dataclass
from typing import BinaryIO

from imagerouter_mcp.images.inspect.tiff import ORIENTATION, read_directory, read_header

_EXIF, _GPS, _INTEROPERABILITY = 0x8769, 0x8825, 0xA005
_COORDINATES = frozenset({0x0002, 0x0004})
"""Latitude and longitude in the GPS directory (CIPA DC-008, section 4.6.6). Phones with location turned off
still write that directory, with a version and a time."""
_XMP = re.compile(rb"GPS(?:Latitude|Longitude)")


@dataclass(frozen=True)
class Exif:
    """What a picture's EXIF data says.

    Attributes:
        orientation: 1 (upright) to 8.
        location: Whether it contains a latitude or a longitude.
    """

    orientation: int = 1
    location: bool = False


def read_exif(source: bytes | BinaryIO) -> Exif:
    """Read the first directory and the GPS directory; a broken block counts as empty.

    Args:
        source: A TIFF file, or an EXIF block with or without its `Exif` prefix.

    Raises:
        NotAPictureError: As `read_directory`.
    """
    file = io.BytesIO(source.removeprefix(b"Exif\0\0")) if isinstance(source, bytes) else source
    try:
        order, start, size = read_header(file)
        first = read_directory(file, order, start, size)
        inner = {
            tag: read_directory(file, order, first.number(tag), size).fields
            for tag in (_EXIF, _GPS, _INTEROPERABILITY)
            if tag in first.fields
        }
    except (KeyError, struct.error):
        return Exif()
    orientation = first.number(ORIENTATION, 1)
    location = not _COORDINATES.isdisjoint(inner.get(_GPS, ()))
    return Exif(orientation if orientation in range(1, 9) else 1, location)


def xmp_has_location(text: bytes) -> bool:
    """Return whether XMP contains a latitude or a longitude."""
    return bool(_XMP.search(text))
