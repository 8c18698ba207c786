"""Tell whether a picture is an unchanged copy of another one, of one colour, or transparent."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from PIL import Image, ImageChops, ImageStat

from imagerouter_mcp.images.confined import Fields, StoppedError
from imagerouter_mcp.images.inspect.binary import NotAPictureError
from imagerouter_mcp.images.inspect.inspection import inspect
from imagerouter_mcp.images.inspect.opening import BROKEN
from imagerouter_mcp.images.pixels.decode import loaded_upright, one_at_a_time
from imagerouter_mcp.images.pixels.derive import derived

_SIDE = 64
_ENOUGH = 1024
"""Pixels of a JPEG's longer side; with fewer, small stars in a night sky are averaged away."""
_MOST_ON_AVERAGE = 3
"""Levels of 255. Models that return their source, perhaps stretched, stay below this; edits differ far
more."""
_MOST_ANYWHERE = 32
"""Levels of 255. A small edit leaves most of a picture alone, but differs by more than this where it is."""
_NOISE = 8
"""Levels of 255 that compression adds to a plain area; even faint stars and lines stand out more."""
_FULL = 255


@dataclass(frozen=True, slots=True)
class Look:
    """What is needed to judge a picture.

    Attributes:
        small: The picture stretched to a small square, in mode RGBA.
        width: Of the whole picture as displayed, in pixels.
        height: Likewise.
        extrema: The lowest and highest level of red, green, blue and alpha anywhere.
    """

    small: Image.Image
    width: int
    height: int
    extrema: tuple[tuple[int, int], ...]

    @property
    def transparent(self) -> float:
        """The transparent share of the picture, from 0 to 1; half-transparent pixels count half."""
        low, _ = self.extrema[3]
        return (
            0.0 if low >= _FULL - _NOISE else 1 - ImageStat.Stat(self.small.getchannel("A")).mean[0] / _FULL
        )

    @property
    def invisible(self) -> bool:
        """Whether the whole picture is transparent."""
        return self.extrema[3][1] <= _NOISE

    @property
    def colour(self) -> tuple[int, int, int] | None:
        """Red, green and blue if the whole picture has one colour, else None."""
        if any(high - low > _NOISE for low, high in self.extrema):
            return None
        red, green, blue, _ = ((low + high) // 2 for low, high in self.extrema)
        return red, green, blue

    def equals(self, other: "Look") -> bool:
        """Return whether both show the same, whatever their sizes and shapes."""
        difference = ImageStat.Stat(ImageChops.difference(self.small, other.small))
        most = max(high for _, high in difference.extrema)
        return sum(difference.mean[:3]) / 3 <= _MOST_ON_AVERAGE and most <= _MOST_ANYWHERE


def look_at(picture: BinaryIO | Path) -> Look | None:
    """Examine a picture; return None if it cannot be decoded."""
    try:
        if isinstance(picture, Path):
            with picture.open("rb") as file:
                return look_at(file)
        small, fields = derived(stretched, picture)
    except (OSError, NotAPictureError, StoppedError, *BROKEN):
        return None
    return Look(
        small, fields["width"], fields["height"], tuple((low, high) for low, high in fields["extrema"])
    )


@one_at_a_time
def stretched(file: BinaryIO) -> tuple[Image.Image, Fields]:
    """Stretch a picture to a small square, as `derive.Derivation`."""
    seen = inspect(file)
    turned = loaded_upright(file, seen.format.name, _ENOUGH)
    whole = turned.convert("RGBA" if turned.has_transparency_data else "RGB")
    extrema = cast("tuple[tuple[int, int], ...]", whole.getextrema())
    width, height = seen.width or turned.width, seen.height or turned.height
    fields = {"width": width, "height": height, "extrema": (*extrema, (_FULL, _FULL))[:4]}
    small = whole.resize((_SIDE, _SIDE), Image.Resampling.BOX)  # pyright: ignore[reportUnknownMemberType] - Pillow's annotation names NumPy
    return small.convert("RGBA"), fields
