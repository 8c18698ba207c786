"""What a call may cost, and what is reserved for it."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from imagerouter_mcp.errors import BudgetError
from imagerouter_mcp.generation.planning.limits import check_order, does_not_fit, too_short
from imagerouter_mcp.generation.planning.plan import Destination, Plan
from imagerouter_mcp.generation.planning.prices import Estimate
from imagerouter_mcp.generation.planning.request import Order, Request
from imagerouter_mcp.money import Budget, Exceeded
from imagerouter_mcp.settings import Settings


def plan(price: str | None) -> Plan:
    """A plan at one price; None for an unknown one."""
    return Plan(
        kind="image",
        prompt="a fox",
        fields={"model": f"vendor/{price}"},
        why="",
        estimate=Estimate(Decimal(), Decimal(price), Decimal(price)) if price else None,
        destination=Destination(Path("/pictures"), "a-fox"),
        origins=(),
        notes=(),
    )


def reserved(prices: Sequence[str | None], limit: str = "1.00", own: str | None = None) -> list[Decimal]:
    order = Order(
        tool="compare_models",
        requests=(Request(prompt="a fox"),) * len(prices),
        max_cost_usd=Decimal(own) if own else None,
    )
    return check_order(Settings(max_cost_usd=Decimal(limit)), order, list(map(plan, prices)))


@pytest.mark.parametrize(
    ("prices", "amounts"),
    [
        (("0.24", None, None), ("0.24", "0.38", "0.38")),
        ((None,), ("1.00",)),
        (("0.04", "0.04"), ("0.04", "0.04")),
    ],
)
def test_unknown_prices_share_what_the_limit_leaves(
    prices: tuple[str | None, ...], amounts: tuple[str, ...]
) -> None:
    assert reserved(prices) == list(map(Decimal, amounts))


def test_no_more_is_set_aside_than_one_result_can_cost() -> None:
    assert reserved([None], limit="5000000") == [Decimal(999_999)], "the sums leave out a million or more"


def test_a_limit_is_reached_to_the_cent_and_not_passed() -> None:
    assert reserved(["0.10"] * 3, limit="0.30", own="0.30") == [Decimal("0.10")] * 3
    for limit, own in (("0.299999", None), ("0.30", "0.299999")):
        with pytest.raises(BudgetError, match=r"up to \$0.30"):
            reserved(["0.10"] * 3, limit=limit, own=own)


@pytest.mark.parametrize(("prices", "limit"), [((None,), "0"), (("1.00", None), "1.00")])
def test_an_unknown_price_is_refused_where_the_limit_leaves_nothing(
    prices: tuple[str | None, ...], limit: str
) -> None:
    with pytest.raises(BudgetError, match="leaves nothing for a price that nobody knows"):
        reserved(prices, limit=limit)


def test_an_own_limit_cannot_be_held_for_an_unknown_price() -> None:
    with pytest.raises(BudgetError, match="price of vendor/None is not known"):
        reserved(["0.04", None], own="0.50")


def test_a_balance_below_the_highest_prices_together_is_said_and_one_that_covers_them_is_not() -> None:
    plans = [plan("0.04"), plan("0.20"), plan(None)]
    assert too_short(plans, Decimal("0.24")) is None
    assert too_short(plans, Decimal("0.2399")) == (
        "They were made one after the other: to begin all at once, the account needs $0.24, and it has "
        "$0.2399."
    )


def test_what_the_person_agreed_to_holds_up_to_that_price() -> None:
    def check(price: str | None, agreed: str | None) -> None:
        order = Order(
            tool="generate_image",
            requests=(Request(prompt="a fox"),),
            agreed_usd=None if agreed is None else Decimal(agreed),
        )
        check_order(Settings(confirm_usd=Decimal("0.05")), order, [plan(price)])

    check("0.05", None)
    check("0.10", "0.10")
    check(None, "Infinity")
    for price, agreed, said in (
        ("0.06", None, r"up to \$0.06, and above \$0.05 the person wants to be asked"),
        (None, None, "an amount that nobody knows beforehand"),
        ("0.10", "0.09", r"price named was up to \$0.09; by now this may cost up to \$0.10"),
        (None, "0.10", "by now this may cost an amount that nobody knows"),
    ):
        with pytest.raises(BudgetError, match=said):
            check(price, agreed)


@pytest.mark.parametrize("day", [1, 30])
def test_a_months_budget_is_one_on_every_day_of_the_month(day: int) -> None:
    budget = Budget(Decimal(1), date(2026, 11, day), "month", own=True)
    assert budget.first == date(2026, 11, 1)
    told = str(does_not_fit(Exceeded(budget, Decimal(1)), [plan("0.04")], Decimal("0.04")))
    assert "this person's budget of $1.00 for this month" in told
    assert "wait until next month" in told
