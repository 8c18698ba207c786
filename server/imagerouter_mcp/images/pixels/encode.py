"""Encode a source image as a file that ImageRouter accepts: small enough, in a format providers know."""

import math
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import BinaryIO

from PIL import Image, JpegImagePlugin
from PIL.ImageFile import ImageFile
from PIL.PngImagePlugin import PngImageFile, PngInfo

from imagerouter_mcp.images.confined import TooLargeError, file_size, scratch_file
from imagerouter_mcp.images.inspect import formats
from imagerouter_mcp.images.inspect.binary import holds_text, number
from imagerouter_mcp.images.inspect.exif import Exif, xmp_has_location
from imagerouter_mcp.images.inspect.formats import Format
from imagerouter_mcp.images.inspect.inspection import Inspection
from imagerouter_mcp.images.inspect.opening import block, stored_exif
from imagerouter_mcp.images.inspect.tiff import ORIENTATION
from imagerouter_mcp.images.pixels.arithmetic import fitted
from imagerouter_mcp.images.pixels.colour_profiles import colours_only
from imagerouter_mcp.images.pixels.decode import (
    has_transparency,
    is_deep,
    loaded,
    one_at_a_time,
    plain,
    upright,
)
from imagerouter_mcp.images.pixels.scale import in_bands, scaled

MAX_BYTES = 25 * 2**20
"""Size of the largest file that the service accepts."""
MAX_SIDE = 8192
"""Pixels; no model behind the service benefits from more."""

_HIGH_QUALITY = 95
_QUALITIES = (92, 85)
"""Tried in this order before a picture is scaled down to save bytes."""
_HALVED_CHROMA = 2
"""Pillow's number for 4:2:0 subsampling; pictures that have it keep it, others keep full colour."""
_SLOW_PIXELS = 1 << 24
"""Above this, a PNG takes seconds to compress, so its size is first estimated from some of its rows."""
_STRIPS, _STRIP_SHARE = 8, 128
"""Number of strips in an estimate, and what fraction of the picture each one is."""
_HOPELESS = 1.5
"""A PNG estimated at this many times the limit is not tried."""
_SAFE_SHARE = 0.95
"""Share of the side lengths that would just fit, because smaller pictures take more bytes per pixel."""
_SPACES = {"L": b"GRAY", "LA": b"GRAY", "1": b"GRAY", "P": b"RGB ", "RGB": b"RGB ", "RGBA": b"RGB "}
_SCAN = b"\xff\xda"
"""Start of a JPEG's compressed pixels."""
_NO_MEMORY = ("encoding error 1", "encoding error 2")
"""libwebp's out-of-memory errors (VP8_ENC_ERROR_OUT_OF_MEMORY and …_BITSTREAM_OUT_OF_MEMORY)."""
_COLOUR_CHUNKS = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"cICP": 4}
"""PNG chunks that define colours, with their lengths (PNG, third edition, section 11.3)."""


@dataclass(frozen=True)
class Encoded:
    """A re-encoded picture.

    Attributes:
        file: An unnamed temporary file, at its beginning; the caller closes it.
        format: PNG, JPEG or WebP.
        width: In pixels as displayed.
        height: In pixels as displayed.
        before: Width and height before any scaling.
        exif: Orientation and location from the file's metadata.
        turned: Whether the pixels were turned upright.
        deep: Whether it came with more than 8 bits per channel.
        cmyk: Whether it came in CMYK.
        reduced: Whether it lost pixels or quality to fit.
    """

    file: BinaryIO
    format: Format
    width: int
    height: int
    before: tuple[int, int]
    exif: Exif
    turned: bool = False
    deep: bool = False
    cmyk: bool = False
    reduced: bool = False


@one_at_a_time
def encode(
    file: BinaryIO,
    seen: Inspection,
    becomes: Format,
    *,
    turn: bool = False,
    lossless: bool = False,
    max_bytes: int = MAX_BYTES,
) -> Encoded:
    """Decode a picture and encode only its pixels and colours.

    PNG keeps its exact pixels. JPEG keeps its quantisation tables and, unless `turn`, its stored orientation.
    Everything else is changed as far as sending requires: 8-bit grey or RGB, upright, small enough.

    Args:
        file: The picture, open for reading.
        seen: From `inspect`.
        becomes: The format to encode to, if the result fits.
        turn: Whether to turn even a JPEG upright, which costs some quality.
        lossless: Whether to encode WebP losslessly.
        max_bytes: The largest file that fits.

    Raises:
        NotAPictureError: It does not decode.
        TooLargeError: It would take too much memory.
    """
    encoding = partial(_encoded, file, seen, becomes, turn=turn, lossless=lossless, max_bytes=max_bytes)
    with suppress(MemoryError):
        return encoding(MAX_SIDE)
    if seen.format is formats.JPEG:
        with suppress(MemoryError):
            return encoding(max(seen.size) // 2)
    raise TooLargeError


def _encoded(
    file: BinaryIO,
    seen: Inspection,
    becomes: Format,
    longest: int,
    *,
    turn: bool,
    lossless: bool,
    max_bytes: int,
) -> Encoded:
    came_as = seen.format
    size = seen.size
    picture = loaded(file, came_as.name, longest)
    exif = _metadata(picture, file)
    whole = max(size) == max(picture.size) <= MAX_SIDE
    if came_as is formats.JPEG and whole and not (turn and exif.orientation > 1):
        kept = _kept_jpeg(picture, exif.orientation, max_bytes)
        if kept:
            return Encoded(kept, came_as, *size, before=size, exif=exif)
    deep, cmyk = is_deep(picture, file), picture.mode == "CMYK"
    halved = JpegImagePlugin.get_sampling(picture) == _HALVED_CHROMA
    profile = block(picture, "icc_profile")
    image = plain(picture, deep=deep)
    del picture
    if came_as is not formats.TIFF:  # Pillow turns a TIFF when it decodes it
        image = upright(image, exif.orientation)
    encoder = _Encoder(
        colours_for(profile, image.mode),
        colour_chunks(file) if came_as is formats.PNG else PngInfo(),
        subsampling=_HALVED_CHROMA if halved else 0,
        lossless=lossless,
        max_bytes=max_bytes,
    )
    # A large JPEG is decoded smaller; and `inspect` measures a HEIC before it is cropped.
    before = size if came_as is formats.JPEG else image.size
    made, kind, image, reduced = encoder.fit(image, becomes)
    reduced = reduced or max(image.size) < max(before)
    reduced = reduced or (becomes is not formats.PNG and seen.bytes > max_bytes)
    turned = exif.orientation > 1
    return Encoded(made, kind, *image.size, before, exif, turned, deep, cmyk, reduced)


def _metadata(picture: ImageFile, file: BinaryIO) -> Exif:
    """Read the orientation and location of a decoded picture, the location from XMP too."""
    exif = stored_exif(picture, file)
    texts = [block(picture, "xmp")]
    if isinstance(picture, PngImageFile):
        texts = [str(text).encode() for text in picture.text.values()]
    return replace(exif, location=exif.location or any(map(xmp_has_location, texts)))


def colours_for(profile: bytes, mode: str) -> bytes:
    """Reduce a profile to its colours; return nothing if it is for another colour space than the mode's."""
    return colours_only(profile) if profile[16:20] == _SPACES.get(mode) else b""


def colour_chunks(file: BinaryIO) -> PngInfo:
    """Collect the chunks before a PNG's pixels that define its colours."""
    found = PngInfo()
    file.seek(8)
    while (head := file.read(8)) and head[4:] != b"IDAT":
        length, kind = number(head), head[4:]
        if _COLOUR_CHUNKS.get(kind) == length:
            found.add(kind, file.read(length))
            length = 0
        file.seek(length + 4, os.SEEK_CUR)
    return found


def _kept_jpeg(picture: ImageFile, orientation: int, max_bytes: int) -> BinaryIO | None:
    """Encode a JPEG with its own tables and no metadata but its orientation; None if it does not fit."""
    if picture.mode not in ("L", "RGB"):
        return None
    profile = colours_for(block(picture, "icc_profile"), picture.mode)
    exif = Image.Exif()
    if orientation > 1:
        exif[ORIENTATION] = orientation
    file = saved(
        picture,
        "JPEG",
        qtables="keep",
        # Sampling that Pillow has no number for, such as 4:1:1, becomes full colour.
        subsampling=max(0, JpegImagePlugin.get_sampling(picture)),
        keep_rgb=picture.info.get("adobe_transform") == 0,
        icc_profile=profile or None,
        exif=exif if orientation > 1 else b"",
        comment=b"",
    )
    if file_size(file) <= max_bytes:
        sent = file.read()
        # Text hidden in place of compressed pixels would come out unchanged.
        if not holds_text(sent[sent.rindex(_SCAN) :]):
            file.seek(0)
            return file
    file.close()
    return None


@dataclass(frozen=True)
class _Encoder:
    profile: bytes
    chunks: PngInfo
    subsampling: int
    lossless: bool
    max_bytes: int

    def fit(self, image: Image.Image, becomes: Format) -> tuple[BinaryIO, Format, Image.Image, bool]:
        """Encode as wanted if that fits, else as ever smaller JPEG, or PNG if it has transparency.

        Returns:
            The file, its format, the encoded picture, and whether it was reduced.
        """
        target = fitted(image.size, MAX_SIDE)
        scale = 1.0
        if image.size == target:
            size = _estimated(image) if becomes is formats.PNG else 0
            if size < _HOPELESS * self.max_bytes:
                file = self._save(image, becomes, _HIGH_QUALITY, lossless=self.lossless)
                if (size := file_size(file)) <= self.max_bytes:
                    return file, becomes, image, False
                file.close()
            # PNGs of the same picture take about as many bytes per pixel.
            scale = _SAFE_SHARE * math.sqrt(self.max_bytes / size) if becomes is formats.PNG else 1.0
        kind = formats.PNG if has_transparency(image) else formats.JPEG
        if kind is formats.PNG:
            target = fitted(target, round(max(target) * scale))
        # There would be no room for a copy of the largest pictures.
        if image.size != target or image.mode != _scalable_mode(image, kind):
            convert = partial(_scalable, kind=kind)
            try:
                image = in_bands(image, target, convert)
            except MemoryError:
                image = in_bands(image, fitted(target, max(target) // 2), convert)
        qualities = list(_QUALITIES if kind is formats.JPEG else _QUALITIES[-1:])
        while True:
            file = self._save(image, kind, qualities[0])
            if (size := file_size(file)) <= self.max_bytes:
                return file, kind, image, True
            file.close()
            if len(qualities) > 1:
                qualities.pop(0)
            else:
                scale = min(0.9, _SAFE_SHARE * math.sqrt(self.max_bytes / size))
                size = int(image.width * scale) or 1, int(image.height * scale) or 1
                image = scaled(image, size)

    def _save(self, image: Image.Image, kind: Format, quality: int, *, lossless: bool = False) -> BinaryIO:
        profile = self.profile or None
        if kind is formats.PNG:
            return saved(image, "PNG", icc_profile=profile, pnginfo=self.chunks)
        image = _scalable(image, kind)
        if kind is formats.JPEG:
            return saved(image, "JPEG", quality=quality, subsampling=self.subsampling, icc_profile=profile)
        return saved(
            image, "WEBP", quality=quality, method=2, lossless=lossless, exact=lossless, icc_profile=profile
        )


def _estimated(image: Image.Image) -> int:
    """Estimate the size of a large picture as PNG, in bytes; return 0 if it compresses quickly anyway."""
    width, height = image.size
    rows = height // _STRIP_SHARE
    if width * height <= _SLOW_PIXELS or not rows:
        return 0
    total = 0
    for strip in range(_STRIPS):
        top = height * strip // _STRIPS
        with saved(image.crop((0, top, width, top + rows)), "PNG") as file:
            total += file_size(file)
    return total * height // (rows * _STRIPS)


def saved(image: Image.Image, kind: str, **options: object) -> BinaryIO:
    """Save a picture to an unnamed temporary file, returned at its beginning; the caller closes it."""
    file = scratch_file()
    try:
        image.save(file, kind, **options)
    except BaseException as error:
        file.close()
        if str(error) in _NO_MEMORY:
            raise MemoryError from None
        raise
    file.seek(0)
    return file


def _scalable(image: Image.Image, kind: Format) -> Image.Image:
    """Convert to L, RGB, LA or RGBA, without an alpha channel for JPEG."""
    mode = _scalable_mode(image, kind)
    if image.mode == mode:
        return image
    image = image.convert(mode)
    image.info.clear()
    return image


def _scalable_mode(image: Image.Image, kind: Format) -> str:
    if kind is formats.JPEG:
        return "L" if image.mode in ("1", "L", "LA") else "RGB"
    if kind is formats.WEBP or image.mode == "P":
        return "RGBA" if image.has_transparency_data else "RGB"
    return "L" if image.mode == "1" else image.mode
