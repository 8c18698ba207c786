"""Days in the person's time zone."""

from datetime import date, datetime, time


def today() -> date:
    """Return today's date on this computer."""
    return datetime.now().astimezone().date()


def start_of(day: date) -> datetime:
    """Return the moment a day begins here, with the UTC offset that holds at that moment.

    Today's offset would be an hour off for days on the other side of a clock change.
    """
    return datetime.combine(day, time()).astimezone()
