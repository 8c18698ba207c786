"""What there is to know of Pillow: which class reads a format, what it raises, how EXIF turns are undone.

This module loads Pillow when it is imported; others import it with the first picture.
"""

import struct
from collections.abc import Callable
from typing import BinaryIO

from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

OPENERS: dict[str, Callable[[BinaryIO], ImageFile]] = {
    "png": PngImageFile,
    "jpeg": JpegImageFile,
    "webp": WebPImageFile,
    "gif": GifImageFile,
    "avif": AvifImageFile,
    "tiff": TiffImageFile,
    "bmp": BmpImageFile,
}
"""By the names of `formats.Format`; `Image.open` would compare with a limit of its own, and warn."""
BROKEN = (
    OSError,
    SyntaxError,  # Pillow's word for a broken header
    ValueError,
    TypeError,
    EOFError,
    LookupError,
    RuntimeError,  # AVIF's decoder
    ArithmeticError,  # AVIF with a time scale of zero
    MemoryError,
    struct.error,
    Image.DecompressionBombError,
    Warning,  # an exception where the process turned Pillow's warnings into errors
)
"""What Pillow raises for files that are damaged, or of a kind that it does not know."""
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each EXIF orientation."""
