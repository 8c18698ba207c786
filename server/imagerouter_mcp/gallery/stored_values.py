"""Read a database row that may be damaged: what cannot be read counts as unknown, and is named."""

import json
import logging
import math
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar, cast

from imagerouter_mcp.money import MOST_USD

logger = logging.getLogger(__name__)

_UNKNOWN_TIME = datetime.fromtimestamp(0, UTC)
_named: set[tuple[str, str]] = set()
_Value = TypeVar("_Value")


class StoredRow:
    """The values of a row, by their columns.

    Args:
        columns: The columns' names, as they were selected: "handle, created_at".
        values: Their values.

    Attributes:
        damaged: The columns that could not be read so far.
    """

    def __init__(self, columns: str, values: Sequence[Any]) -> None:
        self._values = dict(zip(columns.split(", "), values, strict=True))
        self.damaged: list[str] = []

    def text(self, column: str) -> str:
        """Return a text; of damaged bytes what can be read."""
        text = self.optional_text(column)
        return self._unread(column, "") if text is None else text

    def optional_text(self, column: str) -> str | None:
        """Return a text, or None if there is none."""
        value = self._values[column]
        if value is None or isinstance(value, str):
            return value
        read = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
        return self._unread(column, read)

    def path(self, column: str) -> Path | None:
        """Return a path, or None if there is none."""
        value = self._values[column]
        if isinstance(value, str | bytes) and value and b"\0" not in os.fsencode(value):
            return Path(os.fsdecode(value))
        return None if value is None else self._unread(column, None)

    def moment(self, column: str) -> datetime:
        """Return a moment in UTC; 1970 for an unknown one."""
        seconds = self.number(column)
        try:
            return datetime.fromtimestamp(cast("float", seconds), UTC)
        except (TypeError, ValueError, OverflowError, OSError):
            return self._unread(column, _UNKNOWN_TIME)

    def number(self, column: str) -> float | None:
        """Return a finite number that is not negative, or None."""
        value = self._values[column]
        if isinstance(value, int | float) and math.isfinite(value) and value >= 0:
            return value
        return None if value is None else self._unread(column, None)

    def whole_number(self, column: str) -> int | None:
        """Return a whole number that is not negative, or None."""
        value = self.number(column)
        return value if value is None or isinstance(value, int) else self._unread(column, None)

    def amount(self, column: str) -> Decimal | None:
        """Return an amount in USD, or None."""
        value = self._values[column]
        try:
            amount = None if value is None else Decimal(value)
        except (ArithmeticError, TypeError, ValueError):
            return self._unread(column, None)
        if amount is None or (amount.is_finite() and 0 <= amount < MOST_USD):
            return amount
        return self._unread(column, None)

    def json_object(self, column: str) -> dict[str, Any] | None:
        """Return what a JSON object holds, or None if there is none."""
        found = self._json(column)
        if isinstance(found, dict):
            return cast("dict[str, Any]", found)
        return None if found is None else self._unread(column, None)

    def json_texts(self, column: str) -> tuple[str, ...]:
        """Return the strings of a JSON array."""
        found = self._json(column)
        each = cast("list[object]", found) if isinstance(found, list) else [found]
        texts = tuple(text for text in each if isinstance(text, str))
        return texts if len(texts) == len(each) else self._unread(column, texts)

    def name_damage(self) -> tuple[str, ...]:
        """Return the columns that could not be read, and log them once."""
        handle = str(self._values["handle"])
        for column in self.damaged:
            if (handle, column) not in _named:
                _named.add((handle, column))
                logger.warning("What the gallery keeps of %s is damaged: its %s.", handle, column)
        return tuple(self.damaged)

    def _json(self, column: str) -> object:
        value = self._values[column]
        try:
            return None if value is None else json.loads(value)
        except (ValueError, TypeError, RecursionError):
            return self._unread(column, None)

    def _unread(self, column: str, instead: _Value) -> _Value:
        if column not in self.damaged:
            self.damaged.append(column)
        return instead
