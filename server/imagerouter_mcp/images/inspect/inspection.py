"""Check that a file is one whole picture or video, and measure it."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from imagerouter_mcp.images.inspect import formats, isobmff, raster, svg, tiff, webm
from imagerouter_mcp.images.inspect.binary import Measured, NotAPictureError
from imagerouter_mcp.images.inspect.formats import HEAD_BYTES, Format, sniff, what_else

_MEASURES: dict[Format, Callable[[BinaryIO], Measured]] = {
    formats.PNG: raster.measure_png,
    formats.JPEG: raster.measure_jpeg,
    formats.WEBP: raster.measure_webp,
    formats.GIF: raster.measure_gif,
    formats.BMP: raster.measure_bmp,
    formats.ICO: raster.measure_ico,
    formats.TIFF: tiff.measure_tiff,
    formats.AVIF: isobmff.measure_heif,
    formats.HEIC: isobmff.measure_heif,
    formats.HEIF: isobmff.measure_heif,
    formats.SVG: svg.measure_svg,
    formats.MP4: isobmff.measure_movie,
    formats.MOV: isobmff.measure_movie,
    formats.WEBM: webm.measure_webm,
}


@dataclass(frozen=True)
class Inspection:
    """The measurements of a complete picture or video.

    Attributes:
        format: Its format.
        width: In pixels as displayed, after any rotation the file asks for; None if the file does not say
            (WebM, SVG without a size in pixels).
        height: As `width`.
        animated: Whether a picture has more than one frame or page.
        seconds: The length of an MP4 or MOV, else None.
        bytes: The size of the file.
        passes: How often a decoder goes over the pixels: the number of scans of a progressive JPEG.
    """

    format: Format
    width: int | None
    height: int | None
    animated: bool
    seconds: float | None
    bytes: int
    passes: int = 1

    @property
    def size(self) -> tuple[int, int]:
        """Width and height; 1 where the file does not say."""
        return self.width or 1, self.height or 1


def inspect(source: Path | BinaryIO) -> Inspection:
    """Recognise a file and check that it is complete.

    Each format's structure (checksums, end markers, box lengths) shows whether the file is complete. No pixel
    is decoded: that would take 64 MiB and a good part of a second for a 4096×4096 picture. So a file with a
    sound structure but garbage for compressed pixels passes.

    Args:
        source: A path, or an open, seekable file, which stays open and is left at its beginning.

    Raises:
        NotAPictureError: It is something else, truncated, damaged, or a decompression bomb (more than
            `MAX_PIXELS`).
        OSError: It cannot be read.
    """
    if isinstance(source, Path):
        with source.open("rb") as file:
            return _inspect(file)
    try:
        return _inspect(source)
    finally:
        source.seek(0)


def _inspect(file: BinaryIO) -> Inspection:
    file.seek(0)
    head = file.read(HEAD_BYTES)
    found = sniff(head)
    if found is None:
        raise NotAPictureError(what_else(head))
    measured = _MEASURES[found](file)
    size = file.seek(0, os.SEEK_END)
    return Inspection(found, **vars(measured), bytes=size)
