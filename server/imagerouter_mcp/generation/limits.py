"""What the person allows a call and a day to cost, checked before anything is sent."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from imagerouter_mcp.errors import BudgetError
from imagerouter_mcp.generation.plan import Plan
from imagerouter_mcp.generation.request import Kind, Order
from imagerouter_mcp.money import dollars
from imagerouter_mcp.settings import Settings

MOST_A_CALL: dict[Kind, Decimal] = {"image": Decimal("1.00"), "video": Decimal("5.00")}
"""USD that one call may cost where `IMAGEROUTER_MAX_COST_USD` does not say."""


def check_order(settings: Settings, order: Order, plans: Sequence[Plan]) -> list[Decimal]:
    """Check a call against the limits that hold for one call.

    Args:
        settings: The person's limits.
        order: The call.
        plans: One for each of its requests.

    Returns:
        What to set aside for each request, in USD: its highest price, and where the list tells none, a part
        of what the call may cost.

    Raises:
        BudgetError: It may cost more than is allowed, or more than needs no asking.
    """
    _check_own_limit(order, plans)
    limit = call_limit(settings, order.kind)
    highest = sum((_high(plan) or Decimal() for plan in plans), Decimal())
    if highest > limit:
        raise BudgetError(
            f"This may cost up to {dollars(highest)}, and one call may cost {dollars(limit)}: "
            f"{_prices(plans)}.",
            "Ask for less or for a cheaper model (search_models with max_price); the person can raise "
            "IMAGEROUTER_MAX_COST_USD.",
        )
    unknown = sum(_high(plan) is None for plan in plans)
    confirm = settings.confirm_usd
    if confirm is not None and (unknown or highest > confirm) and not order.confirmed:
        amount = "an amount that nobody knows beforehand" if unknown else f"up to {dollars(highest)}"
        raise BudgetError(
            f"This may cost {amount}, and above {dollars(confirm)} the person wants to be asked: "
            f"{_prices(plans)}.",
            "Tell the person the price; on a yes, call again with confirm_cost=true.",
        )
    share = (limit - highest) / unknown if unknown else Decimal()
    return [share if (high := _high(plan)) is None else high for plan in plans]


def over_budget(settings: Settings, wanted: Decimal, committed: Decimal) -> BudgetError:
    """The error of a call that the day's budget does not hold any more.

    Args:
        settings: The person's limits.
        wanted: What it may cost, in USD.
        committed: What is spent and set aside already.
    """
    return BudgetError(
        f"This may cost up to {dollars(wanted)}, and of today's budget of {dollars(settings.budget_usd)} "
        f"{dollars(committed)} is spent or set aside for what is under way.",
        "Choose a cheaper or free model, or wait until tomorrow; spending tells what it went to, and the "
        "person can raise IMAGEROUTER_BUDGET_USD.",
    )


def call_limit(settings: Settings, kind: Kind) -> Decimal:
    """What one call may cost at most, in USD."""
    return MOST_A_CALL[kind] if settings.max_cost_usd is None else settings.max_cost_usd


def budget_day(now: datetime) -> datetime:
    """When the day of the budget began: at midnight, in the time zone of `now`."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def _check_own_limit(order: Order, plans: Sequence[Plan]) -> None:
    """Hold the caller's own word on what the call may cost."""
    if order.max_cost_usd < 0:
        return
    unknown = [plan.model for plan in plans if plan.estimate is None]
    if unknown:
        raise BudgetError(
            f"The price of {', '.join(unknown)} is not known, so max_cost_usd cannot be held.",
            "Leave that model out, or leave out max_cost_usd.",
        )
    highest = sum((_high(plan) or Decimal() for plan in plans), Decimal())
    if highest > Decimal(str(order.max_cost_usd)):
        raise BudgetError(
            f"This may cost up to {dollars(highest)}, more than the {dollars(order.max_cost_usd)} allowed: "
            f"{_prices(plans)}.",
            "Choose cheaper models (search_models with max_price), or allow more.",
        )


def _high(plan: Plan) -> Decimal | None:
    """The highest price of one result in USD, to the micro-dollar; None where the list tells none."""
    return None if plan.estimate is None else Decimal(f"{plan.estimate.high:.6f}")


def _prices(plans: Sequence[Plan]) -> str:
    """What each model may cost, once for each."""
    told = {plan.model: plan.estimate for plan in plans}
    counts = {model: sum(plan.model == model for plan in plans) for model in told}
    return ", ".join(
        f"{f'{counts[model]} × ' if counts[model] > 1 else ''}{model} "
        f"{f'up to {dollars(price.high)}' if price else 'at an unknown price'}"
        for model, price in told.items()
    )
