"""Make previews: small copies of pictures for the answers that models and people see.

Previews are JPEG: every host accepts it, it encodes in a few milliseconds, and it has no transparency that a
host could show as black. A light checkerboard marks transparent parts.
"""

import base64
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, Self

from PIL import Image

from imagerouter_mcp.images.confined import Fields, TooLargeError, in_child
from imagerouter_mcp.images.inspect.binary import NotAPictureError
from imagerouter_mcp.images.inspect.cost import is_heavy
from imagerouter_mcp.images.inspect.inspection import Inspection, inspect
from imagerouter_mcp.images.inspect.opening import BROKEN
from imagerouter_mcp.images.pixels.arithmetic import fitted
from imagerouter_mcp.images.pixels.decode import loaded, orientation, upper_half, upright
from imagerouter_mcp.images.pixels.draw_svg import can_draw, draw_svg
from imagerouter_mcp.images.pixels.scale import in_bands

PreviewSize = Literal["auto", "large", "tile_160", "tile_320", "tile_640"]


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

    def as_fields(self) -> Fields:
        """Return it as what JSON can represent."""
        return {**vars(self), "data": base64.b64encode(self.data).decode("ascii")}

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        """Read what `as_fields` returned."""
        read: Fields = {**fields, "data": base64.b64decode(fields["data"])}
        return cls(**read)


@dataclass(frozen=True)
class Budget:
    """Limits of a preview.

    Attributes:
        longest: Pixels of the longer side; a smaller picture keeps its size.
        base64_characters: Length of the preview in base64, as it is sent.
        qualities: JPEG qualities to try in order before reducing the size.
    """

    longest: int
    base64_characters: int
    qualities: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """Length before base64, which turns three bytes into four characters."""
        return self.base64_characters // 4 * 3


BUDGETS: dict[PreviewSize, Budget] = {
    "auto": Budget(512, 60_000, (75, 55, 40)),
    "large": Budget(2048, 700_000, (85, 70, 50)),
    "tile_160": Budget(160, 20_000, (80, 60, 40)),
    "tile_320": Budget(320, 60_000, (80, 60, 40)),
    "tile_640": Budget(640, 160_000, (80, 60, 40)),
}
"""Claude Desktop accepts 1,048,576 bytes in all; 60 kB leaves room for several pictures and a long text."""

_REDUCING_GAP = 2
"""How much larger than the preview a JPEG is decoded, so that the good filter does the rest."""
_SQUARE = 8
"""Pixels of a checkerboard square."""
_LIGHT, _LESS_LIGHT = 255, 224


def make_preview(path: Path, size: PreviewSize) -> Preview | None:
    """Make a preview of a file that `inspect` accepted.

    It is upright and shows an animation's first frame. Only SVG, which has no size of its own, is enlarged.

    Args:
        path: The file.
        size: The key of the budget in `BUDGETS`.

    Returns:
        The preview, or None if none can be made: for videos, HEIC without a plug-in, SVG without the `svg`
        extra or with external references, and files that do not decode.

    Raises:
        OSError: The file cannot be read.
        StoppedError: Decoding took too much time or memory, or failed.
    """
    with path.open("rb") as file:
        return preview_of(file, size)


def preview_of(file: BinaryIO, size: PreviewSize) -> Preview | None:
    """Make a preview of an open file, as `make_preview` does."""
    try:
        seen = inspect(file)
    except NotAPictureError:
        return None
    if not is_heavy(seen):
        return _drawn(file, seen, BUDGETS[size])
    if seen.format.kind == "vector" and not can_draw():
        return None
    made, fields = in_child(draw_in_child, file, size=size)
    with made:
        return Preview(made.read(), **fields) if fields else None


def draw_in_child(file: BinaryIO, *, size: PreviewSize) -> tuple[BinaryIO | None, Fields]:
    """Make a preview, as `confined.Work`."""
    preview = _drawn(file, inspect(file), BUDGETS[size])
    if preview is None:
        return None, {}
    fields = {"media_type": preview.media_type, "width": preview.width, "height": preview.height}
    return io.BytesIO(preview.data), fields


def _drawn(file: BinaryIO, seen: Inspection, budget: Budget) -> Preview | None:
    """Decode, shrink, turn upright, put on a checkerboard and encode; None if it cannot be decoded."""
    format_name = seen.format.name
    if seen.format.kind == "vector":
        drawing = draw_svg(file, budget.longest)
        if drawing is None:
            return None
        file, format_name = io.BytesIO(drawing), "png"
    try:
        picture = loaded(file, format_name, budget.longest * _REDUCING_GAP)
        small = _small(picture, budget)
        turns = orientation(picture)
    except MemoryError:
        raise TooLargeError from None
    except BROKEN:
        return None
    return _encoded_small(upright(small, turns), budget)


def preview_of_picture(picture: Image.Image, size: PreviewSize) -> Preview:
    """Make a preview of a decoded picture, which is upright; `make_preview` makes the same of its file."""
    budget = BUDGETS[size]
    return _encoded_small(_small(picture, budget), budget)


def _small(picture: Image.Image, budget: Budget) -> Image.Image:
    return in_bands(picture, fitted(picture.size, budget.longest), _plain)


def _encoded_small(small: Image.Image, budget: Budget) -> Preview:
    return encoded(_on_checkerboard(small) if small.mode == "RGBA" else small, budget)


def _plain(picture: Image.Image) -> Image.Image:
    """Convert to L, RGB or, if the picture may have transparency, RGBA."""
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
    """Encode a picture as JPEG within a budget, lowering first the quality, then the size."""
    picture.info.clear()  # Pillow would copy the original's comment into the preview
    data = b""
    for quality in budget.qualities:
        data = _jpeg(picture, quality)
        if len(data) <= budget.bytes:
            break
    while len(data) > budget.bytes:
        scale = min(0.9, math.sqrt(budget.bytes / len(data)))
        size = max(1, int(picture.width * scale)), max(1, int(picture.height * scale))
        picture = in_bands(picture, size, _plain)
        data = _jpeg(picture, budget.qualities[-1])
    return Preview(data, "image/jpeg", *picture.size)


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
