"""Describe what the operator lets one person spend and use."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cache
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from imagerouter_mcp.money import MOST_BUDGET_USD

_Usd = Annotated[Decimal, Field(ge=0)]


@dataclass(frozen=True, slots=True)
class Limits:
    """A person's limits, in addition to those of the operator's settings. None means no limit.

    Attributes:
        day_usd: The most that a day's calls may cost together.
        month_usd: The same for a calendar month.
        call_usd: The most that one call may cost.
        calls: How many calls may be under way.
        models: Patterns of the ids of models that may be used, such as `openai/*`; none allow every model.
    """

    day_usd: _Usd | None = None
    month_usd: _Usd | None = None
    call_usd: _Usd | None = None
    calls: Annotated[int, Field(ge=1)] | None = None
    models: tuple[str, ...] = ()

    def permits(self, model: str) -> bool:
        """Return whether a model may be used."""
        lowered = model.lower()
        return not self.models or any(fnmatchcase(lowered, pattern.lower()) for pattern in self.models)

    def to_json(self) -> str:
        """Return the limits as JSON."""
        return _form().dump_json(self).decode()

    @classmethod
    def checked(cls, fields: Mapping[str, Any]) -> "Limits":
        """Parse limits from texts.

        Raises:
            ValueError: One cannot be read.
        """
        limits = _form().validate_python(fields)
        if max(limits.day_usd or 0, limits.month_usd or 0, limits.call_usd or 0) > MOST_BUDGET_USD:
            raise ValueError(f"a limit is above {MOST_BUDGET_USD} dollars")
        return limits

    @classmethod
    def from_json(cls, text: str) -> "Limits":
        """Read the limits from JSON."""
        return _form().validate_json(text)


@cache
def _form() -> TypeAdapter[Limits]:
    return TypeAdapter(Limits)


NO_LIMITS = Limits()
