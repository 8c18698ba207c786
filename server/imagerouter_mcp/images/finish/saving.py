"""Save a finished picture in a format, with a quality or a limit in bytes."""

import math
from collections.abc import Sequence
from typing import BinaryIO

from PIL import Image

from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.images.confined import file_size
from imagerouter_mcp.images.finish.changes import flattened, has_alpha, on_ground
from imagerouter_mcp.images.finish.shape import shaped
from imagerouter_mcp.images.finish.steps import MOST_PIXELS, Convert, FormatName
from imagerouter_mcp.images.inspect import formats
from imagerouter_mcp.images.inspect.formats import Format
from imagerouter_mcp.images.pixels.decode import has_transparency
from imagerouter_mcp.images.pixels.encode import colours_for, saved
from imagerouter_mcp.images.pixels.scale import scaled

_BY_NAME: dict[FormatName, Format] = {
    "png": formats.PNG,
    "jpeg": formats.JPEG,
    "webp": formats.WEBP,
    "avif": formats.AVIF,
    "gif": formats.GIF,
    "ico": formats.ICO,
}
_BECOMES = {formats.HEIC: formats.JPEG, formats.HEIF: formats.JPEG}
"""Replacements for formats that cannot be written here; all others become PNG."""
_ICON_SIDES = (16, 32, 48, 256)

_QUALITY = {"jpeg": 90, "webp": 85, "avif": 75}
_LOWEST_QUALITY, _HIGHEST_QUALITY = 40, 95
"""Range of qualities to try for a limit in bytes, before the picture is made smaller."""
_TRIES = 4
"""Further encodings, once one fits, to get closer to the limit."""
_SAFE_SHARE = 0.95
"""Share of the side lengths that would just fit; smaller pictures take more bytes per pixel."""
_COLOURS = 256
_SAMPLED = 128
"""Side in pixels of the copy that a palette is chosen from."""
_THOROUGH, _QUICK, _THOROUGH_PIXELS = 4, 2, 4_500_000
_SMALLEST = 16
"""Pixels of the longer side; a picture is never shrunk below this to meet a limit."""


def kind_for(convert: Convert, source: Format) -> Format:
    """Return the format to save in: the requested one, else the source's or the closest writable one."""
    if convert.format:
        return _BY_NAME[convert.format]
    return source if source in _BY_NAME.values() else _BECOMES.get(source, formats.PNG)


def save(picture: Image.Image, kind: Format, convert: Convert, profile: bytes) -> tuple[BinaryIO, list[str]]:
    """Save a picture of mode L, LA, RGB or RGBA.

    Args:
        picture: What to save.
        kind: The format; a picture with transparency becomes PNG unless JPEG was requested.
        convert: The quality or the limit in bytes.
        profile: Its colour profile, or nothing.

    Returns:
        The file, at its beginning, and notes on anything a caller may not expect.

    Raises:
        PlanError: The limit cannot be met.
    """
    notes: list[str] = []
    if has_alpha(picture) and not has_transparency(picture):
        picture = picture.convert("L" if picture.mode == "LA" else "RGB")
    if kind is formats.JPEG and has_alpha(picture):
        if convert.format == "jpeg":
            picture = flattened(picture)
            notes.append("JPEG has no transparency, so the background was made white.")
        else:
            kind = formats.PNG
            notes.append("It was saved as PNG, because JPEG has no transparency.")
    profile = colours_for(profile, picture.mode)
    if not convert.max_bytes:
        return encoded(picture, kind, profile, convert.quality), notes
    file, more = _within(picture, kind, profile, convert.max_bytes)
    return file, notes + more


def encoded(picture: Image.Image, kind: Format, profile: bytes = b"", quality: int = 0) -> BinaryIO:
    """Encode a picture of mode L, LA, RGB or RGBA; return the file at its beginning.

    Args:
        picture: What to encode.
        kind: The format.
        profile: Its colour profile, or nothing.
        quality: 1 to 100, or 0 for the default; a PNG with a quality gets few colours.
    """
    quality = quality or _QUALITY.get(kind.name, 0)
    named = {"icc_profile": profile or None}
    match kind.name:
        case "png":
            picture = _in_few_colours(picture) if quality else picture
            return saved(picture, "PNG", **named)
        case "jpeg":
            small = (
                picture.width * picture.height <= MOST_PIXELS
            )  # both options keep all coefficients in memory
            return saved(picture, "JPEG", quality=quality, optimize=small, progressive=small, **named)
        case "webp":
            return saved(_coloured(picture), "WEBP", quality=quality, method=_method(picture), **named)
        case "avif":
            return saved(_coloured(picture), "AVIF", quality=quality, speed=9, max_threads=1, **named)
        case "gif":
            return saved(_for_gif([picture])[0], "GIF")
        case _:
            return icon(picture, _ICON_SIDES)


def icon(picture: Image.Image, sides: Sequence[int]) -> BinaryIO:
    """Encode a picture as ICO in several square sizes, with transparent margins if it is not square."""
    square = on_ground(picture, (max(picture.size), max(picture.size)), "transparent").convert("RGBA")
    entries = [scaled(square, (side, side)) for side in sorted(sides)]
    return saved(entries[-1], "ICO", append_images=entries[:-1], sizes=[entry.size for entry in entries])


def _coloured(picture: Image.Image) -> Image.Image:
    return picture.convert("RGBA" if has_alpha(picture) else "RGB")


def _method(picture: Image.Image) -> int:
    """Return how hard the WebP encoder tries, from 0 to 6."""
    return _THOROUGH if picture.width * picture.height <= _THOROUGH_PIXELS else _QUICK


def _for_gif(pictures: Sequence[Image.Image]) -> list[Image.Image]:
    """Dither pictures with one palette; if any has transparency, return them all as RGBA."""
    if any(map(has_alpha, pictures)):
        return [picture.convert("RGBA") for picture in pictures]
    coloured = [picture.convert("RGB") for picture in pictures]
    strip = Image.new("RGB", (_SAMPLED * len(coloured), _SAMPLED))
    for number, picture in enumerate(coloured):
        strip.paste(shaped(picture, (_SAMPLED, _SAMPLED), "stretch"), (_SAMPLED * number, 0))
    palette = strip.quantize(_COLOURS, Image.Quantize.MEDIANCUT)
    return [picture.quantize(palette=palette) for picture in coloured]


def _in_few_colours(picture: Image.Image) -> Image.Image:
    if has_alpha(picture):
        return picture.convert("RGBA").quantize(_COLOURS, Image.Quantize.FASTOCTREE)
    return _for_gif([picture])[0]


def _within(picture: Image.Image, kind: Format, profile: bytes, most: int) -> tuple[BinaryIO, list[str]]:
    """Encode within a limit in bytes, with the best quality that fits, else with fewer pixels."""
    whole = picture.size
    lossy = kind.name in _QUALITY
    file = encoded(picture, kind, profile, _HIGHEST_QUALITY if lossy else 0)
    if file_size(file) <= most:
        return file, []
    file.close()
    while True:
        file = encoded(picture, kind, profile, _LOWEST_QUALITY)
        size = file_size(file)
        if size <= most:
            break
        file.close()
        scale = min(0.9, _SAFE_SHARE * math.sqrt(most / size))
        smaller = max(1, int(picture.width * scale)), max(1, int(picture.height * scale))
        if max(smaller) < _SMALLEST:
            raise PlanError(
                f"The picture does not fit into {most / 1000:g} kB as {kind.name.upper()}.",
                "Give a larger limit or another format.",
            )
        picture = scaled(picture, smaller)
    notes = ["It was reduced to 256 colours to fit."] if kind is formats.PNG else []
    if picture.size != whole:
        notes.append(
            f"It was scaled down from {whole[0]}×{whole[1]} to {picture.width}×{picture.height} pixels to "
            f"fit into {most / 1000:g} kB."
        )
    return (_better(picture, kind, profile, most, file) if lossy else file), notes


def _better(picture: Image.Image, kind: Format, profile: bytes, most: int, file: BinaryIO) -> BinaryIO:
    """Find the best quality that fits by bisection; `file` has the lowest."""
    low, high = _LOWEST_QUALITY, _HIGHEST_QUALITY
    for _ in range(_TRIES):
        quality = (low + high) // 2
        tried = encoded(picture, kind, profile, quality)
        if file_size(tried) <= most:
            file.close()
            file, low = tried, quality
        else:
            tried.close()
            high = quality
    return file


def animated(frames: Sequence[Image.Image], name: FormatName, milliseconds: int) -> BinaryIO:
    """Encode pictures of the same size as an endless animation."""
    first, *others = _for_gif(frames) if name == "gif" else map(_coloured, frames)
    options: dict[str, object] = {"append_images": others, "duration": milliseconds, "loop": 0}
    if name == "gif":
        return saved(first, "GIF", save_all=True, disposal=2, **options)
    return saved(first, "WEBP", save_all=True, quality=_QUALITY["webp"], method=4, **options)
