"""Sizes and aspect ratios: read what a person wrote, and find the nearest size that a model makes."""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from imagerouter_mcp.api.model_list import FREE_MAX_SIDE, ModelEntry
from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.generation.planning.finishing import enlargement, share_kept
from imagerouter_mcp.generation.planning.request import Fit

MEGAPIXEL = 1024 * 1024
"""Pixels that most models are trained for."""
STEP = 64
"""Pixels: sides in multiples of this suit every model that takes any size."""
MAX_SIDE = 16_384
"""Pixels; more than any model makes, so anything larger is a typing error."""
MAX_RATIO = 8.0
"""The most extreme aspect ratio that is accepted."""
SHAPES = {
    "square": 1.0,
    **dict.fromkeys(("landscape", "horizontal", "wide"), 3 / 2),
    **dict.fromkeys(("portrait", "vertical", "tall", "upright"), 2 / 3),
    "widescreen": 16 / 9,
    **dict.fromkeys(("story", "reel"), 9 / 16),
    **dict.fromkeys(("ultrawide", "panorama", "banner"), 21 / 9),
}
AREAS = {"1k": MEGAPIXEL, "2k": 4 * MEGAPIXEL, "4k": 16 * MEGAPIXEL}
"""Resolutions, in pixels."""

_NO_WISH = ("", "auto")
_USUAL = ("1:1", "5:4", "4:3", "3:2", "16:9", "2:1", "21:9", "4:5", "3:4", "2:3", "9:16", "1:2", "9:21")
_SMALLEST_ASKED = 256
"""Shortest side, in pixels, that a model without listed sizes is asked for; it draws badly below."""
_SMALLEST_SIDE = 16
"""Pixels; no picture is so small, so `16x9` is a shape."""
_LARGEST_TERM = 32
"""Largest number in a shape that is written like a size: `32x9`."""
_CLOSE = 0.05
"""Aspect ratios whose logarithms differ by less are the same to a person: 1344x768 is 16:9."""
_SIZE = re.compile(r"([0-9]{1,5})\s*(?:[xX×*]|by)\s*([0-9]{1,5})(?:\s*px)?")
_RATIO = re.compile(r"([0-9]{1,5}(?:\.[0-9]{1,4})?)\s*[:/xX×]\s*([0-9]{1,5}(?:\.[0-9]{1,4})?)")
_QUOTIENT = re.compile(r"[0-9]{1,2}(?:\.[0-9]{1,4})?")


@dataclass(frozen=True, slots=True)
class Wish:
    """The size that a person wants.

    Attributes:
        size: Exact width and height in pixels, or None.
        shape: An aspect ratio for `read_ratio`, or "".
        resolution: One of `AREAS`, or "".
    """

    size: tuple[int, int] | None = None
    shape: str = ""
    resolution: str = ""

    def __str__(self) -> str:
        """Return the shape and the resolution as a person writes them."""
        return " at ".join(part for part in (self.shape, self.resolution.upper()) if part)


def read_wish(size: str, aspect_ratio: str) -> Wish:
    """Parse what a caller gave as size and as aspect ratio; each may hold a shape, and they may agree.

    Raises:
        PlanError: One of them cannot be read, or they disagree.
    """
    size, shape = size.strip().lower(), aspect_ratio.strip().lower()
    shape = "" if shape in _NO_WISH else shape
    if size in AREAS:
        return Wish(None, shape, size)
    if _is_shape(size):
        if shape and not _agree(size, shape):
            raise _disagree(size, shape)
        return Wish(None, shape or size)
    exact = read_size(size)
    if exact and shape:
        if size.isdecimal() and not _agree("square", shape):  # `1024` and `16:9`: a resolution and a shape
            return Wish(None, shape, min(AREAS, key=lambda name: abs(AREAS[name] - exact[0] * exact[1])))
        if not _agree(f"{exact[0]}:{exact[1]}", shape):
            raise _disagree(size, shape)
        shape = ""
    return Wish(exact, shape)


def _is_shape(text: str) -> bool:
    if match := _SIZE.fullmatch(text):
        return not text.endswith("px") and _are_terms(int(match[1]), int(match[2]))
    return text in SHAPES or ":" in text or bool("." in text and _QUOTIENT.fullmatch(text))


def _are_terms(one: int, other: int) -> bool:
    """Tell whether two sides are the terms of a ratio: `16x9` and `1x1`, and not pixels as in `16x16`."""
    least, most = sorted((one, other))
    return 0 < least < _SMALLEST_SIDE and most <= _LARGEST_TERM and (least != most or most == 1)


def _agree(one: str, other: str) -> bool:
    if "match" in (one, other):
        return False
    ratios = read_ratio(one, None), read_ratio(other, None)
    return all(ratios) and abs(math.log((ratios[0] or 1) / (ratios[1] or 1))) < _CLOSE


def _disagree(size: str, shape: str) -> PlanError:
    return PlanError(f"size={size[:40]} and aspect_ratio={shape[:40]} disagree.", "Give one of the two.")


def read_size(text: str) -> tuple[int, int] | None:
    """Parse a size: `WIDTHxHEIGHT` with any separator that the service accepts, or the side of a square.

    Returns:
        Width and height in pixels, or None for "auto".

    Raises:
        PlanError: It is not a size.
    """
    text = text.strip().lower()
    if text in _NO_WISH:
        return None
    match = _SIZE.fullmatch(f"{text}x{text}" if text.isdecimal() else text)
    if match and max(map(int, match.groups())) > MAX_SIDE:
        raise PlanError(
            f"{text[:40]!r} is larger than any picture made here: a side has {MAX_SIDE} pixels at most.",
            "Ask for less.",
        )
    if not match or not all(map(int, match.groups())):
        raise PlanError(
            f"{text[:40]!r} is not a size.",
            'Give it as WIDTHxHEIGHT in pixels, such as "1024x1024", as 1K, 2K or 4K, or as "auto".',
        )
    return int(match[1]), int(match[2])


def read_ratio(text: str, source: tuple[int, int] | None) -> float | None:
    """Parse an aspect ratio.

    Args:
        text: `W:H`, their quotient, one of `SHAPES`, "match", or "" for none.
        source: Width and height of the first source image, for "match".

    Returns:
        Width divided by height, or None if none is asked for.

    Raises:
        PlanError: It is not an aspect ratio, or there is no source image to match.
    """
    word = text.strip().lower()
    if word in _NO_WISH:
        return None
    if word in SHAPES:
        return SHAPES[word]
    if word == "match":
        if source is None:
            raise PlanError(
                "There is no source image to match the shape of.", "Name an aspect_ratio such as 16:9."
            )
        return _within_bounds(source)
    match = _RATIO.fullmatch(f"{word}:1" if _QUOTIENT.fullmatch(word) else word)
    width, height = (float(match[1]), float(match[2])) if match else (0.0, 0.0)
    if width > 0 and height > 0 and not 1 / MAX_RATIO <= width / height <= MAX_RATIO:
        raise PlanError(
            f"The aspect ratio {word} is more extreme than {MAX_RATIO:g}:1.",
            f"Ask for one from 1:{MAX_RATIO:g} to {MAX_RATIO:g}:1.",
        )
    if width <= 0 or height <= 0:
        raise PlanError(
            f"{text[:40]!r} is not an aspect ratio.",
            'Give it as W:H, such as "16:9", or square, landscape, portrait, widescreen, match.',
        )
    return width / height


def _within_bounds(source: tuple[int, int]) -> float:
    return min(max(source[0] / source[1], 1 / MAX_RATIO), MAX_RATIO)


def area_of(wish: Wish) -> int:
    """Return how many pixels a person wants; without a wish, as many as most models are trained for."""
    return math.prod(wish.size) if wish.size else AREAS.get(wish.resolution, MEGAPIXEL)


def size_for(wish: Wish, source: tuple[int, int] | None, entry: ModelEntry) -> str:
    """Return the size to ask a model for, `WIDTHxHEIGHT` or "auto".

    Args:
        wish: What the person wants; a resolution without a shape keeps that of the source, else is square.
        source: Width and height of the first source image, if there is one.
        entry: The model.

    Raises:
        PlanError: The shape cannot be used.
    """
    if wish.size:
        return f"{wish.size[0]}x{wish.size[1]}"
    ratio = read_ratio(wish.shape, source)
    if ratio is None and not wish.resolution:
        return "auto"
    if ratio is None:
        ratio = _within_bounds(source) if source else 1.0
    return size_of_shape(ratio, entry, AREAS.get(wish.resolution, MEGAPIXEL))


def size_to_finish(size: tuple[int, int], entry: ModelEntry) -> str:
    """Return the size to ask a model for, from which an exact size can be made with the least loss.

    It is the size itself where the model makes it; else the one of its list that has to be cropped and
    enlarged least; else the next larger that suits every model, with at least the pixels that models are
    trained for.

    Args:
        size: Width and height in pixels.
        entry: The model.
    """
    exact = f"{size[0]}x{size[1]}"
    own = own_sizes(entry)
    if entry.lists_size(exact) or (min(size) >= _SMALLEST_ASKED and entry.accepts_size(exact)):
        return exact
    if own:
        return min(own, key=lambda listed: _loss(sides(listed), size))
    ratio = _within_bounds(size)
    width = max(size[0], size[1] * ratio)
    height = width / ratio
    larger = max(1.0, math.sqrt(MEGAPIXEL / (width * height)))
    scale = min(larger, _longest_side(entry) / max(width, height))
    return "x".join(str(stepped(side * scale, entry, math.ceil)) for side in (width, height))


def exact_shape(size: tuple[int, int], ratio: float, fit: Fit) -> tuple[int, int]:
    """Return the size of a picture once it is cropped or padded to exactly an aspect ratio.

    Args:
        size: Width and height as made.
        ratio: Width divided by height.
        fit: "contain" adds to the picture, the others take from it.
    """
    width, height = size
    is_wider = width > height * ratio
    if is_wider == (fit == "contain"):
        return width, round(width / ratio) or 1
    return round(height * ratio) or 1, height


def _loss(made: tuple[int, int], size: tuple[int, int]) -> tuple[float, int]:
    """Return what is lost by cropping and enlarging, and the pixels: of equal sizes the smallest wins."""
    lost = math.log(1 / share_kept(made, size)) + max(0.0, math.log(enlargement(made, size)))
    return round(lost, 3), made[0] * made[1]


def size_of_shape(ratio: float, entry: ModelEntry, area: int = MEGAPIXEL) -> str:
    """Return the best size for an aspect ratio: from the model's list, else near an area.

    Of several sizes that match equally well, the one closest to the area wins.

    Args:
        ratio: Width divided by height.
        entry: The model.
        area: In pixels.
    """
    if own := own_sizes(entry):
        return nearest(ratio, area, own)
    width, height = math.sqrt(area * ratio), math.sqrt(area / ratio)
    scale = min(1.0, _longest_side(entry) / max(width, height))
    return f"{stepped(width * scale, entry)}x{stepped(height * scale, entry)}"


def own_sizes(entry: ModelEntry) -> tuple[str, ...]:
    """Return the listed sizes that a model accepts; some `:free` models list sizes that they refuse."""
    return tuple(size for size in entry.sizes if entry.accepts_size(size))


def stepped(side: float, entry: ModelEntry, rounded: Callable[[float], int] = round) -> int:
    """Round a side to a multiple that suits every model of any size, within this model's own bounds.

    Args:
        side: In pixels.
        entry: The model.
        rounded: `math.ceil` for the nearest that is no smaller.
    """
    shortest = entry.facts.min_side or STEP
    return min(max(STEP * rounded(round(side / STEP, 6)), shortest), _longest_side(entry))


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


def shape_in_words(size: str) -> str:
    """Return the shape of a `WIDTHxHEIGHT` as the nearest usual aspect ratio, such as 3:2."""
    width, height = sides(size)
    return min(_USUAL, key=lambda shape: abs(math.log(width / height / (read_ratio(shape, None) or 1))))
