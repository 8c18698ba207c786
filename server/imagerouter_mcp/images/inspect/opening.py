"""Open picture files with Pillow, without decoding them. Importing this module loads Pillow.

Pillow's own limit against bombs is off: `inspect` and `cost` have limits that fit what is done here.
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

Image.MAX_IMAGE_PIXELS = None
PngImagePlugin.MAX_TEXT_CHUNK = 16 << 20
"""Pillow takes a PNG for broken if a packed text in it, such as XMP, is larger; its own limit is 1 MiB."""

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
"""By `formats.Format.name`."""
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
"""What Pillow raises for files that are damaged, or of a kind that it does not know."""


def can_decode(format_name: str) -> bool:
    """Whether Pillow, or an installed plug-in of it, decodes a format of `formats.Format.name`."""
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
    """Return a block of data that a file carries, such as `exif` or `icc_profile`, or nothing.

    A text in a PNG may have such a name too; it is no block.
    """
    found: object = picture.info.get(name)
    return found if isinstance(found, bytes) else b""


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
