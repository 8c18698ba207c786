"""From pixels to a file that ImageRouter takes: right way up, small enough, in a type that it knows.

This module loads Pillow when it is imported; `preparing` imports it with the first picture that needs it.
"""

import math
import os
import tempfile
from dataclasses import dataclass
from typing import BinaryIO, cast

from PIL import Image, JpegImagePlugin
from PIL.ImageFile import ImageFile

from imagerouter_mcp.images import formats
from imagerouter_mcp.images.decoding import (
    ONE_AT_A_TIME,
    has_transparency,
    is_deep,
    loaded,
    plain,
    turn_and_place_of_tiff,
)
from imagerouter_mcp.images.findings import Findings
from imagerouter_mcp.images.formats import Format
from imagerouter_mcp.images.limits import MAX_BYTES, fitted
from imagerouter_mcp.images.pillow import TURNS
from imagerouter_mcp.images.profiles import colours_only
from imagerouter_mcp.images.tiff import exif_orientation

SIDEWAYS = range(5, 9)
"""The orientations that are shown with width and height exchanged."""

_HIGH_QUALITY = 95
_QUALITIES = (92, 85)
"""Tried in this order before a picture of the right size is scaled down for its bytes."""
_HALVED_CHROMA = 2
"""Pillow's number for 4:2:0; a picture that comes with it keeps it, others keep all their colour."""
_SAFE_SHARE = 0.95
"""Of the sides that would just fit, for smaller pictures have more bytes a pixel."""
_REDUCING_GAP = 2.0
_SPACES = {"L": b"GRAY", "LA": b"GRAY", "1": b"GRAY", "P": b"RGB ", "RGB": b"RGB ", "RGBA": b"RGB "}


@dataclass(frozen=True)
class Converted:
    """A picture encoded anew.

    Attributes:
        file: An unnamed temporary file, at its beginning.
        format: PNG, JPEG or WebP.
        width: In pixels.
        height: In pixels.
        before: Width and height before it was scaled down, if it was.
        turned: Whether it was stored another way up.
        deep: Whether it came with more than 8 bits a channel.
        cmyk: Whether it came in inks.
    """

    file: BinaryIO
    format: Format
    width: int
    height: int
    before: tuple[int, int]
    turned: bool
    deep: bool
    cmyk: bool


def convert(
    file: BinaryIO, came_as: Format, becomes: Format, size: tuple[int, int], found: Findings
) -> Converted:
    """Decode, turn, make 8-bit grey or RGB, scale down, encode.

    Args:
        file: The picture, open for reading.
        came_as: What it is.
        becomes: What it is encoded as, if that fits.
        size: Width and height as displayed.
        found: What is known of it; a location that only decoding brings to light is added.

    Raises:
        NotAPictureError: It does not decode.
        TooLargeError: It would take too much memory.
    """
    enough = fitted(size)
    if found.orientation in SIDEWAYS:
        enough = enough[1], enough[0]
    if came_as is formats.TIFF:
        found.orientation, found.location = turn_and_place_of_tiff(file)
    with ONE_AT_A_TIME:
        picture = loaded(file, came_as.name, enough, progressive=found.progressive)
        orientation, turned_already = _orientation(picture, came_as, found)
        deep = found.deep or is_deep(picture)
        cmyk = picture.mode == "CMYK"
        halved = came_as is formats.JPEG and JpegImagePlugin.get_sampling(picture) == _HALVED_CHROMA
        profile: bytes = picture.info.get("icc_profile") or b""
        image = plain(picture, deep=deep)
        del picture
        turn = TURNS.get(orientation)
        if turn is not None:
            image = image.transpose(turn)
        if profile[16:20] != _SPACES[image.mode]:
            profile = b""
        profile = colours_only(profile)
        # What `formats` reads from HEIC is the size before it is cropped.
        before = size if came_as is formats.JPEG else image.size
        # What did not fit as it came will not fit as the same type again.
        came_with = file.seek(0, os.SEEK_END)
        hopeless = came_with if came_as is becomes and not deep and came_with > MAX_BYTES else None
        encoded = _Encoder(profile, halved=halved).encode(image, becomes, hopeless)
    turned = turn is not None or turned_already
    return Converted(*encoded, before, turned=turned, deep=deep, cmyk=cmyk)


def _orientation(picture: ImageFile, came_as: Format, found: Findings) -> tuple[int, bool]:
    """How to turn the decoded picture, and whether its decoder has turned it."""
    if came_as in (formats.PNG, formats.JPEG, formats.WEBP):
        return found.orientation, False
    if came_as is formats.TIFF:
        return 1, found.orientation in TURNS
    block: bytes = picture.info.get("exif") or b""
    found.read_exif(block)
    return exif_orientation(block.removeprefix(b"Exif\0\0")), False


class _Encoder:
    def __init__(self, profile: bytes, *, halved: bool) -> None:
        self._profile = profile
        self._subsampling = _HALVED_CHROMA if halved else 0

    def encode(
        self, image: Image.Image, becomes: Format, hopeless: int | None
    ) -> tuple[BinaryIO, Format, int, int]:
        """Encode as wanted if that fits, else opaque pictures as JPEG and others as PNG, smaller and smaller.

        `hopeless` is the size of the file in bytes if encoding it as wanted again is of no use.
        """
        target = fitted(image.size)
        if image.size == target and hopeless is None:
            file = self._save(image, becomes, _HIGH_QUALITY)
            if _size(file) <= MAX_BYTES:
                return file, becomes, *image.size
            file.close()
        kind = formats.PNG if has_transparency(image) else formats.JPEG
        if kind is formats.PNG and hopeless:
            # PNGs of the same picture have about as many bytes a pixel.
            scale = min(1, _SAFE_SHARE * math.sqrt(MAX_BYTES / hopeless))
            target = fitted(target, round(max(image.size) * scale))
        image = _resized(_scalable(image, kind), target)
        qualities = list(_QUALITIES if kind is formats.JPEG else _QUALITIES[-1:])
        while True:
            file = self._save(image, kind, qualities[0])
            size = _size(file)
            if size <= MAX_BYTES:
                return file, kind, *image.size
            file.close()
            if len(qualities) > 1:
                qualities.pop(0)
            else:
                scale = min(0.9, _SAFE_SHARE * math.sqrt(MAX_BYTES / size))
                image = _resized(image, (int(image.width * scale) or 1, int(image.height * scale) or 1))

    def _save(self, image: Image.Image, kind: Format, quality: int) -> BinaryIO:
        file = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 - goes to the caller
        try:
            if kind is formats.PNG:
                image.save(file, "PNG", icc_profile=self._profile or None)
            elif kind is formats.JPEG:
                _scalable(image, kind).save(
                    file,
                    "JPEG",
                    quality=quality,
                    subsampling=self._subsampling,
                    icc_profile=self._profile or None,
                )
            else:
                _scalable(image, kind).save(
                    file, "WEBP", quality=quality, method=2, icc_profile=self._profile or None
                )
        except BaseException:
            file.close()
            raise
        return file


def _size(file: BinaryIO) -> int:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size


def _scalable(image: Image.Image, kind: Format) -> Image.Image:
    """As L, RGB, LA or RGBA; without an alpha channel for JPEG."""
    if kind is formats.JPEG:
        mode = "L" if image.mode in ("1", "L", "LA") else "RGB"
    elif kind is formats.WEBP or image.mode == "P":
        mode = "RGBA" if image.has_transparency_data else "RGB"
    else:
        mode = "L" if image.mode == "1" else image.mode
    if image.mode == mode:
        return image
    image = image.convert(mode)
    image.info.clear()
    return image


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    if image.size == size:
        return image
    # Pillow's annotation names a type of NumPy, which is not installed.
    return image.resize(  # pyright: ignore[reportUnknownMemberType]
        size, Image.Resampling.BICUBIC, reducing_gap=_REDUCING_GAP
    )
