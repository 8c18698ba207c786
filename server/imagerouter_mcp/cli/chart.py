"""A bar for each day, as a terminal can draw it."""

from collections.abc import Mapping, Sequence
from typing import Any

from imagerouter_mcp.money import dollars

WIDTH = 40
"""Characters of the longest bar."""
_EIGHTHS = " ▏▎▍▌▋▊▉"


def chart(days: Sequence[Mapping[str, Any]]) -> list[str]:
    """The lines of a bar chart; none where there are not two days to compare.

    Args:
        days: As the tool `spending` tells them: {day, usd, count}, the earliest first.
    """
    most = max((day["usd"] for day in days), default=0)
    if len(days) < 2 or not most:  # noqa: PLR2004 - one bar says nothing
        return []
    return ["", *(f"{day['day']} {_bar(day['usd'] / most)} {dollars(day['usd'])}" for day in days)]


def _bar(share: float) -> str:
    whole, eighths = divmod(round(share * WIDTH * 8), 8)
    return "█" * whole + (_EIGHTHS[eighths] if eighths else "")
