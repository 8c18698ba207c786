"""Decode pictures to 8 bits per channel, after estimating how much memory that takes."""

import io
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import BinaryIO, ParamSpec, TypeVar, cast

from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from imagerouter_mcp.images.confined import TooLargeError
from imagerouter_mcp.images.inspect.binary import DAMAGED, NotAPictureError
from imagerouter_mcp.images.inspect.cost import MOST_BYTES, decoding_bytes
from imagerouter_mcp.images.inspect.exif import read_exif
from imagerouter_mcp.images.inspect.inspection import inspect
from imagerouter_mcp.images.inspect.opening import BROKEN, block, opened
from imagerouter_mcp.images.pixels.scale import in_bands

_WORKER = ThreadPoolExecutor(1, "pixels")

_SIXTEEN_BITS = tuple(value >> 8 for value in range(1 << 16))
_EIGHT, _SIXTEEN = 0xFF, 0xFFFF
_BITS_PER_SAMPLE = 0x0102
"""The TIFF tag."""
_PNG_DEPTH = 24
"""Offset of the bits per channel in a PNG."""
_PLAIN = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The transposition that undoes each EXIF orientation."""


P = ParamSpec("P")
T = TypeVar("T")


def one_at_a_time(work: Callable[P, T]) -> Callable[P, T]:
    """Run a function that holds a source image's pixels in a single shared thread.

    Only one picture is then in memory, in one allocation arena rather than one per thread. This costs little
    time, because most of Pillow's decoders hold the interpreter lock anyway. Such functions must not call
    each other.
    """

    @wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return _WORKER.submit(work, *args, **kwargs).result()

    return run


def loaded(file: BinaryIO, format_name: str, longest: int) -> ImageFile:
    """Open and decode the first frame; for source images, call this within `one_at_a_time`.

    Args:
        file: The picture, open for reading.
        format_name: As in `formats.Format.name`.
        longest: How many pixels the longer side needs. A JPEG is decoded at a half, a quarter or an eighth
            where that is still enough, or where more would take too much memory; other formats ignore this.

    Raises:
        NotAPictureError: It does not decode.
        TooLargeError: It would take too much memory.
    """
    try:
        picture = opened(file, format_name)
    except NotAPictureError:
        # Some decoders need memory for all pixels when they open a file, and do not say that they got none.
        if decoding_bytes(format_name, math.prod(inspect(file).size)) > MOST_BYTES:
            raise TooLargeError from None
        raise
    held = _coefficients(picture) if isinstance(picture, JpegImageFile) else 0

    def takes(pixels: int) -> int:
        return decoding_bytes(format_name, pixels, held=held, mode=picture.mode)

    if format_name == "jpeg":
        width, height = picture.size
        scale = max(width, height) / longest
        fits = (by for by in (1, 2, 4) if scale < 2 * by and takes(width * height // by**2) <= MOST_BYTES)
        divisor = next(fits, 8)
        picture.draft(None, (width // divisor or 1, height // divisor or 1))
    if takes(math.prod(picture.size)) > MOST_BYTES:
        raise TooLargeError
    try:
        picture.load()
    except MemoryError:
        raise TooLargeError from None
    except BROKEN:
        raise NotAPictureError(DAMAGED) from None
    if picture.mode in ("P", "PA") and picture.palette is None:  # its colours are missing
        raise NotAPictureError(DAMAGED)
    _scale_transparent_grey(picture, file)
    return picture


def _scale_transparent_grey(picture: ImageFile, file: BinaryIO) -> None:
    """Scale the transparent level of a 1, 2 or 4-bit grey PNG to 8 bits, as Pillow does with the pixels."""
    level: object = picture.info.get("transparency")
    if not isinstance(picture, PngImageFile) or picture.mode not in ("1", "L") or not isinstance(level, int):
        return
    file.seek(_PNG_DEPTH)
    most = (1 << min(8, file.read(1)[0])) - 1
    picture.info["transparency"] = (level & most) * _EIGHT // most


def _coefficients(picture: JpegImageFile) -> int:
    """Return how many bytes of coefficients a decoder holds for a progressive JPEG."""
    if "progressive" not in picture.info:
        return 0
    factors = [across * down for _, across, down, _ in picture.layer]
    return 2 * math.prod(picture.size) * sum(factors) // max(factors)


def loaded_upright(file: BinaryIO, format_name: str, longest: int) -> Image.Image:
    """Decode the first frame, upright and `plain`; arguments and errors as for `loaded`."""
    picture = loaded(file, format_name, longest)
    turns = orientation(picture)  # before `plain` removes it
    return upright(plain(picture), turns)


def orientation(picture: ImageFile) -> int:
    """Return the EXIF orientation by which a decoded picture must be turned; Pillow turns a TIFF itself."""
    return 1 if isinstance(picture, TiffImageFile) else read_exif(block(picture, "exif")).orientation


def upright(picture: Image.Image, orientation: int) -> Image.Image:
    """Turn a picture upright, by its EXIF orientation."""
    return picture.transpose(_TURNS[orientation]) if orientation in _TURNS else picture


def is_deep(picture: ImageFile, file: BinaryIO) -> bool:
    """Return whether a picture has more than 8 bits per channel in its file.

    Args:
        picture: The decoded picture, still unchanged.
        file: Its file; Pillow forgets the depth of a colour PNG.
    """
    if isinstance(picture, PngImageFile):
        file.seek(_PNG_DEPTH)
        return file.read(1)[0] > 8  # noqa: PLR2004 - bits
    if isinstance(picture, TiffImageFile):
        bits = cast("tuple[int, ...]", picture.tag_v2.get(_BITS_PER_SAMPLE) or (8,))
        return max(bits) > 8  # noqa: PLR2004 - bits
    return picture.mode.startswith("I") or picture.mode == "F"


def plain(picture: Image.Image, *, deep: bool = False) -> Image.Image:
    """Convert to mode 1, L, LA, P, RGB or RGBA, and drop all metadata but a palette's transparency.

    Args:
        picture: A decoded picture; its metadata is removed.
        deep: Whether it, and its transparent colour, came with 16 bits per channel.

    Raises:
        NotAPictureError: Its colour space cannot be converted to RGB.
    """
    profile: bytes = picture.info.get("icc_profile") or b""
    transparent: object = picture.info.get("transparency")
    if isinstance(transparent, str):  # a PNG text chunk of that name
        transparent = None
    picture.info.clear()
    try:
        if picture.mode in ("CMYK", "YCCK"):
            return _from_inks(picture, profile)
        if picture.mode.startswith("I") or picture.mode == "F":
            picture = _from_deep(picture)
        elif picture.mode not in _PLAIN:
            picture = picture.convert("RGBA" if picture.mode in ("RGBa", "La", "PA") else "RGB")
    except (OSError, ValueError):
        raise NotAPictureError(f"its colours ({picture.mode}) cannot be converted") from None
    if transparent is not None and picture.mode == "1":
        picture = picture.convert("L")
    if transparent is not None and picture.mode in ("P", "L", "RGB"):
        picture.info["transparency"] = _shallow(transparent) if deep else transparent
        if picture.mode != "P":
            picture = picture.convert("LA" if picture.mode == "L" else "RGBA")
            picture.info.clear()
    return picture


def without_palette(picture: Image.Image) -> Image.Image:
    """Convert modes 1 and P, which cannot be scaled smoothly, to L, RGB or RGBA."""
    if picture.mode == "1":
        return picture.convert("L")
    if picture.mode == "P":
        return picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    return picture


def has_transparency(picture: Image.Image) -> bool:
    """Return whether any pixel is transparent; a fully opaque alpha channel does not count."""
    return picture.has_transparency_data and alpha(picture).getextrema() != (_EIGHT, _EIGHT)


def alpha(picture: Image.Image) -> Image.Image:
    """Return the alpha channel of a picture with any kind of transparency."""
    if picture.mode in ("LA", "RGBA"):
        return picture.getchannel("A")
    return in_bands(picture, picture.size, lambda band: band.convert("RGBA").getchannel("A"))


def upper_half(picture: Image.Image) -> Image.Image:
    """Reduce 16 bits to their upper 8; Pillow's own conversion would clip at 255."""
    # Pillow's annotation names a NumPy type, and NumPy is not installed.
    return picture.convert("I").point(_SIXTEEN_BITS, "L")  # pyright: ignore[reportUnknownMemberType]


def _shallow(transparent: object) -> object:
    if isinstance(transparent, int):
        return transparent >> 8
    if isinstance(transparent, tuple):
        return tuple(part >> 8 for part in cast("tuple[int, ...]", transparent))
    return transparent


def _from_deep(picture: Image.Image) -> Image.Image:
    """Convert 16 bits by their upper half, and 32-bit and float values by the range they span."""
    if picture.mode.startswith("I;16"):
        return in_bands(picture, picture.size, upper_half)
    low, high = cast("tuple[float, float]", picture.getextrema())
    if picture.mode == "I" and low >= 0 and high <= _SIXTEEN:
        return upper_half(picture)
    if low >= 0 and high <= 1:
        low, high = 0, 1
    elif low >= 0 and high <= _EIGHT:
        low, high = 0, _EIGHT
    scale = _EIGHT / ((high - low) or 1)
    stretched = picture.convert("F").point(  # pyright: ignore[reportUnknownMemberType] - as in `upper_half`
        lambda value: value * scale - low * scale
    )
    return stretched.convert("L")


def _from_inks(picture: Image.Image, profile: bytes) -> Image.Image:
    """Convert CMYK through the embedded profile, or directly if it is missing or broken."""
    through = _through_profile(picture, profile) if profile[16:20] == b"CMYK" else None
    if through is None:
        return picture.convert("RGB")
    through.info.clear()
    return through


def _through_profile(picture: Image.Image, profile: bytes) -> Image.Image | None:
    try:
        from PIL import ImageCms  # noqa: PLC0415 - Pillow may have been built without Little CMS

        inks = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        # Pillow does not annotate what this returns.
        screen = cast("ImageCms.ImageCmsProfile", ImageCms.createProfile("sRGB"))  # pyright: ignore[reportUnknownMemberType]
    except (ImportError, OSError, ValueError, TypeError):
        return None
    try:
        return ImageCms.profileToProfile(picture, inks, screen, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
