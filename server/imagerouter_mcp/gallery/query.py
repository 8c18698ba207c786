"""Turn what a person typed into a condition on records."""

import json
import re
from datetime import date, datetime, timedelta

from imagerouter_mcp.gallery.days import start_of, today
from imagerouter_mcp.gallery.rows import folded, storable_json

CONDITION = """NOT EXISTS (
    SELECT 1 FROM json_each(?) WHERE NOT (
        instr(words, json_extract(value, '$[0]')) > 0
        OR created_at >= CAST(json_extract(value, '$[1]') AS DOUBLE PRECISION)
            AND created_at < CAST(json_extract(value, '$[2]') AS DOUBLE PRECISION)
    )
)"""
"""On the table `generations`; for its value see `condition_value`. Unlike LIKE, `instr` has no wildcards."""

_DATE = re.compile(r"([12]\d{3})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")


def condition_value(query: str | None) -> str:
    """Write the value for `CONDITION`: a JSON array of words, each with the time span it may stand for.

    Every word must match the record's text. A word that reads as a date (`2026`, `2026-11`, `2026-11-23`,
    `today`, `yesterday`) also matches records made then, in the person's time zone.

    Args:
        query: What a person typed, or None for everything.
    """
    words = folded(query or "").split()
    return storable_json([[word.replace("img-", "img_"), *_span(word)] for word in words])


def matches(query: str, text: str, created_at: datetime) -> bool:
    """Tell whether a text of that time has every word of a query, as `CONDITION` tells of a record."""
    words, moment = folded(text), created_at.timestamp()
    conditions = json.loads(condition_value(query))
    return all(word in words or begin <= moment < end for word, begin, end in conditions)


def _span(word: str) -> tuple[float, float]:
    """Return when a word's days begin and end, in seconds since 1970; an empty span if it is not a date."""
    try:
        days = _days(word)
        return (start_of(days[0]).timestamp(), start_of(days[1]).timestamp()) if days else (0, 0)
    except (ValueError, OverflowError, OSError):  # 2026-13, or a year the system's clock does not know
        return (0, 0)


def _days(word: str) -> tuple[date, date] | None:
    """Return a word's first day and the day after its last."""
    named: dict[str, date] = {"today": today(), "yesterday": today() - timedelta(days=1)}
    if word in named:
        return named[word], named[word] + timedelta(days=1)
    written = _DATE.fullmatch(word)
    if not written:
        return None
    year, month, day = written.groups()
    first = date(int(year), int(month or 1), int(day or 1))
    if day:
        return first, first + timedelta(days=1)
    if month:
        return first, (first + timedelta(days=31)).replace(day=1)
    return first, first.replace(year=first.year + 1)
