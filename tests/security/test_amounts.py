"""Amounts of money as the service tells them: from 0 to a million, or unknown, wherever they stand."""

import json
from collections.abc import Callable
from decimal import Decimal

import pytest

from imagerouter_mcp.api.decoded import as_usd
from imagerouter_mcp.api.error_objects import read_error
from imagerouter_mcp.api.model_list import parse_models
from imagerouter_mcp.api.wire import Credits, read_as, read_generation

PLACES: dict[str, Callable[[object], Decimal | float | None]] = {
    "cost of a picture": lambda told: (
        read_generation({"data": [{"url": "https://x/y"}], "cost": told}, sandbox=False).cost
    ),
    "listed price": lambda told: _price({"price": told}),
    "price of a provider": lambda told: _price({"providers": [{"id": "one", "pricing": {"value": told}}]}),
    "highest price of a range": lambda told: _price({"pricing": {"min": 0.01, "average": 0.02, "max": told}}),
    "highest price of one provider of two": lambda told: _price(
        {"providers": [{"pricing": 0.01}, {"pricing": {"max": told}}]}
    ),
    "balance": lambda told: read_as(Credits, {"remaining_credits": told}).remaining_credits,
    "sum of what was used": lambda told: read_as(Credits, {"credit_usage": told}).credit_usage,
    "limit of a key": lambda told: (
        (read_as(Credits, {"usage_by_api_key": [{"spend_limit": told}]}).usage_by_api_key or [])[
            0
        ].spend_limit
    ),
}
ODD = (
    *("1e400", "1e99999999", "NaN", "-Infinity", "1000000", "1e6", "true", "[0.04]", "{}"),
    *(
        '{"value": {"value": 1}}',
        f"{10**400}",
        '"1e99999999"',
        '"NaN"',
        '"much"',
        '"0x10"',
        '"\u0664"',
        '" 1"',
    ),
    *(f'"{"9" * 5000}"', f'"0.{"1" * 5000}"', '"1_000"', '""'),
)
SHOWN = ", ".join(odd for odd in ODD if len(odd) < 20 and odd.isascii())
SECTION = "Money that answers claim"
Row = Callable[[str, str, str], None]


def _price(fields: dict[str, object]) -> float | None:
    (entry,) = parse_models({"vendor/model": {"output": ["image"], **fields}})
    assert not entry.free or entry.price
    return entry.price.high if entry.price else None


@pytest.mark.parametrize("place", PLACES)
def test_what_cannot_be_an_amount_is_unknown(row: Row, place: str) -> None:
    assert {odd: PLACES[place](json.loads(odd)) for odd in ODD} == dict.fromkeys(ODD)
    row(SECTION, f"a {place} of {SHOWN}", "unknown")


@pytest.mark.parametrize("place", [place for place in PLACES if place != "balance"])
def test_only_a_balance_may_be_below_zero(row: Row, place: str) -> None:
    for negative in (-1, -0.000001, -(10**400), float("-inf")):
        assert PLACES[place](negative) is None
    assert PLACES["balance"]("-0.50") == Decimal("-0.5")
    row(SECTION, f"a {place} below zero", "unknown")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("amount", ["0.04", "12", "999999.9999"])
def test_an_amount_is_exact_to_the_micro_dollar(place: str, amount: str) -> None:
    told = PLACES[place](json.loads(amount))
    assert told is not None
    assert Decimal(str(told)) == Decimal(amount)
    if place not in ("cost of a picture", "highest price of one provider of two"):
        assert PLACES[place](amount) == told, "the service writes these as strings, too"


@pytest.mark.parametrize("told", ["0.04", "25.5000"])
def test_a_cost_is_a_number_and_no_string(told: str) -> None:
    assert as_usd(told) is None
    assert PLACES["cost of a picture"](told) is None


def test_what_a_float_adds_is_left_out_and_minus_zero_is_zero() -> None:
    assert as_usd(0.4 * 6) == Decimal("2.4")
    assert str(as_usd(-0.0)) == "0.000000"
    assert as_usd(0.000001) == Decimal("0.000001")


def test_a_failure_whose_cost_cannot_be_read_may_have_been_charged(row: Row) -> None:
    for odd in ODD:
        error = read_error(200, {}, {"error": {"message": "It failed."}, "cost": json.loads(odd)})
        assert error is not None
        assert (error.charged, error.cost_usd) == ("unknown", None), odd
    row(SECTION, f"a failure with a cost of {SHOWN}", "it may have been charged")
