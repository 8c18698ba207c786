"""The tool `spending`: what was spent, by model and day."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from anyio import to_thread
from mcp.types import CallToolResult
from pydantic import Field

from imagerouter_mcp.gallery.spending import Spent
from imagerouter_mcp.generation.planning.limits import budget_day
from imagerouter_mcp.generation.planning.prices import dollars
from imagerouter_mcp.tools.parameters import AppContext
from imagerouter_mcp.tools.results import text_block
from imagerouter_mcp.tools.unfinished import unfinished_fields, unfinished_lines

Period = Annotated[
    Literal["today", "week", "month", "all"],
    Field(description="week and month are the last 7 and 30 days. Default today."),
]

SPENDING_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "total_usd": {"type": "number"},
        "uncertain_usd": {"type": "number"},
        "under_way_usd": {"type": "number"},
        "budget_usd": {"type": "number"},
        "budget_left_usd": {"type": "number"},
        "by_model": {"type": "array", "items": {"type": "object"}},
        "by_day": {"type": "array", "items": {"type": "object"}},
        "unfinished": {"type": "array", "items": {"type": "object"}},
    },
}
"""Of the structured content: `total_usd` is what was certainly paid, `uncertain_usd` what may have been,
`under_way_usd` what is set aside; a model is {model, usd, count}, a day {day, usd, count}."""

_DAYS = {"today": 1, "week": 7, "month": 30}


async def spending(*, ctx: AppContext, period: Period = "today") -> CallToolResult:
    """Tell what was spent, by model and day, and what is left of the day's budget. Free of charge."""
    app = ctx.request_context.lifespan_context
    await app.calls.settle()
    today = budget_day()
    since = _since(period)
    spent = await to_thread.run_sync(app.ledger.since, since)
    committed = sum((each.usd for each in await to_thread.run_sync(app.ledger.since, today)), Decimal())
    unfinished = await to_thread.run_sync(app.journal.unfinished, _UNFINISHED_TOLD)
    left = max(Decimal(), app.settings.budget_usd - committed)
    fields: dict[str, Any] = {
        "period": period,
        "total_usd": float(_total(spent, lambda each: each.certain)),
        "uncertain_usd": float(_total(spent, lambda each: not each.certain and not each.under_way)),
        "under_way_usd": float(_total(spent, lambda each: each.under_way)),
        "budget_usd": float(app.settings.budget_usd),
        "budget_left_usd": float(left),
        "by_model": _sums(spent, "model", lambda each: each.model),
        "by_day": _sums(spent, "day", lambda each: each.at.astimezone().date().isoformat()),
        "unfinished": [unfinished_fields(entry) for entry in unfinished],
    }
    lines = [
        _heading(fields),
        *(_line(row, "model") for row in fields["by_model"]),
        *(_line(row, "day") for row in fields["by_day"] if period != "today"),
        *unfinished_lines(unfinished),
    ]
    return CallToolResult(content=[text_block(lines)], structured_content=fields)


_UNFINISHED_TOLD = 20


def _since(period: str) -> datetime:
    if period == "all":
        return datetime.fromtimestamp(0, UTC)
    return budget_day(days_ago=_DAYS[period] - 1)


def _total(spent: Sequence[Spent], wanted: Callable[[Spent], bool]) -> Decimal:
    return sum((each.usd for each in spent if wanted(each)), Decimal())


def _sums(spent: Sequence[Spent], name: str, key: Callable[[Spent], str]) -> list[dict[str, Any]]:
    """What was certainly paid by model or day; days in their order, models by what they cost."""
    sums: dict[str, tuple[Decimal, int]] = {}
    for each in spent:
        if each.certain:
            usd, count = sums.get(key(each), (Decimal(), 0))
            sums[key(each)] = (usd + each.usd, count + 1)
    rows = [{name: which, "usd": float(usd), "count": count} for which, (usd, count) in sums.items()]
    return sorted(rows, key=lambda row: row[name] if name == "day" else -row["usd"])


def _heading(fields: dict[str, Any]) -> str:
    when = {"today": "today", "week": "in the last 7 days", "month": "in the last 30 days", "all": "in all"}
    parts = [f"{dollars(fields['total_usd'])} was spent {when[fields['period']]}."]
    if fields["uncertain_usd"]:
        parts.append(f"Up to {dollars(fields['uncertain_usd'])} more may have been: the outcome is unknown.")
    if fields["under_way_usd"]:
        parts.append(f"{dollars(fields['under_way_usd'])} is set aside for what is under way.")
    parts.append(
        f"Of today's budget of {dollars(fields['budget_usd'])}, {dollars(fields['budget_left_usd'])} is left."
    )
    return " ".join(parts)


def _line(row: dict[str, Any], name: str) -> str:
    return f"{row[name]}: {dollars(row['usd'])} for {row['count']}"
