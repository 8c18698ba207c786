"""Prices as people read them."""

from decimal import Decimal

import pytest

from imagerouter_mcp.generation.planning.prices import Estimate, total

FREE = Estimate(Decimal(), Decimal(), Decimal())
RANGE = Estimate(Decimal("0.01"), Decimal("0.02"), Decimal("0.05"))


@pytest.mark.parametrize(
    ("estimate", "words"),
    [
        (FREE, "nothing"),
        (RANGE, "about $0.02 ($0.01 to $0.05)"),
        (Estimate(Decimal("0.04"), Decimal("0.04"), Decimal("0.04")), "$0.04"),
    ],
)
def test_an_estimate_is_read_as_nothing_a_price_or_a_range(estimate: Estimate, words: str) -> None:
    assert str(estimate) == words


def test_a_sum_adds_each_bound_and_is_unknown_when_one_part_is() -> None:
    assert total([RANGE, FREE, RANGE]) == Estimate(Decimal("0.02"), Decimal("0.04"), Decimal("0.10"))
    assert total([RANGE, None]) is None
