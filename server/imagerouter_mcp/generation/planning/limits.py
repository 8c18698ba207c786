"""Spending limits of a call, of a day and of a person, checked before anything is sent."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from imagerouter_mcp.api.catalogue import Listing, closest_ids
from imagerouter_mcp.errors import BudgetError
from imagerouter_mcp.generation.planning.model_choice import is_choosable
from imagerouter_mcp.generation.planning.plan import Plan
from imagerouter_mcp.generation.planning.request import ANY_PRICE, Kind, Order
from imagerouter_mcp.money import MOST_USD, Exceeded, dollars
from imagerouter_mcp.people.personal_limits import NO_LIMITS, Limits
from imagerouter_mcp.settings import Settings

MOST_A_CALL: dict[Kind, Decimal] = {"image": Decimal("1.00"), "video": Decimal("5.00")}
"""USD that one call may cost if `IMAGEROUTER_MAX_COST_USD` is not set."""
_ANY_PERMITTED = "Choose one of those (search_models)"
_OPERATOR_RAISES = "the operator of this server can raise it (imagerouter-mcp people limit)"


def check_order(
    settings: Settings, order: Order, plans: Sequence[Plan], limits: Limits = NO_LIMITS
) -> list[Decimal]:
    """Check an order against the limits for one call.

    Args:
        settings: The limits that hold for everybody.
        order: The order.
        plans: One for each of its requests.
        limits: The person's own limits.

    Returns:
        What to reserve for each request, in USD: its highest price; if that is unknown, an equal share of
        what the limit leaves.

    Raises:
        BudgetError: It may cost more than is allowed, or the person has to agree first.
    """
    known = [plan.estimate.high for plan in plans if plan.estimate]
    unknown = len(plans) - len(known)
    highest = sum(known, Decimal())
    _check_own_limit(order, plans, highest)
    limit, raised = call_limit(settings, order.kind), "the person can raise IMAGEROUTER_MAX_COST_USD"
    if limits.call_usd is not None and limits.call_usd < limit:
        limit, raised = limits.call_usd, _OPERATOR_RAISES
    if highest > limit:
        raise BudgetError(
            f"This may cost up to {dollars(highest)}, and one call may cost {dollars(limit)}: "
            f"{_prices(plans)}.",
            f"Ask for less or for a cheaper model (search_models with max_price){_in_one_step(plans)}; "
            f"{raised}.",
        )
    if unknown and highest == limit:
        raise BudgetError(
            f"One call may cost {dollars(limit)}, which leaves nothing for a price that nobody knows: "
            f"{_prices(plans)}.",
            f"Choose models whose price is known (search_models); {raised}.",
        )
    confirm = settings.confirm_usd
    if confirm is not None and (unknown or highest > confirm):
        _check_agreed(order, plans, confirm)
    share = min((limit - highest) / unknown, MOST_USD - 1) if unknown else Decimal()
    return [plan.estimate.high if plan.estimate else share for plan in plans]


def check_permitted(limits: Limits, models: Iterable[str], listing: Listing | None) -> None:
    """Check that a person may use all of some models.

    Args:
        limits: The person's.
        models: Their ids.
        listing: The model list, for naming others; None if it could not be read.

    Raises:
        BudgetError: The operator does not let them use one.
    """
    for model in models:
        if not limits.permits(model):
            raise BudgetError(
                f"This person may not use {model}, only models of the form {', '.join(limits.models)}.",
                f"{_permitted_instead(limits, model, listing)}, or ask the operator of this server.",
            )


def _permitted_instead(limits: Limits, model: str, listing: Listing | None) -> str:
    """Return which models to use, as the beginning of a sentence."""
    if listing is None:
        return _ANY_PERMITTED
    permitted, refused = listing.restricted(limits.permits), listing.find(model)
    near = closest_ids(permitted, model) or [
        entry.id
        for entry in permitted.models
        if is_choosable(entry) and (refused is None or entry.output == refused.output)
    ]
    return f"Choose one of those, such as {', '.join(near[:3])}" if near else _ANY_PERMITTED


def does_not_fit(exceeded: Exceeded, plans: Sequence[Plan], highest: Decimal) -> BudgetError:
    """Return the error for a call that exceeds a budget, or the number of calls under way.

    Args:
        exceeded: The limit that it exceeds.
        plans: What the call would send.
        highest: What it may cost, in USD.
    """
    budget = exceeded.budget
    if budget is None:
        return BudgetError(
            "This person has as many calls under way as the operator of this server allows.",
            "Collect one with get_generation first (list_images names them), then call again.",
        )
    cheaper = f"Choose a cheaper or free model{_in_one_step(plans)}"
    of_a_day = budget.period == "day"
    wait = f"or wait until {'tomorrow' if of_a_day else 'next month'}"
    if budget.others_usd is not None:
        return BudgetError(
            f"This may cost up to {dollars(highest)}, more than is left of today's budget, which all people "
            "of this server share.",
            f"{cheaper}, {wait}; the operator of this server can raise IMAGEROUTER_BUDGET_USD.",
        )
    whose = f"{'this person' if budget.own else 'today'}'s budget"
    period = f" for {'today' if of_a_day else 'this month'}" if budget.own else ""
    raised = _OPERATOR_RAISES if budget.own else "the person can raise IMAGEROUTER_BUDGET_USD"
    return BudgetError(
        f"This may cost up to {dollars(highest)}. Of {whose} of {dollars(budget.usd)}{period}, "
        f"{dollars(exceeded.committed)} is spent, reserved or of unknown outcome.",
        f"{cheaper}, {wait}; spending tells what it went to, and {raised}.",
    )


def highest_price(plans: Sequence[Plan]) -> Decimal | None:
    """Return what all plans may cost together, in USD; None if the price of one is not known."""
    return highest_total(plans) if all(plan.estimate for plan in plans) else None


def highest_total(plans: Sequence[Plan]) -> Decimal:
    """Return the sum of the highest prices that are known, in USD."""
    return sum((plan.estimate.high for plan in plans if plan.estimate), Decimal())


def too_short(plans: Sequence[Plan], credits_left: Decimal) -> str | None:
    """Return a note if the balance does not cover the highest prices of all plans together.

    Args:
        plans: What would be sent side by side.
        credits_left: The account's balance in USD.
    """
    highest = highest_total(plans)
    if highest <= credits_left:
        return None
    return (
        f"They were made one after the other: to begin all at once, the account needs {dollars(highest)}, "
        f"and it has {dollars(credits_left)}."
    )


def call_limit(settings: Settings, kind: Kind) -> Decimal:
    """Return what one call may cost at most, in USD."""
    return MOST_A_CALL[kind] if settings.max_cost_usd is None else settings.max_cost_usd


def _check_own_limit(order: Order, plans: Sequence[Plan], highest: Decimal) -> None:
    """Check the limit that the caller gave."""
    if order.max_cost_usd is None:
        return
    unknown = [plan.model for plan in plans if plan.estimate is None]
    if unknown:
        raise BudgetError(
            f"The price of {', '.join(unknown)} is not known, so max_cost_usd cannot be held.",
            "Leave that model out, or leave out max_cost_usd.",
        )
    if highest > order.max_cost_usd:
        raise BudgetError(
            f"This may cost up to {dollars(highest)}, more than the {dollars(order.max_cost_usd)} allowed: "
            f"{_prices(plans)}.",
            "Choose cheaper models (search_models with max_price), or allow more.",
        )


def _check_agreed(order: Order, plans: Sequence[Plan], confirm: Decimal) -> None:
    """Check that the person agreed to a price above which they want to be asked."""
    price = highest_price(plans)
    amount = "an amount that nobody knows beforehand" if price is None else f"up to {dollars(price)}"
    if order.agreed_usd is None:
        raise BudgetError(
            f"This may cost {amount}, and above {dollars(confirm)} the person wants to be asked: "
            f"{_prices(plans)}.",
            "Tell the person the price; on a yes, call again with confirm_cost=true.",
        )
    if (ANY_PRICE if price is None else price) > order.agreed_usd:
        raise BudgetError(
            f"The price named was up to {dollars(order.agreed_usd)}; by now this may cost {amount}: "
            f"{_prices(plans)}.",
            "Tell the person the new price; on a yes, make the same call again.",
        )


def _in_one_step(plans: Sequence[Plan]) -> str:
    """Return how to avoid a paid second step, as an item of a list; "" if there is none."""
    if not any(plan.follows for plan in plans):
        return ""
    return ', or leave out background="transparent" and use finish_image with "cutout", which is free'


def _prices(plans: Sequence[Plan]) -> str:
    """Return what each model may cost, naming each once."""
    estimates = {plan.model: plan.estimate for plan in plans}
    counts = {model: sum(plan.model == model for plan in plans) for model in estimates}
    return ", ".join(
        f"{f'{counts[model]} × ' if counts[model] > 1 else ''}{model} "
        f"{f'up to {dollars(price.high)}' if price else 'at an unknown price'}"
        for model, price in estimates.items()
    )
