"""Check that WebM files are complete; they consist of EBML elements (RFC 8794)."""

import os
from typing import BinaryIO

from imagerouter_mcp.images.inspect.binary import CUT_SHORT, DAMAGED, Measured, NotAPictureError, exactly

_SEGMENT = 0x18538067
"""The element that holds everything but the header."""
_MOST_BEFORE = 100
"""Maximum number of elements before the segment: the header and perhaps some padding."""


def measure_webm(file: BinaryIO) -> Measured:
    """Compare the sizes in the header and the segment with the file's; dimensions are not read.

    A segment of unknown size, as live recorders write, ends with the file.
    """
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    for _ in range(_MOST_BEFORE):
        kind, size = _vint(file, keep_marker=True)[0], _vint(file)
        if file.tell() + size[0] > end and not (kind == _SEGMENT and size[1]):
            raise NotAPictureError(CUT_SHORT)
        if kind == _SEGMENT:
            return Measured()
        file.seek(size[0], os.SEEK_CUR)
    raise NotAPictureError(DAMAGED)


def _vint(file: BinaryIO, *, keep_marker: bool = False) -> tuple[int, bool]:
    """Read a variable-length number; the second result is whether all bits are set, which means "unknown"."""
    first = exactly(file, 1)
    length = 9 - first[0].bit_length()
    if not first[0]:
        raise NotAPictureError(DAMAGED)
    bits = 7 * length
    whole = int.from_bytes(first + exactly(file, length - 1), "big")
    value = whole & ((1 << bits) - 1)
    return (whole if keep_marker else value), value == (1 << bits) - 1
