"""Describe how a model's picture is finished, for free, before it is recorded."""

import math
from dataclasses import dataclass
from functools import cache

from pydantic import TypeAdapter

from imagerouter_mcp.generation.planning.request import Fit

Size = tuple[int, int]
Box = tuple[int, int, int, int]

MOST_FINISHED = 1 << 24
"""Maximum number of pixels of a result made here: 4096x4096, what a child process can encode as WebP."""
MOST_ENLARGED = 2.0
"""Factor; a picture enlarged more than this looks soft, so the person is told."""
_LITTLE_KEPT = 0.5
"""Share of the model's picture; if a crop leaves less, the person is told."""
_SAME_SHAPE = 0.01
"""Aspect ratios whose logarithms differ by less count as equal: nobody sees what is cropped."""
_VERBS: dict[Fit, str] = {"cover": "cropped", "contain": "padded", "stretch": "stretched"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The part of its source that a masked edit sends, and into which the answer is laid.

    Attributes:
        box: The part, in pixels of the source.
        size: The size of what is sent, and the size that the model is asked for.
        inner: Where the part lies in what is sent; the rest is filled.
    """

    box: Box
    size: Size
    inner: Box


@dataclass(frozen=True, slots=True, kw_only=True)
class Finishing:
    """How a result is made from the model's own picture.

    Attributes:
        size: Width and height of the result, in pixels; None keeps the model's.
        fit: How another shape becomes this one: cropped, padded or stretched.
        output_format: "png", "jpeg" or "webp"; "auto" keeps the model's.
        cut: Where to lay a masked edit's answer into its source; None for any other picture.
    """

    size: Size | None = None
    fit: Fit = "cover"
    output_format: str = "auto"
    cut: Cut | None = None

    def applies(self, made: Size) -> bool:
        """Tell whether a picture of this size has to be resized, and can be."""
        return self.size is not None and self.size != made and math.prod(self.size) <= MOST_FINISHED

    def words(self, made: Size) -> str:
        """Return what is done to a picture of this size: "cropped to 1200x630"."""
        width, height = self.size or made
        ratio = abs(math.log((made[0] / made[1]) / (width / height)))
        words = f"{'scaled' if ratio < _SAME_SHAPE else _VERBS[self.fit]} to {width}x{height}"
        kept = share_kept(made, (width, height)) if self.fit == "cover" else 1
        larger = enlargement(made, (width, height), self.fit)
        if kept < _LITTLE_KEPT:
            words += f", which leaves {100 * kept:.0f} % of it"
        if larger > MOST_ENLARGED:
            words += f", enlarged {larger:.1f} times, which adds no detail"
        return words

    def to_json(self) -> str:
        """Return it as JSON."""
        return _adapter().dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str) -> "Finishing":
        """Read what `to_json` wrote, in this version or an earlier one.

        Raises:
            ValueError: It is something else.
        """
        return _adapter().validate_json(text)


@cache
def _adapter() -> TypeAdapter[Finishing]:
    return TypeAdapter(Finishing)


def enlargement(made: Size, size: Size, fit: Fit = "cover") -> float:
    """Return the factor by which a picture is enlarged to reach another size; below 1 it shrinks."""
    scales = size[0] / made[0], size[1] / made[1]
    return min(scales) if fit == "contain" else max(scales)


def share_kept(made: Size, size: Size) -> float:
    """Return the share of a picture that is left by a crop to the shape of a size."""
    scales = size[0] / made[0], size[1] / made[1]
    return min(scales) / max(scales)
