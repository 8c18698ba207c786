"""Sizes and aspect ratios: read what a person wrote, and find the nearest size that a model makes."""

import math
import re
from collections.abc import Iterable

from imagerouter_mcp.api.model_list import FREE_MAX_SIDE, ModelEntry
from imagerouter_mcp.errors import PlanError

MEGAPIXEL = 1024 * 1024
"""Pixels that most models are trained for."""
STEP = 64
"""Pixels: sides in multiples of this suit every model that takes any size."""
MAX_SIDE = 16_384
"""Pixels; more than any model makes, so anything larger is a typing error."""
MAX_RATIO = 8.0
"""The most extreme aspect ratio that is accepted."""
SHAPES = {"square": 1.0, "landscape": 3 / 2, "portrait": 2 / 3}

_SIZE = re.compile(r"([0-9]{1,5})\s*[xX×*]\s*([0-9]{1,5})")
_RATIO = re.compile(r"([0-9]{1,5}(?:\.[0-9]{1,3})?)\s*[:/]\s*([0-9]{1,5}(?:\.[0-9]{1,3})?)")


def read_size(text: str) -> tuple[int, int] | None:
    """Parse a size, with any separator that the service accepts.

    Returns:
        Width and height in pixels, or None for "auto".

    Raises:
        PlanError: It is not a size.
    """
    if text.strip().lower() in ("", "auto"):
        return None
    match = _SIZE.fullmatch(text.strip())
    if not match or not all(1 <= int(side) <= MAX_SIDE for side in match.groups()):
        raise PlanError(
            f"{text[:40]!r} is not a size.",
            'Give it as WIDTHxHEIGHT in pixels, such as "1024x1024", or "auto".',
        )
    return int(match[1]), int(match[2])


def read_ratio(text: str, source: tuple[int, int] | None) -> float | None:
    """Parse an aspect ratio.

    Args:
        text: `W:H`, "square", "landscape", "portrait", "match", or "" for none.
        source: Width and height of the first source image, for "match".

    Returns:
        Width divided by height, or None if none is asked for.

    Raises:
        PlanError: It is not an aspect ratio, or there is no source image to match.
    """
    word = text.strip().lower()
    if word in ("", "auto"):
        return None
    if word in SHAPES:
        return SHAPES[word]
    if word == "match":
        if source is None:
            raise PlanError(
                "There is no source image to match the shape of.", "Name an aspect_ratio such as 16:9."
            )
        return min(max(source[0] / source[1], 1 / MAX_RATIO), MAX_RATIO)
    match = _RATIO.fullmatch(word)
    width, height = (float(match[1]), float(match[2])) if match else (0.0, 0.0)
    if width > 0 and height > 0 and not 1 / MAX_RATIO <= width / height <= MAX_RATIO:
        raise PlanError(
            f"The aspect ratio {word} is more extreme than {MAX_RATIO:g}:1.",
            f"Ask for one from 1:{MAX_RATIO:g} to {MAX_RATIO:g}:1.",
        )
    if width <= 0 or height <= 0:
        raise PlanError(
            f"{text[:40]!r} is not an aspect ratio.",
            'Give it as W:H, such as "16:9", or square, landscape, portrait, match.',
        )
    return width / height


def size_of_shape(ratio: float, entry: ModelEntry) -> str:
    """Return the best size for an aspect ratio: from the model's list, else near one megapixel.

    Of several sizes that match equally well, the one closest to one megapixel wins.

    Args:
        ratio: Width divided by height.
        entry: The model.
    """
    if own := own_sizes(entry):
        return nearest(ratio, MEGAPIXEL, own)
    width, height = math.sqrt(MEGAPIXEL * ratio), math.sqrt(MEGAPIXEL / ratio)
    scale = min(1.0, _longest_side(entry) / max(width, height))
    return f"{stepped(width * scale, entry)}x{stepped(height * scale, entry)}"


def own_sizes(entry: ModelEntry) -> tuple[str, ...]:
    """Return the listed sizes that a model accepts; some `:free` models list sizes that they refuse."""
    return tuple(size for size in entry.sizes if entry.accepts_size(size))


def stepped(side: float, entry: ModelEntry) -> int:
    """Return the nearest side that suits every model that takes any size, within the model's own bounds."""
    shortest = entry.facts.min_side or STEP
    return min(max(STEP * round(side / STEP), shortest), _longest_side(entry))


def _longest_side(entry: ModelEntry) -> int:
    return FREE_MAX_SIDE if entry.id.endswith(":free") else entry.facts.max_side or MAX_SIDE


def nearest(ratio: float, area: int, sizes: Iterable[str]) -> str:
    """Return the size (`WIDTHxHEIGHT`) with the nearest aspect ratio, and among those the nearest area."""

    def distance(size: str) -> tuple[float, float]:
        width, height = sides(size)
        return round(abs(math.log(width / height / ratio)), 2), abs(math.log(width * height / area))

    return min(sizes, key=distance)


def sides(size: str) -> tuple[int, int]:
    """Return the width and height of a `WIDTHxHEIGHT`."""
    width, _, height = size.partition("x")
    return int(width), int(height)
