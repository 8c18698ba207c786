"""Draw a bar chart of the days on a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from imagerouter_mcp.money import dollars

WIDTH = 40
"""Characters of the longest bar."""
_EIGHTHS = " ▏▎▍▌▋▊▉"


def chart(days: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the lines of a bar chart; none for fewer than two days.

    Args:
        days: Objects {day, usd, count} from the tool `spending`, the earliest first.
    """
    most = max((day["usd"] for day in days), default=0)
    if len(days) < 2 or not most:  # noqa: PLR2004 - one bar says nothing
        return []
    return ["", *(f"{day['day']} {_bar(day['usd'] / most)} {dollars(day['usd'])}" for day in days)]


def _bar(share: float) -> str:
    whole, eighths = divmod(round(share * WIDTH * 8), 8)
    return "█" * whole + (_EIGHTHS[eighths] if eighths else "")
