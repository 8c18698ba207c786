"""From what a person types to a condition on records."""

import re
import unicodedata
from datetime import datetime, timedelta

_DATE = re.compile(r"([12]\d{3})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")


def folded(text: str) -> str:
    """Text as it is compared: without case, in one of Unicode's ways of writing it."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def condition(query: str | None, now: datetime) -> tuple[str, list[object]]:
    """What `rows.select` takes: every word must match, in the text or as a date.

    A word that reads as a date (`2026`, `2026-11`, `2026-11-23`, `today`, `yesterday`) also matches what was
    made then, in the time zone of `now`.

    Args:
        query: What a person typed, or None for everything.
        now: With a time zone.
    """
    parts: list[str] = ["1"]
    values: list[object] = []
    for word in folded(query or "").split():
        part = "instr(words, ?)"  # unlike LIKE, it gives no character a meaning
        values.append(word.replace("img-", "img_"))
        span = _span(word, now)
        if span:
            part = f"({part} OR created_at >= ? AND created_at < ?)"
            values.extend(moment.timestamp() for moment in span)
        parts.append(part)
    return " AND ".join(parts), values


def _span(word: str, now: datetime) -> tuple[datetime, datetime] | None:
    """When a word's time begins and ends, or None if it is no date."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    named = {"today": today, "yesterday": today - timedelta(days=1)}.get(word)
    if named:
        return named, named + timedelta(days=1)
    written = _DATE.fullmatch(word)
    return _written_span(today, *written.groups()) if written else None


def _written_span(
    today: datetime, year: str, month: str | None, day: str | None
) -> tuple[datetime, datetime] | None:
    try:
        start = today.replace(year=int(year), month=int(month or 1), day=int(day or 1))
    except ValueError:  # such as 2026-13
        return None
    if day:
        return start, start + timedelta(days=1)
    if month:
        return start, (start + timedelta(days=31)).replace(day=1)
    return start, start.replace(year=start.year + 1)
