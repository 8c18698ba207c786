"""From an open picture to a preview, with Pillow.

This module loads Pillow when it is imported; `previews` imports it with the first preview.

Pillow's own check against decompression bombs (`Image.MAX_IMAGE_PIXELS` and a warning) is neither changed
nor relied upon, and no warning filter is touched, for both are global. Instead the format's class is called
without `Image.open`, and its dimensions are compared with a limit of our own before anything is decoded.
"""

import io
import math
from typing import BinaryIO

from PIL import Image
from PIL.ImageFile import ImageFile

from imagerouter_mcp.images.budgets import Budget, Preview
from imagerouter_mcp.images.pillow import BROKEN, OPENERS, TURNS
from imagerouter_mcp.images.raster import measure_webp
from imagerouter_mcp.images.reading import NotAPictureError
from imagerouter_mcp.images.tiff import exif_orientation

MAX_DECODED_BYTES = 320 << 20
"""Memory that decoding for a preview may take; 4096×4096 fits in each format."""

_BYTES_PER_PIXEL = {"webp": 16, "avif": 12}
"""Of those that decode into buffers of their own first, twice in WebP's case; else 4, Pillow's RGB."""


_SIXTEEN_BITS = tuple(value >> 8 for value in range(1 << 16))
_BAND_ROWS = 256
_REDUCING_GAP = 2
"""A reduction by whole factors stops at twice the target, and the good filter does the rest (Pillow's
`reducing_gap=2.0`, by its documentation close to the filter alone)."""

_MAX_WHOLE_PIXELS = 10_000_000
"""A larger picture with transparency is only divided by a whole number, in bands, and may stay below the
size allowed: scaling it whole needs a premultiplied copy of 4 bytes a pixel."""


_SQUARE = 8
"""Pixels of a checkerboard square."""
_LIGHT, _LESS_LIGHT = 255, 224


def render(file: BinaryIO, format_name: str, budget: Budget) -> Preview | None:
    """Decode, reduce, turn upright, put on a checkerboard, encode.

    Args:
        file: The picture, open for reading.
        format_name: As in `formats.Format.name`.
        budget: What to keep to.

    Returns:
        The preview, or None for a format that Pillow does not decode, a picture too large to decode, or
        one whose data is broken.
    """
    opener = OPENERS.get(format_name)
    if opener is None:
        return None
    try:
        file.seek(0)
        # libwebp allocates its canvas on opening, so its size is read before.
        if format_name == "webp" and _too_large(format_name, *_webp_size(file)):
            return None
        picture = opener(file)
        if _too_large(format_name, *picture.size):
            return None
        small = _reduced(picture, budget.longest)
    except (*BROKEN, NotAPictureError):
        return None
    turn = TURNS.get(exif_orientation(picture.info.get("exif", b"").removeprefix(b"Exif\0\0")))
    if turn is not None:
        small = small.transpose(turn)
    return encoded(_on_checkerboard(small) if small.mode == "RGBA" else small, budget)


def _webp_size(file: BinaryIO) -> tuple[int, int]:
    measured = measure_webp(file)
    file.seek(0)
    return measured.width or 0, measured.height or 0


def _too_large(format_name: str, width: int, height: int) -> bool:
    return width * height * _BYTES_PER_PIXEL.get(format_name, 4) > MAX_DECODED_BYTES


def _reduced(picture: ImageFile, longest: int) -> Image.Image:
    """Decode, and scale down to the longest side allowed, as L, RGB or RGBA."""
    # A JPEG decodes at a half, a quarter or an eighth at once; the other formats ignore the hint.
    wanted = _fitted(picture.size, longest)
    picture.draft(None, (wanted[0] * _REDUCING_GAP, wanted[1] * _REDUCING_GAP))
    picture.load()
    target = _fitted(picture.size, longest)
    factor = max(picture.size) // (max(target) * _REDUCING_GAP)
    if picture.has_transparency_data and picture.width * picture.height > _MAX_WHOLE_PIXELS:
        factor = math.ceil(max(picture.size) / longest)
        target = _fitted((math.ceil(picture.width / factor), math.ceil(picture.height / factor)), longest)
    if factor > 1:
        # The last square of a row or column may lie partly outside; it counts with what is inside.
        return _resized(_reduced_by(picture, factor), target, picture.width / factor, picture.height / factor)
    plain = _plain(picture)
    if plain.mode == "RGBA" and plain.getchannel("A").getextrema() == (255, 255):
        plain = plain.convert("RGB")  # three bands to scale rather than four and their premultiplied copy
    return plain if plain.size == target else _resized(plain, target)


def _resized(
    picture: Image.Image, size: tuple[int, int], width: float | None = None, height: float | None = None
) -> Image.Image:
    """Scale the upper left `width` × `height` pixels, or the whole, to a size."""
    box = (0.0, 0.0, width or picture.width, height or picture.height)
    # Pillow's annotation names a type of NumPy, which is not installed.
    return picture.resize(size, Image.Resampling.BICUBIC, box)  # pyright: ignore[reportUnknownMemberType]


def _fitted(size: tuple[int, int], longest: int) -> tuple[int, int]:
    scale = min(1, longest / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _reduced_by(picture: Image.Image, factor: int) -> Image.Image:
    """Average squares of pixels into one, in bands.

    Bands keep the converted copies small (a whole 4096×4096 RGBA picture needs another 64 MiB for its
    premultiplied copy), and the time short for which Pillow's conversions hold the interpreter's lock.
    """
    rows = max(1, _BAND_ROWS // factor) * factor
    canvas: Image.Image | None = None
    for top in range(0, picture.height, rows):
        band = picture.crop((0, top, picture.width, min(picture.height, top + rows)))
        part = _plain(band).reduce(factor)
        if canvas is None:
            canvas = Image.new(part.mode, (part.width, math.ceil(picture.height / factor)))
        canvas.paste(part, (0, top // factor))
    return canvas or picture


def _plain(picture: Image.Image) -> Image.Image:
    """The picture as L, RGB or, if anything in it can be transparent, RGBA."""
    if picture.has_transparency_data:
        return picture if picture.mode == "RGBA" else picture.convert("RGBA")
    if picture.mode.startswith("I"):  # 16 bits; Pillow's own conversion would cut off at 255
        # Pillow's annotation names a type of NumPy, which is not installed.
        return picture.convert("I").point(_SIXTEEN_BITS, "L")  # pyright: ignore[reportUnknownMemberType]
    return picture if picture.mode in ("L", "RGB") else picture.convert("RGB")


def _on_checkerboard(picture: Image.Image) -> Image.Image:
    columns, rows = (math.ceil(side / _SQUARE) for side in picture.size)
    line = bytes((_LIGHT, _LESS_LIGHT)) * columns
    squares = Image.frombytes(
        "L", (columns, rows), b"".join(line[row % 2 :][:columns] for row in range(rows))
    )
    scale = (1 / _SQUARE, 0, 0, 0, 1 / _SQUARE, 0)
    board = squares.transform(picture.size, Image.Transform.AFFINE, scale).convert("RGB")
    board.paste(picture, mask=picture.getchannel("A"))
    return board


def encoded(picture: Image.Image, budget: Budget) -> Preview:
    """Encode a picture as JPEG within a budget: lower the quality, then the size; most fit at once."""
    picture.info.clear()  # Pillow would write a comment of the original's into the preview
    data = b""
    for quality in budget.qualities:
        data = _jpeg(picture, quality)
        if len(data) <= budget.bytes:
            break
    while len(data) > budget.bytes:
        scale = min(0.9, math.sqrt(budget.bytes / len(data)))
        size = max(1, int(picture.width * scale)), max(1, int(picture.height * scale))
        picture = _resized(picture, size)
        data = _jpeg(picture, budget.qualities[-1])
    return Preview(data, "image/jpeg", *picture.size)


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
