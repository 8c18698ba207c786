"""Generations without a result, as a tool tells them."""

from collections.abc import Sequence
from typing import Any

from imagerouter_mcp.errors import revived
from imagerouter_mcp.gallery.entries import Entry
from imagerouter_mcp.generation.planning.prices import dollars

_PROMPT_SHOWN, _PROMPT_TOLD = 60, 200
"""Characters of a prompt in the text and in the structured content."""
_STATES = {
    "preparing": "being prepared",
    "queued": "waiting for its turn",
    "working": "under way",
    "failed": "failed",
    "unknown": "outcome unknown",
    "not_sent": "never sent",
}


def unfinished_fields(entry: Entry) -> dict[str, Any]:
    """A generation without a result as JSON; `may_cost_usd` is the most that it was expected to cost."""
    fields: dict[str, Any] = {
        "generation": entry.handle,
        "state": entry.state,
        "prompt": entry.prompt[:_PROMPT_TOLD],
        "model": entry.model,
        "created": entry.created_at.isoformat(timespec="seconds"),
    }
    if entry.reserved_usd is not None and (entry.open or entry.state == "unknown"):
        fields["may_cost_usd"] = float(entry.reserved_usd)
    if entry.error:
        fields["error"] = str(revived(entry.error))
    return fields


def unfinished_lines(entries: Sequence[Entry]) -> list[str]:
    """A line for each, with what to do."""
    return [_line(entry) for entry in entries]


def _line(entry: Entry) -> str:
    prompt = " ".join(entry.prompt.split())
    shown = prompt if len(prompt) <= _PROMPT_SHOWN else f"{prompt[: _PROMPT_SHOWN - 1]}…"
    money = f"up to {dollars(entry.reserved_usd)}" if entry.reserved_usd is not None else ""
    parts = [
        f"Unfinished: {entry.handle}",
        _STATES[entry.state],
        entry.created_at.astimezone().strftime("%Y-%m-%d %H:%M"),
        entry.model,
        money if entry.open or entry.state == "unknown" else "",
        f'"{shown}"',
        f"collect it with get_generation {entry.call}" if entry.open else "",
        str(revived(entry.error)) if entry.error else "",
    ]
    return " · ".join(part for part in parts if part)
