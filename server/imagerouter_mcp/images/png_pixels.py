"""A PNG's pixels unpacked piece by piece and thrown away, to know that all of them are there.

That finds what decoding would find, in a quarter of a MiB whatever the size of the picture.
"""

import zlib
from collections import deque
from collections.abc import Iterator

from imagerouter_mcp.images.reading import CUT_SHORT, DAMAGED, NotAPictureError, number

_PIECE = 1 << 18
_HEADER = 13
"""Bytes of IHDR (PNG, third edition, section 11.2.1)."""
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Of each colour type."""
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_LAST_FILTER = 4
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column and row, and steps between columns and rows, of each pass (section 8.1)."""


class PixelCheck:
    """Unpacks what the IDAT chunks hold.

    Args:
        header: The content of IHDR.

    Raises:
        NotAPictureError: The header is not one.
    """

    def __init__(self, header: bytes) -> None:
        if len(header) != _HEADER:
            raise NotAPictureError(DAMAGED)
        depth, colour, *methods, interlaced = header[8:]
        if depth not in _DEPTHS.get(colour, ()) or any(methods) or interlaced > 1:
            raise NotAPictureError(DAMAGED)
        size = number(header), number(header, 4)
        self._passes = deque(_passes(*size, depth * _CHANNELS[colour], interlaced=bool(interlaced)))
        self._done = 0
        """Bytes of the present pass that have come."""
        self._unpacker = zlib.decompressobj()
        self.surplus = False
        """Whether more came than the picture's rows."""

    def feed(self, data: bytes) -> None:
        """Unpack more.

        Raises:
            NotAPictureError: It does not unpack, or is not rows of a picture.
        """
        try:
            while not self._unpacker.eof:
                rows = self._unpacker.decompress(data, _PIECE)
                data = self._unpacker.unconsumed_tail
                rows = self._check(rows)
                self.surplus = self.surplus or bool(rows)
                if not data:
                    break
            self.surplus = (
                self.surplus or bool(self._unpacker.unused_data) or (self._unpacker.eof and bool(data))
            )
        except zlib.error:
            raise NotAPictureError(DAMAGED) from None

    def finish(self) -> None:
        """Say that no more comes.

        Raises:
            NotAPictureError: Rows are missing.
        """
        if self._passes:
            raise NotAPictureError(CUT_SHORT)

    def _check(self, rows: bytes) -> bytes:
        """Each row begins with its filter, 0 to 4; gives what comes behind the last of them."""
        while rows and self._passes:
            stride, size = self._passes[0]
            part, rows = rows[: size - self._done], rows[size - self._done :]
            if max(part[-self._done % stride :: stride], default=0) > _LAST_FILTER:
                raise NotAPictureError(DAMAGED)
            self._done += len(part)
            if self._done == size:
                self._passes.popleft()
                self._done = 0
        return rows


def _passes(width: int, height: int, bits: int, *, interlaced: bool) -> Iterator[tuple[int, int]]:
    """The bytes of a row and of all rows, for each pass over the picture."""
    for left, top, across, down in _ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, rows = -((left - width) // across), -((top - height) // down)
        if columns > 0 and rows > 0:
            stride = 1 + (columns * bits + 7) // 8
            yield stride, stride * rows
