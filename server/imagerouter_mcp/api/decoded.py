"""Decoded JSON of which nothing is known yet."""

from collections.abc import Mapping, Sequence
from typing import cast


def as_object(value: object) -> Mapping[str, object]:
    """A decoded JSON object, or an empty one in place of anything else."""
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}


def as_list(value: object) -> Sequence[object]:
    """A decoded JSON array, or an empty one in place of anything else."""
    return cast("Sequence[object]", value) if isinstance(value, list) else ()
