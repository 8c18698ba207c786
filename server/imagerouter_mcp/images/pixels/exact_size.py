"""Make a picture file of exactly one size of another picture file."""

import math
from pathlib import Path
from typing import BinaryIO, cast

from PIL import Image

from imagerouter_mcp.images.confined import Fields, in_child, scratch_file
from imagerouter_mcp.images.inspect import formats
from imagerouter_mcp.images.inspect.binary import NotAPictureError
from imagerouter_mcp.images.inspect.cost import is_heavy
from imagerouter_mcp.images.inspect.exif import read_exif
from imagerouter_mcp.images.inspect.inspection import Inspection, inspect
from imagerouter_mcp.images.inspect.opening import block
from imagerouter_mcp.images.pixels.decode import (
    TooLargeError,
    is_deep,
    loaded,
    one_at_a_time,
    plain,
    upright,
)
from imagerouter_mcp.images.pixels.shape import Fit, Size, shaped

_OPTIONS: dict[str, dict[str, object]] = {
    "png": {},
    "jpeg": {"quality": 92, "subsampling": 0},
    "webp": {"quality": 90, "method": 4},
}
"""How each format that results are made in is encoded, as Pillow names it."""


_LIGHT_PIXELS = 1 << 23
"""Of a result; a child process makes a larger one."""


def exact_size(path: Path, size: Size, fit: Fit, output_format: str) -> BinaryIO:
    """Make a picture of exactly one size, here or in a child process as the cost demands.

    Args:
        path: The picture.
        size: Width and height.
        fit: See `shape.shaped`.
        output_format: "png", "jpeg" or "webp"; "auto" keeps one of these, and makes PNG of others.

    Returns:
        The new picture as an unnamed temporary file, at its beginning; the caller closes it.

    Raises:
        NotAPictureError: It cannot be decoded, or not be encoded in this size.
        StoppedError: It takes too much time or memory.
        OSError: It cannot be read, or the new one not be written.
    """
    with path.open("rb") as file:
        seen = inspect(file)
        arguments = {"size": size, "fit": fit, "output_format": output_format}
        if is_heavy(seen) or math.prod(size) > _LIGHT_PIXELS:
            return in_child(exact_size_in_child, file, **arguments)[0]
        return _made(file, seen, size, fit, output_format)


def exact_size_in_child(
    file: BinaryIO, *, size: list[int], fit: Fit, output_format: str
) -> tuple[BinaryIO, Fields]:
    """Make a picture of exactly one size, as `confined.Work`."""
    return _made(file, inspect(file), cast("Size", tuple(size)), fit, output_format), {}


@one_at_a_time
def _made(file: BinaryIO, seen: Inspection, size: Size, fit: Fit, output_format: str) -> BinaryIO:
    becomes = output_format if output_format in _OPTIONS else seen.format.name
    try:
        return _saved(shaped(_decoded(file, seen), size, fit), becomes if becomes in _OPTIONS else "png")
    except MemoryError:
        raise TooLargeError from None


def _decoded(file: BinaryIO, seen: Inspection) -> Image.Image:
    """Decode a picture upright, with its colour profile."""
    picture = loaded(file, seen.format.name, max(seen.width or 1, seen.height or 1))
    file.seek(0)
    deep = is_deep(picture, file.read(formats.HEAD_BYTES))
    profile = b"" if picture.mode == "CMYK" else block(picture, "icc_profile")
    # Pillow turns a TIFF when it decodes it.
    turned = 1 if seen.format is formats.TIFF else read_exif(block(picture, "exif")).orientation
    result = upright(plain(picture, deep=deep), turned)
    result.info |= {"icc_profile": profile} if profile else {}
    return result


def _saved(picture: Image.Image, output_format: str) -> BinaryIO:
    profile: bytes | None = picture.info.get("icc_profile")
    if output_format == "jpeg":
        picture = _on_white(picture)
    file = scratch_file()
    try:
        picture.save(file, output_format.upper(), icc_profile=profile, **_OPTIONS[output_format])
    except ValueError as error:  # of WebP, which has sides up to 16,383 pixels
        file.close()
        raise NotAPictureError(str(error)) from None
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def _on_white(picture: Image.Image) -> Image.Image:
    """Return a picture without transparency."""
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture if picture.mode in ("1", "L") else picture.convert("RGB")
