"""Describe generations without a result: under way, failed or of unknown outcome."""

from imagerouter_mcp.errors import revived
from imagerouter_mcp.gallery.entries import Entry
from imagerouter_mcp.money import dollars
from imagerouter_mcp.tools.structured import PROMPT_IN_FIELDS, Content, Usd, short_prompt

_STATES = {
    "preparing": "being prepared",
    "queued": "waiting for its turn",
    "working": "under way",
    "failed": "failed",
    "unknown": "outcome unknown",
    "not_sent": "never sent",
}


class Unfinished(Content):
    """A generation without a result; `may_cost_usd` is the most that it was expected to cost."""

    generation: str
    state: str
    prompt: str
    model: str
    created: str
    may_cost_usd: Usd | None = None
    error: str | None = None
    next_step: str | None = None


def unfinished(entry: Entry) -> Unfinished:
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


def unfinished_line(entry: Entry) -> str:
    """Return a generation without a result in one line."""
    fields = unfinished(entry)
    parts = [
        f"Unfinished: {fields.generation}",
        _STATES[entry.state],
        entry.created_at.astimezone().strftime("%Y-%m-%d %H:%M"),
        fields.model,
        "" if fields.may_cost_usd is None else f"up to {dollars(fields.may_cost_usd)}",
        f'"{short_prompt(entry.prompt)}"',
        fields.next_step or "",
        fields.error or "",
    ]
    return " · ".join(part for part in parts if part)
