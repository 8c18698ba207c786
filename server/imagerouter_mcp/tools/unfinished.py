"""Describe generations without a result: under way, failed or of unknown outcome."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, TypedDict

from imagerouter_mcp.errors import revived
from imagerouter_mcp.gallery.days import here
from imagerouter_mcp.lines import collapse
from imagerouter_mcp.money import dollars
from imagerouter_mcp.tools.structured import PROMPT_IN_FIELDS, short_prompt

if TYPE_CHECKING:
    from imagerouter_mcp.gallery.entries import Entry

_STATES = {
    "preparing": "Being prepared",
    "queued": "Waiting for its turn",
    "working": "Under way",
    "failed": "Failed",
    "unknown": "Outcome unknown",
    "not_sent": "Never sent",
}
_ENDED = ("failed", "not_sent")
_ENDED_SHOWN = 3
_REASON_SHOWN = 100
"""Characters."""


class Unfinished(TypedDict):
    """A generation without a result; `may_cost_usd` is the most that it was expected to cost."""

    generation: str
    state: str
    prompt: str
    model: str
    created: str
    may_cost_usd: Decimal | None
    error: str | None
    next_step: str | None


def unfinished(entry: "Entry") -> Unfinished:
    """Return a generation without a result as structured content."""
    uncertain = entry.open or entry.state == "unknown"
    return Unfinished(
        generation=entry.handle,
        state=entry.state,
        prompt=entry.prompt[:PROMPT_IN_FIELDS],
        model=entry.model,
        created=entry.created_at.isoformat(timespec="seconds"),
        may_cost_usd=entry.reserved_usd if uncertain else None,
        error=str(revived(entry.error)) if entry.error else None,
        next_step=f"collect it with get_generation {entry.call}" if entry.open else None,
    )


def unfinished_lines(entries: "Sequence[Entry]") -> list[str]:
    """Return a line for each generation without a result, but only for the newest of those that failed."""
    pending = [entry for entry in entries if entry.state not in _ENDED]
    ended = [entry for entry in entries if entry.state in _ENDED]
    lines = [_line(entry) for entry in (*pending, *ended[:_ENDED_SHOWN])]
    more = len(ended) - _ENDED_SHOWN
    return [*lines, f"and {more} more that failed"] if more > 0 else lines


def _line(entry: "Entry") -> str:
    fields = unfinished(entry)
    parts = [
        f"{_STATES[entry.state]}: {fields['generation']}",
        here(entry.created_at).strftime("%Y-%m-%d %H:%M"),
        fields["model"],
        "" if fields["may_cost_usd"] is None else f"up to {dollars(fields['may_cost_usd'])}",
        f'"{short_prompt(entry.prompt)}"',
        fields["next_step"] or "",
        _reason(entry),
    ]
    return " · ".join(part for part in parts if part)


def _reason(entry: "Entry") -> str:
    """Return why there is no result, briefly if it ended without cost."""
    if not entry.error:
        return ""
    error = revived(entry.error)
    over = entry.state in _ENDED and error.charged == "no"
    return collapse(error.what, _REASON_SHOWN) if over else str(error)
