"""A damaged row is read as far as it can be, and what cannot is named."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from imagerouter_mcp.gallery.stored_values import StoredRow
from imagerouter_mcp.money import MOST_USD

Read = Callable[[StoredRow, str], object]
UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("read", "stored", "value", "damaged"),
    [
        (StoredRow.text, "fox", "fox", False),
        (StoredRow.text, None, "", True),
        (StoredRow.text, b"f\xff", "f\ufffd", True),
        (StoredRow.text, 7, "7", True),
        (StoredRow.optional_text, None, None, False),
        (StoredRow.path, b"/a/\xe9.png", Path("/a/\udce9.png"), False),
        (StoredRow.path, "/a/b.png", Path("/a/b.png"), False),
        (StoredRow.path, None, None, False),
        (StoredRow.path, b"", None, True),
        (StoredRow.path, b"/a\0b", None, True),
        (StoredRow.path, 5, None, True),
        (StoredRow.moment, 86_400, datetime(1970, 1, 2, tzinfo=UTC), False),
        (StoredRow.moment, 1e300, UNKNOWN_TIME, True),
        (StoredRow.moment, "yesterday", UNKNOWN_TIME, True),
        (StoredRow.moment, None, UNKNOWN_TIME, True),
        (StoredRow.number, 0, 0, False),
        (StoredRow.number, 1.5, 1.5, False),
        (StoredRow.number, None, None, False),
        (StoredRow.number, -1, None, True),
        (StoredRow.number, float("inf"), None, True),
        (StoredRow.number, "5", None, True),
        (StoredRow.whole_number, 5, 5, False),
        (StoredRow.whole_number, None, None, False),
        (StoredRow.whole_number, 1.5, None, True),
        (StoredRow.amount, "0.0400", Decimal("0.0400"), False),
        (StoredRow.amount, "0", Decimal(), False),
        (StoredRow.amount, None, None, False),
        (StoredRow.amount, "-0.01", None, True),
        (StoredRow.amount, "NaN", None, True),
        (StoredRow.amount, str(MOST_USD), None, True),
        (StoredRow.amount, "much", None, True),
        (StoredRow.json_object, '{"a": 1}', {"a": 1}, False),
        (StoredRow.json_object, None, None, False),
        (StoredRow.json_object, "[1]", None, True),
        (StoredRow.json_object, "{", None, True),
        (StoredRow.json_object, "[" * 100_000, None, True),
        (StoredRow.json_texts, '["a", "b"]', ("a", "b"), False),
        (StoredRow.json_texts, "[]", (), False),
        (StoredRow.json_texts, '["a", 1]', ("a",), True),
        (StoredRow.json_texts, '{"a": "b"}', (), True),
        (StoredRow.json_texts, b"\xff", (), True),
    ],
    ids=lambda value: value.__name__ if callable(value) else repr(value)[:30],
)
def test_each_kind_of_value_is_read_or_counts_as_unknown(
    read: Read, stored: object, value: object, *, damaged: bool
) -> None:
    row = StoredRow("handle, column", ("gen_1", stored))
    assert read(row, "column") == value
    assert row.damaged == (["column"] if damaged else [])


def test_damage_is_named_by_its_column_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        row = StoredRow("handle, width, cost, height", ("gen_damaged", -1, "?", 5))
        for read, column in (
            (StoredRow.number, "width"),
            (StoredRow.whole_number, "width"),
            (StoredRow.amount, "cost"),
            (StoredRow.number, "height"),
        ):
            read(row, column)
        assert row.name_damage() == ("width", "cost")
    told = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert told == [
        f"What the gallery keeps of gen_damaged is damaged: its {name}." for name in ("width", "cost")
    ]
