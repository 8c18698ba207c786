"""Decode a picture that is kept outside a mask: full size, upright, in its own colours."""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any, BinaryIO

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from imagerouter_mcp.errors import InvalidSourceError
from imagerouter_mcp.images.composite.colour_space import ColourSpace
from imagerouter_mcp.images.composite.frame import Frame
from imagerouter_mcp.images.confined import CHILD_BYTES, Fields, TooLargeError
from imagerouter_mcp.images.inspect import formats
from imagerouter_mcp.images.inspect.inspection import inspect
from imagerouter_mcp.images.inspect.opening import block
from imagerouter_mcp.images.pixels.decode import (
    is_deep,
    loaded,
    one_at_a_time,
    orientation,
    plain,
    upper_half,
    upright,
    without_palette,
)
from imagerouter_mcp.images.pixels.derive import derived
from imagerouter_mcp.images.pixels.encode import colour_chunks

Box = tuple[int, int, int, int]

_IDLE_BYTES = 60 << 20
"""Memory of a child process before it decodes anything."""
_BYTES_OF_MODE = {"L": 1, "I;16": 2}
_CONVERTED = 5
"""Bytes per pixel for conversion before scaling, as Pillow needs for an alpha channel."""
_ANSWER_BYTES = 28
"""Bytes per pixel of an answer being put in: the answer with margins, and its copies."""
_LEAST_ROOM = 1 << 19
"""Fewest useful pixels of an answer; a smaller one would have to be enlarged too much."""
_PROFILE_SPACES = {"L": b"GRAY", "LA": b"GRAY", "I;16": b"GRAY", "CMYK": b"CMYK"}


@dataclass(frozen=True)
class Original:
    """A picture whose pixels are kept.

    Attributes:
        picture: Upright, in mode L, LA, RGB, RGBA, I;16 or CMYK.
        profile: Its ICC profile, or nothing if it has none that fits its mode.
        chunks: What else a PNG says about its colours.
        reduced: Whether it came in colour with more than 8 bits per channel.
    """

    picture: Image.Image
    profile: bytes
    chunks: PngInfo
    reduced: bool

    @property
    def space(self) -> ColourSpace:
        """The picture's colour space."""
        return ColourSpace(self.profile, self.picture.mode)

    def room(self, box: Box) -> int:
        """Return how many pixels an answer for a part may have, given the available memory.

        Memory also holds the picture, its mask, and both for the part while it is scaled for the model.
        """
        area, part = math.prod(self.picture.size), (box[2] - box[0]) * (box[3] - box[1])
        per_pixel = _BYTES_OF_MODE.get(self.picture.mode, 4) + 1
        per_part = 1 if self.picture.mode == "RGB" and not self.profile else 1 + _CONVERTED
        held = area * per_pixel + part * per_part
        return (CHILD_BYTES - _IDLE_BYTES - held) // _ANSWER_BYTES

    def shown(self, box: Box) -> Image.Image:
        """Return a part as the model gets it, in mode RGB, or RGBA if the picture has an alpha channel."""
        part = self.picture if box == (0, 0, *self.picture.size) else self.picture.crop(box)
        if part.mode == "I;16":
            part = upper_half(part)
        return self.space.to_screen(part)


def decoded(file: BinaryIO) -> Original:
    """Decode a picture in full size.

    Args:
        file: The picture, open for reading and seekable.

    Raises:
        NotAPictureError: It does not decode.
        TooLargeError: It takes too much memory.
        InvalidSourceError: Its pixels cannot be kept.
    """
    seen = inspect(file)
    longest = max(seen.size)
    picture = loaded(file, seen.format.name, longest)
    if seen.format is formats.JPEG and max(picture.size) < longest:
        raise TooLargeError
    turns = orientation(picture)
    profile, deep = block(picture, "icc_profile"), is_deep(picture, file)
    chunks = colour_chunks(file) if seen.format is formats.PNG else PngInfo()
    kept = upright(_kept(picture, deep=deep), turns)
    if profile[16:20] != _PROFILE_SPACES.get(kept.mode, b"RGB "):
        profile = b""
    return Original(kept, profile, chunks, reduced=deep and kept.mode != "I;16")


def _kept(picture: Image.Image, *, deep: bool) -> Image.Image:
    """Convert losslessly to a mode we can work with; Pillow has already reduced 16-bit colour to 8 bits."""
    if picture.mode.startswith("I;16"):
        picture = picture if picture.mode == "I;16" else picture.convert("I").convert("I;16")
        picture.info.clear()
        return picture
    if picture.mode in ("I", "F"):
        raise InvalidSourceError(
            "The source image has 32 bits a pixel, which cannot be kept exactly outside a mask.",
            "Save it with 16 or 8 bits a channel and give that, or edit with keep_outside=false.",
        )
    if picture.mode == "CMYK":
        picture.info.clear()
        return picture
    return without_palette(plain(picture, deep=deep))


def framed(file: BinaryIO, frame: Frame) -> Image.Image:
    """Return the picture that a model gets for a part of another one.

    Raises:
        NotAPictureError: It does not decode.
        StoppedError: It takes too much time or memory.
        InvalidSourceError: Its pixels cannot be kept.
    """
    return derived(framed_part, file, frame=astuple(frame))[0]


@one_at_a_time
def framed_part(file: BinaryIO, *, frame: Sequence[Any]) -> tuple[Image.Image, Fields]:
    """Do the work of `framed`, as `derive.Derivation`."""
    wanted = Frame.of(frame)
    original = decoded(file)
    if original.room(wanted.box) < _LEAST_ROOM:  # the answer would be paid for but could not be put in
        raise TooLargeError
    return wanted.holding(original.shown(wanted.box)), {}
