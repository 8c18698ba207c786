"""Open picture files with Pillow, without decoding them. Importing this module loads Pillow.

Pillow's own limit on pixels is off, because `inspect` and `cost` set limits of their own.
"""

import importlib
import struct
from collections.abc import Callable
from typing import BinaryIO, cast

from PIL import Image, PngImagePlugin, features
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.IcoImagePlugin import IcoImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from imagerouter_mcp.images.inspect.binary import DAMAGED, NotAPictureError
from imagerouter_mcp.images.inspect.exif import Exif, read_exif

Image.MAX_IMAGE_PIXELS = None
PngImagePlugin.MAX_TEXT_CHUNK = 16 << 20
"""Pillow rejects a PNG with a larger compressed text chunk, such as XMP; its default is 1 MiB."""

_OPENERS: dict[str, Callable[[BinaryIO], ImageFile]] = {
    "png": PngImageFile,
    "jpeg": JpegImageFile,
    "webp": WebPImageFile,
    "gif": GifImageFile,
    "avif": AvifImageFile,
    "tiff": TiffImageFile,
    "bmp": BmpImageFile,
    "ico": IcoImageFile,
}
"""Pillow's classes by `formats.Format.name`."""
BROKEN = (
    OSError,
    SyntaxError,  # Pillow raises it for a broken header
    ValueError,
    TypeError,
    EOFError,
    LookupError,
    RuntimeError,  # AVIF's decoder
    ArithmeticError,  # AVIF with a time scale of zero
    MemoryError,
    struct.error,
    Image.DecompressionBombError,
    Warning,  # where the process turns Pillow's warnings into errors
)
"""What Pillow raises for files that are damaged or of an unknown kind."""


def can_decode(format_name: str) -> bool:
    """Return whether Pillow or an installed plug-in decodes a format, named as in `formats.Format.name`."""
    return _opener(format_name) is not None


def opened(file: BinaryIO, format_name: str) -> ImageFile:
    """Open a picture without decoding it.

    Args:
        file: The picture, open for reading.
        format_name: As in `formats.Format.name`.

    Raises:
        NotAPictureError: Its header is damaged, or nothing here decodes its format.
    """
    opener = _opener(format_name)
    if opener is None:
        raise NotAPictureError(f"{format_name.upper()} cannot be decoded here")
    file.seek(0)
    try:
        return opener(file)
    except BROKEN:
        raise NotAPictureError(DAMAGED) from None


def block(picture: ImageFile, name: str) -> bytes:
    """Return a block of binary data from a file, such as `exif` or `icc_profile`, or nothing.

    A PNG text chunk may have the same name; it is ignored.
    """
    found: object = picture.info.get(name)
    return found if isinstance(found, bytes) else b""


def stored_exif(picture: ImageFile, file: BinaryIO) -> Exif:
    """Return a picture's EXIF data as stored; Pillow forgets a TIFF's orientation once it has turned it.

    Args:
        picture: Opened or decoded.
        file: The file it was opened from.
    """
    return read_exif(file if isinstance(picture, TiffImageFile) else block(picture, "exif"))


def _opener(format_name: str) -> Callable[[BinaryIO], ImageFile] | None:
    if format_name in ("avif", "webp") and not features.check(format_name):
        return None
    if format_name not in ("heic", "heif"):
        return _OPENERS.get(format_name)
    try:
        plug_in = importlib.import_module("pillow_heif")
    except ImportError:
        return None
    return cast("Callable[[BinaryIO], ImageFile]", plug_in.HeifImageFile)
