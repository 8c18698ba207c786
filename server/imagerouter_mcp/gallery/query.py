"""Turn what a person typed into a condition on records."""

import re
import unicodedata
from datetime import date, datetime, timedelta

from imagerouter_mcp.gallery.days import start_of, today

_DATE = re.compile(r"([12]\d{3})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")


def folded(text: str) -> str:
    """Return text in the form in which it is compared: case-folded and in one Unicode normal form."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def condition(query: str | None) -> tuple[str, list[object]]:
    """Build the condition and its values that `rows.select` takes.

    Every word must match the record's text. A word that reads as a date (`2026`, `2026-11`, `2026-11-23`,
    `today`, `yesterday`) also matches records made then, in the person's time zone.

    Args:
        query: What a person typed, or None for everything.
    """
    parts: list[str] = ["1"]
    values: list[object] = []
    for word in folded(query or "").split():
        part = "instr(words, ?)"  # unlike LIKE, instr has no wildcards
        values.append(word.replace("img-", "img_"))
        span = _span(word)
        if span:
            part = f"({part} OR created_at >= ? AND created_at < ?)"
            values.extend(moment.timestamp() for moment in span)
        parts.append(part)
    return " AND ".join(parts), values


def _span(word: str) -> tuple[datetime, datetime] | None:
    """Return when a word's days begin and end, or None if the word is not a date."""
    try:
        days = _days(word)
        return days and (start_of(days[0]), start_of(days[1]))
    except (ValueError, OverflowError, OSError):  # 2026-13, or a year the system's clock does not know
        return None


def _days(word: str) -> tuple[date, date] | None:
    """Return a word's first day and the day after its last."""
    named = {"today": today(), "yesterday": today() - timedelta(days=1)}.get(word)
    written = _DATE.fullmatch(word)
    if named or not written:
        return (named, named + timedelta(days=1)) if named else None
    year, month, day = written.groups()
    first = date(int(year), int(month or 1), int(day or 1))
    if day:
        return first, first + timedelta(days=1)
    if month:
        return first, (first + timedelta(days=31)).replace(day=1)
    return first, first.replace(year=first.year + 1)
