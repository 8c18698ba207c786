"""From a picture file to its pixels: 8 bits a channel, grey or RGB, with or without transparency.

This module loads Pillow when it is imported; others import it when the first picture is decoded.

`Image.open` is not used: it would compare with Pillow's limit against bombs, which is global and warns. The
format is known from `formats.inspect`, and what decoding will take is reckoned before.
"""

import importlib
import io
import threading
from collections.abc import Callable
from typing import BinaryIO, cast

from PIL import Image, features
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from imagerouter_mcp.images.locations import PLACES
from imagerouter_mcp.images.pillow import BROKEN, OPENERS
from imagerouter_mcp.images.reading import DAMAGED, NotAPictureError

ONE_AT_A_TIME = threading.Lock()
"""Held while a picture is in memory as pixels: however many are prepared at once, one counts. Little time is
lost, for most of Pillow's decoders hold the interpreter's lock anyway."""

MAX_WORKING_BYTES = 768 << 20
"""Memory that converting one picture may take."""
_MAX_CHECKING_BYTES = 96 << 20
"""Memory that decoding for nothing but a check may take; a picture above it is judged by its structure."""
_MAX_PIXELS = 89_000_000
"""Above, Pillow warns of a bomb while it loads some formats (`Image.MAX_IMAGE_PIXELS`)."""
_BYTES_PER_PIXEL = {"webp": 20, "avif": 16, "heic": 16, "heif": 16}
"""Decoders that fill buffers of their own first; else 8: Pillow's four, and once more for a changed copy."""
_PROGRESSIVE = 6
"""Bytes a pixel that libjpeg holds of a progressive JPEG: coefficients of two bytes, without subsampling."""


_SIXTEEN_BITS = tuple(value >> 8 for value in range(1 << 16))
_EIGHT, _SIXTEEN = 0xFF, 0xFFFF
_BITS_PER_SAMPLE, _ORIENTATION, _GPS_DIRECTORY = 0x0102, 0x0112, 0x8825
"""TIFF's tags."""
_PLAIN = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})


class TooLargeError(Exception):
    """Decoding would take more memory than `MAX_WORKING_BYTES`."""


def can_decode(format_name: str) -> bool:
    """Whether Pillow, or an installed plug-in of it, decodes a format of `formats.Format.name`."""
    return _opener(format_name) is not None


def check(file: BinaryIO, format_name: str, pixels: int, *, progressive: bool = False) -> None:
    """Decode a JPEG (at an eighth) or a WebP, for nothing but to know that it can be.

    Args:
        file: The picture, open for reading.
        format_name: As in `formats.Format.name`.
        pixels: How many it has.
        progressive: Whether it is a progressive JPEG.

    Raises:
        NotAPictureError: It cannot.
    """
    if format_name == "jpeg":
        cost = pixels * (_PROGRESSIVE if progressive else 0)
    else:
        cost = pixels * _BYTES_PER_PIXEL.get(format_name, 8)
    if cost <= _MAX_CHECKING_BYTES:
        with ONE_AT_A_TIME:
            loaded(file, format_name, (1, 1))


def loaded(
    file: BinaryIO, format_name: str, wanted: tuple[int, int] | None = None, *, progressive: bool = False
) -> ImageFile:
    """Open and decode the first frame; the caller holds `ONE_AT_A_TIME`.

    Args:
        file: The picture, open for reading.
        format_name: As in `formats.Format.name`.
        wanted: A size that is enough; a JPEG is decoded at a half, a quarter or an eighth where that is no
            smaller. Others ignore it.
        progressive: Whether it is a progressive JPEG.

    Raises:
        NotAPictureError: It does not decode.
        TooLargeError: It would take too much memory.
    """
    opener = _opener(format_name)
    if opener is None:
        raise NotAPictureError(f"{format_name.upper()} cannot be decoded here")
    file.seek(0)
    try:
        picture = opener(file)
        whole = picture.width * picture.height
        if wanted and format_name == "jpeg":
            picture.draft(None, wanted)
        pixels = picture.width * picture.height
        cost = pixels * _BYTES_PER_PIXEL.get(format_name, 8) + progressive * _PROGRESSIVE * whole
        if pixels > _MAX_PIXELS or cost > MAX_WORKING_BYTES:
            raise TooLargeError
        picture.load()
    except BROKEN:
        raise NotAPictureError(DAMAGED) from None
    return picture


def turn_and_place_of_tiff(file: BinaryIO) -> tuple[int, bool]:
    """A TIFF's orientation, and whether it tells where it was taken; Pillow forgets both when it decodes.

    Raises:
        NotAPictureError: Its tags cannot be read.
    """
    file.seek(0)
    try:
        exif = TiffImageFile(file).getexif()
        return int(exif.get(_ORIENTATION) or 1), not PLACES.isdisjoint(exif.get_ifd(_GPS_DIRECTORY))
    except BROKEN:
        raise NotAPictureError(DAMAGED) from None


def is_deep(picture: ImageFile) -> bool:
    """Whether a decoded picture, other than a PNG in colour, has more than 8 bits a channel."""
    if isinstance(picture, TiffImageFile):
        bits = cast("tuple[int, ...]", picture.tag_v2.get(_BITS_PER_SAMPLE) or (8,))
        return max(bits) > 8  # noqa: PLR2004 - bits
    return picture.mode.startswith("I") or picture.mode == "F"


def plain(picture: Image.Image, *, deep: bool = False) -> Image.Image:
    """The picture as 1, L, LA, P, RGB or RGBA, without metadata but a palette's transparency.

    Args:
        picture: Decoded; its metadata is removed from it.
        deep: Whether it came with 16 bits a channel, and so its transparent colour too.

    Raises:
        NotAPictureError: It is in a colour space that has no way to RGB.
    """
    profile: bytes = picture.info.get("icc_profile") or b""
    transparent: object = picture.info.get("transparency")
    picture.info.clear()
    try:
        if picture.mode in ("CMYK", "YCCK"):
            return _from_inks(picture, profile)
        if picture.mode.startswith("I") or picture.mode == "F":
            picture = _from_deep(picture)
        elif picture.mode not in _PLAIN:
            picture = picture.convert("RGBA" if picture.mode in ("RGBa", "La", "PA") else "RGB")
    except (OSError, ValueError, MemoryError):
        raise NotAPictureError(f"its colours ({picture.mode}) cannot be converted") from None
    if transparent is not None and picture.mode in ("P", "L", "RGB"):
        picture.info["transparency"] = _shallow(transparent) if deep else transparent
        if picture.mode != "P":
            picture = picture.convert("LA" if picture.mode == "L" else "RGBA")
            picture.info.clear()
    return picture


def has_transparency(picture: Image.Image) -> bool:
    """Whether any pixel is transparent; an alpha channel of nothing but 255 does not count."""
    if not picture.has_transparency_data:
        return False
    alpha = (picture if picture.mode in ("LA", "RGBA") else picture.convert("RGBA")).getchannel("A")
    return alpha.getextrema() != (_EIGHT, _EIGHT)


def _shallow(transparent: object) -> object:
    if isinstance(transparent, int):
        return transparent >> 8
    if isinstance(transparent, tuple):
        return tuple(part >> 8 for part in cast("tuple[int, ...]", transparent))
    return transparent


def _opener(format_name: str) -> Callable[[BinaryIO], ImageFile] | None:
    if format_name in ("avif", "webp") and not features.check(format_name):
        return None
    if format_name not in ("heic", "heif"):
        return OPENERS.get(format_name)
    try:
        plug_in = importlib.import_module("pillow_heif")
    except ImportError:
        return None
    return cast("Callable[[BinaryIO], ImageFile]", plug_in.HeifImageFile)


def _from_deep(picture: Image.Image) -> Image.Image:
    """16 bits by their upper half; 32-bit and floating point values by what range they use."""
    if picture.mode.startswith("I;16"):
        return _mapped(picture.convert("I"))
    low, high = cast("tuple[float, float]", picture.getextrema())
    if picture.mode == "I" and low >= 0 and high <= _SIXTEEN:
        return _mapped(picture)
    if low >= 0 and high <= 1:
        low, high = 0, 1
    elif low >= 0 and high <= _EIGHT:
        low, high = 0, _EIGHT
    scale = _EIGHT / ((high - low) or 1)
    stretched = picture.convert("F").point(  # pyright: ignore[reportUnknownMemberType] - as in `_mapped`
        lambda value: value * scale - low * scale
    )
    return stretched.convert("L")


def _mapped(picture: Image.Image) -> Image.Image:
    # Pillow's annotation names a type of NumPy, which is not installed.
    return picture.point(_SIXTEEN_BITS, "L")  # pyright: ignore[reportUnknownMemberType]


def _from_inks(picture: Image.Image, profile: bytes) -> Image.Image:
    """Through the embedded profile, for inks differ; plainly where there is none or it is broken."""
    through = _through_profile(picture, profile) if profile[16:20] == b"CMYK" else None
    if through is None:
        return picture.convert("RGB")
    through.info.clear()
    return through


def _through_profile(picture: Image.Image, profile: bytes) -> Image.Image | None:
    try:
        from PIL import ImageCms  # noqa: PLC0415 - Pillow may have been built without Little CMS

        inks = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        # Pillow's annotation does not say what this returns.
        screen = cast("ImageCms.ImageCmsProfile", ImageCms.createProfile("sRGB"))  # pyright: ignore[reportUnknownMemberType]
    except (ImportError, OSError, ValueError, TypeError):
        return None
    try:
        return ImageCms.profileToProfile(picture, inks, screen, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
