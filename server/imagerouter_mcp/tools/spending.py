"""The tool `spending`: tell what was spent, by model and day."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal, TypedDict

from anyio import to_thread
from mcp.types import CallToolResult
from pydantic import Field

from imagerouter_mcp.gallery.days import here, today
from imagerouter_mcp.money import dollars
from imagerouter_mcp.tools.declare import READS_HERE, tool
from imagerouter_mcp.tools.parameters import AppContext
from imagerouter_mcp.tools.structured import tool_result
from imagerouter_mcp.tools.unfinished import Unfinished, unfinished, unfinished_lines
from imagerouter_mcp.wiring import App

if TYPE_CHECKING:
    from imagerouter_mcp.gallery.ledger import Spent

Period = Annotated[
    Literal["today", "week", "month", "all"],
    Field(description="Default today."),
]

_EARLIEST, _LATEST = date(1970, 1, 2), date(9999, 12, 30)
"""Days that every time zone can express as seconds since 1970."""
_DAYS = {"today": 1, "week": 7, "month": 30}
_WHEN = {"today": "today", "week": "in the last 7 days", "month": "in the last 30 days", "all": "in all"}
_UNFINISHED_SHOWN = 20


class ModelSpending(TypedDict):
    """What was paid for the results of one model."""

    model: str
    usd: Decimal
    count: int


class DaySpending(TypedDict):
    """What was paid on one day."""

    day: str
    usd: Decimal
    count: int


class BudgetUsed(TypedDict):
    """A budget that limits the person's calls, and how much of it they have used."""

    usd: Decimal
    used_usd: Decimal
    period: Literal["day", "month"]
    shared: bool


class SpendingContent(TypedDict):
    """What was certainly paid, what may have been paid, and what is set aside for calls under way.

    `budget_usd` and `budget_left_usd` are of the person's own budget that has least left; they are missing
    if the person has none.
    """

    period: str
    total_usd: Decimal
    uncertain_usd: Decimal
    under_way_usd: Decimal
    budget_usd: Decimal | None
    budget_left_usd: Decimal | None
    budgets: list[BudgetUsed]
    by_model: list[ModelSpending]
    by_day: list[DaySpending]
    unfinished: list[Unfinished]


@tool("Spending", READS_HERE)
async def spending(
    *, ctx: AppContext, period: Period = "today"
) -> Annotated[CallToolResult, SpendingContent]:
    """Tell what was spent, by model and day, and what is left of today's budget. Free."""
    app = ctx.request_context.lifespan_context.present()
    await app.calls.settle()
    spent = await to_thread.run_sync(app.ledger.between, *_days(period))
    own_key = app.allowance.shares_budget and not await app.payers.operator_pays()
    budgets = await to_thread.run_sync(_budgets, app, own_key)
    tightest = min((each for each in budgets if not each["shared"]), key=_left, default=None)
    entries = await to_thread.run_sync(app.journal.unfinished, _UNFINISHED_SHOWN)
    content = SpendingContent(
        period=period,
        total_usd=_total(spent, lambda each: each.certain),
        uncertain_usd=_total(spent, lambda each: not each.certain and not each.under_way),
        under_way_usd=_total(spent, lambda each: each.under_way),
        budget_usd=tightest["usd"] if tightest else None,
        budget_left_usd=_left(tightest) if tightest else None,
        budgets=budgets,
        by_model=_by_model(spent),
        by_day=_by_day(spent),
        unfinished=list(map(unfinished, entries)),
    )
    lines = [
        _heading(content, sandbox=app.settings.sandbox),
        *(f"{row['model']}: {dollars(row['usd'])} for {row['count']}" for row in content["by_model"]),
        *(
            f"{row['day']}: {dollars(row['usd'])} for {row['count']}"
            for row in content["by_day"]
            if period != "today"
        ),
        *unfinished_lines(entries),
    ]
    return tool_result(lines, content)


def _budgets(app: App, own_key: bool) -> list[BudgetUsed]:  # noqa: FBT001 - `run_sync` passes it by position
    """Return the budgets that apply to the person, without what others use of a shared one."""
    return [
        BudgetUsed(
            usd=budget.usd,
            used_usd=app.ledger.committed(budget.first, budget.last, own_key=budget.own),
            period=budget.period,
            shared=not budget.own and app.allowance.shares_budget,
        )
        for budget in app.allowance.budgets(own_key=own_key)
    ]


def _left(budget: BudgetUsed) -> Decimal:
    return max(Decimal(), budget["usd"] - budget["used_usd"])


def _days(period: str) -> tuple[date, date]:
    """Return the first and the last day of a period."""
    if period == "all":
        return _EARLIEST, _LATEST
    return today() - timedelta(days=_DAYS[period] - 1), today()


def _total(spent: "Sequence[Spent]", counts: "Callable[[Spent], bool]") -> Decimal:
    return sum((each.usd for each in spent if counts(each)), Decimal())


def _by_model(spent: "Sequence[Spent]") -> list[ModelSpending]:
    """Return what was certainly paid by model, the most expensive first."""
    sums = _sums(spent, lambda each: each.model)
    rows = [ModelSpending(model=model, usd=usd, count=count) for model, (usd, count) in sums.items()]
    return sorted(rows, key=lambda row: row["usd"], reverse=True)


def _by_day(spent: "Sequence[Spent]") -> list[DaySpending]:
    """Return what was certainly paid by day, the earliest first."""
    sums = _sums(spent, lambda each: here(each.at).date().isoformat())
    return [DaySpending(day=day, usd=usd, count=count) for day, (usd, count) in sorted(sums.items())]


def _sums(spent: "Sequence[Spent]", key: "Callable[[Spent], str]") -> dict[str, tuple[Decimal, int]]:
    sums: dict[str, tuple[Decimal, int]] = {}
    for each in spent:
        if each.certain:
            usd, count = sums.get(key(each), (Decimal(), 0))
            sums[key(each)] = (usd + each.usd, count + each.results)
    return sums


def _heading(content: SpendingContent, *, sandbox: bool) -> str:
    where = " in the sandbox, which costs nothing" if sandbox else ""
    parts = [f"{dollars(content['total_usd'])} was spent {_WHEN[content['period']]}{where}."]
    if content["uncertain_usd"]:
        parts.append(f"Up to {dollars(content['uncertain_usd'])} more may have been: the outcome is unknown.")
    if content["under_way_usd"]:
        parts.append(f"{dollars(content['under_way_usd'])} is set aside for what is under way.")
    parts += map(_budget_line, content["budgets"])
    if not content["budgets"]:
        parts.append("No budget applies: this person pays with their own API key.")
    return " ".join(parts)


def _budget_line(budget: BudgetUsed) -> str:
    if budget["shared"]:
        return (
            f"All people of this server share a budget of {dollars(budget['usd'])} a day; this person has "
            f"used {dollars(budget['used_usd'])} of it."
        )
    left = f"{dollars(budget['usd'])}, {dollars(_left(budget))} is left."
    return (
        f"Of today's budget of {left}" if budget["period"] == "day" else f"Of this month's budget of {left}"
    )
