"""Lengths as callers write them: pixels, or a percentage of a side."""

import re
from dataclasses import dataclass
from typing import Self

_LENGTH = re.compile(r"([+-]?[0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(%|px)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Length:
    """A number of pixels, or a percentage of a side."""

    number: float
    percent: bool

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the length that a text such as `10%`, `200` or `200px` names, or None if it names none."""
        found = _LENGTH.fullmatch(text.strip())
        return found and cls(float(found[1]), percent=found[2] == "%")

    def of(self, side: int) -> float:
        """Return the length in pixels, for a side of `side` pixels."""
        return self.number * side / 100 if self.percent else self.number
