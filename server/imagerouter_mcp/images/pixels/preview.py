"""Make a small picture of a picture, for the answer that a model or a person sees.

Previews are JPEG: every host takes it, it encodes in a few milliseconds, and it has no transparency that a
host could turn black. A light checkerboard shows what is transparent.
"""

import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from PIL import Image
from PIL.ImageFile import ImageFile

from imagerouter_mcp.images.inspect.exif import read_exif
from imagerouter_mcp.images.inspect.formats import HEAD_BYTES, sniff
from imagerouter_mcp.images.inspect.opening import BROKEN, block
from imagerouter_mcp.images.pixels.decode import TooLargeError, fitted, loaded, upper_half, upright
from imagerouter_mcp.images.pixels.draw_svg import draw_svg

PreviewSize = Literal["auto", "large"]


@dataclass(frozen=True)
class Preview:
    """An encoded preview.

    Attributes:
        data: The encoded picture.
        media_type: Of `data`.
        width: In pixels.
        height: In pixels.
    """

    data: bytes
    media_type: str
    width: int
    height: int


@dataclass(frozen=True)
class Budget:
    """Bounds of a preview.

    Attributes:
        longest: Pixels of the longer side; a smaller picture keeps its size.
        base64_characters: Length of the preview in base64, as it travels.
        qualities: JPEG qualities to try in order before reducing the size.
    """

    longest: int
    base64_characters: int
    qualities: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """Length before base64, which makes four characters of three bytes."""
        return self.base64_characters // 4 * 3


BUDGETS: dict[PreviewSize, Budget] = {
    "auto": Budget(512, 60_000, (75, 55, 40)),
    "large": Budget(2048, 700_000, (85, 70, 50)),
}
"""Claude Desktop takes 1,048,576 bytes in all; 60 kB leaves room for several pictures and a long text."""

MAX_DECODED_BYTES = 320 << 20
"""Memory that decoding for a preview may take; 4096×4096 fits in each format."""
_BAND_ROWS = 256
_REDUCING_GAP = 2
"""Whole factors reduce to twice the target, and the good filter does the rest (Pillow's `reducing_gap=2.0`,
by its documentation close to the filter alone)."""
_MAX_WHOLE_PIXELS = 10_000_000
"""A larger picture with transparency is only divided by a whole number, in bands, and may come out smaller
than allowed: scaling it whole needs a premultiplied copy of 4 bytes a pixel."""
_SQUARE = 8
"""Pixels of a checkerboard square."""
_LIGHT, _LESS_LIGHT = 255, 224


def make_preview(path: Path, size: PreviewSize) -> Preview | None:
    """Make a preview of a file that `inspect` found whole.

    It is upright, shows the first frame of an animation, and enlarges nothing but SVG, which has no size of
    its own.

    Args:
        path: The file.
        size: Which of `BUDGETS` to keep to.

    Returns:
        The preview, or None where there can be none: videos, HEIC without a plug-in, pictures that would take
        more than `MAX_DECODED_BYTES`, SVG without the `svg` extra or with references to the outside, and
        files that do not decode.

    Raises:
        OSError: The file cannot be read.
    """
    budget = BUDGETS[size]
    with path.open("rb") as file:
        found = sniff(file.read(HEAD_BYTES))
        if found is None or found.kind == "video":
            return None
        if found.kind == "vector":
            drawn = draw_svg(file, budget.longest)
            return _render(io.BytesIO(drawn), "png", budget) if drawn else None
        return _render(file, found.name, budget)


def _render(file: BinaryIO, format_name: str, budget: Budget) -> Preview | None:
    """Decode, reduce, turn upright, put on a checkerboard, encode; None if it cannot be decoded."""
    try:
        picture = loaded(file, format_name, budget.longest * _REDUCING_GAP, MAX_DECODED_BYTES)
        small = _reduced(picture, budget.longest)
        exif = read_exif(block(picture, "exif"))
    except (*BROKEN, TooLargeError):
        return None
    small = upright(small, exif.orientation)
    return encoded(_on_checkerboard(small) if small.mode == "RGBA" else small, budget)


def _reduced(picture: ImageFile, longest: int) -> Image.Image:
    """Scale a decoded picture down to the longest side allowed, as L, RGB or RGBA."""
    target = fitted(picture.size, longest)
    factor = max(picture.size) // (max(target) * _REDUCING_GAP)
    if picture.has_transparency_data and picture.width * picture.height > _MAX_WHOLE_PIXELS:
        factor = math.ceil(max(picture.size) / longest)
        target = fitted((math.ceil(picture.width / factor), math.ceil(picture.height / factor)), longest)
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
    # Pillow's annotation names a NumPy type, and NumPy is not installed.
    return picture.resize(size, Image.Resampling.BICUBIC, box)  # pyright: ignore[reportUnknownMemberType]


def _reduced_by(picture: Image.Image, factor: int) -> Image.Image:
    """Average squares of pixels into one, in bands.

    Bands keep the converted copies small (a whole 4096×4096 RGBA picture needs another 64 MiB for its
    premultiplied copy), and shorten the time for which Pillow's conversions hold the interpreter's lock.
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
    """Convert to L, RGB or, if anything in the picture can be transparent, RGBA."""
    if picture.has_transparency_data:
        return picture if picture.mode == "RGBA" else picture.convert("RGBA")
    if picture.mode.startswith("I"):
        return upper_half(picture)
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
