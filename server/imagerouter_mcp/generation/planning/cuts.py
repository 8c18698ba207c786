"""Choose which part of a picture a masked edit sends, and tell the model what to change in it."""

import math

from imagerouter_mcp.api.facts import prompt_length
from imagerouter_mcp.api.model_list import ModelEntry
from imagerouter_mcp.generation.planning.finishing import Box, Cut, Size
from imagerouter_mcp.generation.planning.sizes import MAX_RATIO, MEGAPIXEL, sides, size_of_shape

_CONTEXT = 0.5
"""Context to cut out on each side of the region, as a share of the region's size."""
_MOST_ENLARGED = 2
"""Most times that a part is enlarged to the model's size; a smaller part takes in more of the picture."""
_THIRDS = (("left", "middle", "right"), ("upper", "middle", "lower"))
_NEARLY_ALL = 0.95
"""Share of the cut's width and height; in a larger region, what is kept is easier to name."""


def cut_around(region: Box, picture: Size, entry: ModelEntry, area: int = MEGAPIXEL) -> Cut:
    """Return the part of a picture that a model gets to change a region of it.

    It has the region in its middle, context beside it, and a shape that the model makes; at the picture's
    edge it is moved inwards. Where the picture leaves no room for the model's shape, the part is sent with
    bars beside it.

    Args:
        region: The box around what is to change.
        picture: The size of the picture.
        entry: The model.
        area: Pixels that the model should make.
    """
    least = tuple(
        min(side, (1 + 2 * _CONTEXT) * (region[at + 2] - region[at])) for at, side in enumerate(picture)
    )
    size, (width, height) = _grown((least[0], least[1]), picture, entry, area)
    across, down = min(picture[0], math.ceil(width)), min(picture[1], math.ceil(height))
    left = _moved_in((region[0] + region[2] - across) // 2, across, picture[0])
    upper = _moved_in((region[1] + region[3] - down) // 2, down, picture[1])
    return Cut(box=(left, upper, left + across, upper + down), size=size, inner=_inner((across, down), size))


def _grown(
    least: tuple[float, float], picture: Size, entry: ModelEntry, area: int
) -> tuple[Size, tuple[float, float]]:
    """Return a size that the model makes, and the part of the picture that is sent in it."""
    size = _nearest_size(least, entry, area)
    part = _in_shape(least, size)
    if part[0] <= picture[0] and part[1] <= picture[1]:
        return size, part
    # The picture is too small for this part: another size may suit its shape better.
    size = _nearest_size((min(picture[0], part[0]), min(picture[1], part[1])), entry, area)
    part = _in_shape(least, size)
    return size, (min(picture[0], part[0]), min(picture[1], part[1]))


def _nearest_size(part: tuple[float, float], entry: ModelEntry, area: int) -> Size:
    ratio = min(max(part[0] / part[1], 1 / MAX_RATIO), MAX_RATIO)
    return sides(size_of_shape(ratio, entry, area))


def _in_shape(least: tuple[float, float], size: Size) -> tuple[float, float]:
    """Return the smallest part that has a size's shape, holds `least` and is not enlarged too much."""
    shape = size[0] / size[1]
    width = max(least[0], least[1] * shape, size[0] / _MOST_ENLARGED)
    return width, width / shape


def _moved_in(start: int, length: int, side: int) -> int:
    return max(0, min(start, side - length))


def _inner(part: Size, size: Size) -> Box:
    """Return where a part lies in a frame: filling it, or in the middle with bars on two sides."""
    scale = min(size[0] / part[0], size[1] / part[1])
    width, height = (
        frame if frame - side * scale <= 1 else round(side * scale)
        for side, frame in zip(part, size, strict=True)
    )
    left, upper = (size[0] - width) // 2, (size[1] - height) // 2
    return left, upper, left + width, upper + height


def guided(prompt: str, entry: ModelEntry, cut: Cut, region: Box, kept: Box | None) -> str:
    """Add to a prompt which part of the cut to change; return it unchanged if there is no room for that.

    Args:
        prompt: The person's.
        entry: The model, whose facts hold the words.
        cut: The part that the model gets.
        region: The box around what is to change.
        kept: The box around what must not change, within the picture.
    """
    words = entry.facts.region_words
    if not words or not prompt or not entry.takes_prompt:
        return prompt
    changed = _within(region, cut)
    if kept and min(changed[2] - changed[0], changed[3] - changed[1]) > _NEARLY_ALL:
        where, words = _within(kept, cut), entry.facts.surroundings_words or words
    else:
        where = changed
    longer = f"{prompt}\n\n{words.format(area=_area_words(where), place=_place_words(where))}"
    return longer if prompt_length(longer) <= entry.facts.max_prompt else prompt


def _within(box: Box, cut: Cut) -> tuple[float, float, float, float]:
    """Convert a box of the picture to fractions of the width and height of what is sent."""
    part = cut.box
    left, upper, right, lower = (
        (
            cut.inner[at % 2]
            + min(max((box[at] - part[at % 2]) / (part[at % 2 + 2] - part[at % 2]), 0), 1)
            * (cut.inner[at % 2 + 2] - cut.inner[at % 2])
        )
        / cut.size[at % 2]
        for at in range(4)
    )
    return left, upper, right, lower


def _area_words(box: tuple[float, float, float, float]) -> str:
    left, upper, right, lower = (round(100 * share) for share in box)
    return f"from {left}% to {right}% of the width and from {upper}% to {lower}% of the height"


def _place_words(box: tuple[float, float, float, float]) -> str:
    """Return in which of nine parts the middle of a box lies: "upper left", "middle"."""
    across, down = (names[min(2, int(3 * (box[at] + box[at + 2]) / 2))] for at, names in enumerate(_THIRDS))
    return across if down == "middle" else down if across == "middle" else f"{down} {across}"
