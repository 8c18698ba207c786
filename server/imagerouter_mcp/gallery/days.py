"""Days in the person's time zone."""

from datetime import UTC, date, datetime, time

FIRST, LAST = date(1970, 1, 2), date(9999, 12, 30)
"""The beginning and the end of each day from the first to the last can be computed in every time zone."""


def named_day(text: str) -> date:
    """Return the day that a text such as `2026-11-23` names.

    Raises:
        ValueError: It names none, or one before `FIRST` or after `LAST`.
    """
    day = date.fromisoformat(text)
    if not FIRST <= day <= LAST:
        raise ValueError(f"{text} is before {FIRST} or after {LAST}")
    return day


def here(moment: datetime) -> datetime:
    """Return a moment in this computer's time zone; in UTC if its offset is a day or more."""
    try:
        return moment.astimezone()
    except ValueError:
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)


def today() -> date:
    """Return today's date on this computer."""
    return here(datetime.now(UTC)).date()


def start_of(day: date) -> datetime:
    """Return the moment a day begins here, with the UTC offset that holds at that moment.

    Today's offset would be an hour off for days on the other side of a clock change.
    """
    return here(datetime.combine(day, time()))
