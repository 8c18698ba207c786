"""Amounts of money, exact to the micro-dollar."""

from decimal import Decimal

import pytest

from imagerouter_mcp.api.decoded import as_usd
from imagerouter_mcp.money import dollars, usd


@pytest.mark.parametrize(
    ("amount", "exact"),
    [(0.04, "0.04"), (1e-7, "0.000001"), (Decimal("4e-9"), "0.000001"), (0.0000014, "0.000001"), (0, "0")],
)
def test_an_amount_is_rounded_to_the_micro_dollar_and_none_to_nothing(
    amount: float | Decimal, exact: str
) -> None:
    assert usd(amount) == Decimal(exact)


def test_a_price_too_small_to_be_written_counts_with_the_smallest_amount() -> None:
    assert as_usd(1e-9) == as_usd("0.000000001", written=True) == Decimal("0.000001")
    assert as_usd(-1e-9, signed=True) == 0
    assert dollars(usd(1e-9)) == "$0.000001"
