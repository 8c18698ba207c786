"""Read decoded JSON that may have any shape."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import cast

_COSTS_BELOW = 10**6
"""USD: no result costs this much."""


def as_object(value: object) -> Mapping[str, object]:
    """Return a JSON object, or an empty one in place of anything else."""
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}


def as_list(value: object) -> Sequence[object]:
    """Return a JSON array, or an empty one in place of anything else."""
    return cast("Sequence[object]", value) if isinstance(value, list) else ()


def as_cost(value: object) -> Decimal | None:
    """Return a JSON number as USD; None for anything that cannot be a cost, such as -1, NaN or a string."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _COSTS_BELOW:
        return None
    return abs(Decimal(str(value)))  # -0.0 is 0
