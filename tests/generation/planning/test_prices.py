"""Prices as people read them."""

from decimal import Decimal

import pytest

from imagerouter_mcp.api.model_list import ModelEntry, Price
from imagerouter_mcp.generation.planning.prices import Estimate, estimate, price_words, total

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


@pytest.mark.parametrize(
    ("entry", "expected", "words"),
    [
        (None, None, ""),
        (ModelEntry("a/b"), None, "price unknown"),
        (ModelEntry("a/b:free"), FREE, "free"),
        (ModelEntry("a/b", price=Price(0, 0, 0)), FREE, "free"),
        (ModelEntry("a/b", price=Price(0.01, 0.02, 0.05)), RANGE, "about $0.02"),
    ],
)
def test_what_a_model_may_cost_is_what_the_list_says(
    entry: ModelEntry | None, expected: Estimate | None, words: str
) -> None:
    assert estimate(entry) == expected
    assert entry is None or price_words(entry) == words


def test_a_sum_adds_each_bound_and_is_unknown_when_one_part_is() -> None:
    assert total([RANGE, FREE, RANGE]) == Estimate(Decimal("0.02"), Decimal("0.04"), Decimal("0.10"))
    assert total([RANGE, None]) is None
