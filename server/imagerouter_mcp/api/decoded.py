"""Read decoded JSON that may have any shape."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import cast

from imagerouter_mcp.money import usd

_BELOW = 10**6
"""USD: nothing costs this much, and no account holds it."""
_WRITTEN = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,40})?")
"""An amount in a string; the service's have four decimals."""


def as_object(value: object) -> Mapping[str, object]:
    """Return a JSON object, or an empty one in place of anything else."""
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}


def as_list(value: object) -> Sequence[object]:
    """Return a JSON array, or an empty one in place of anything else."""
    return cast("Sequence[object]", value) if isinstance(value, list) else ()


def as_usd(value: object, *, written: bool = False, signed: bool = False) -> Decimal | None:
    """Return an amount of money in USD, to the micro-dollar; None for anything that cannot be one.

    Size and digits are judged before anything is calculated: `1e99999999` is a number of a few bytes.

    Args:
        value: Of any type.
        written: Whether the service may write this amount as a string, such as "25.5000".
        signed: Whether it may be below zero, as a balance may.
    """
    if written and isinstance(value, str) and _WRITTEN.fullmatch(value):
        value = Decimal(value)
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float | Decimal)
        or not -_BELOW < value < _BELOW
    ):
        return None
    if value < 0 and not signed:
        return None
    amount = usd(value) + 0  # -0.0 is 0
    return amount if -_BELOW < amount < _BELOW else None  # rounding may have reached the bound
