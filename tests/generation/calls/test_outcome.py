"""What a call of several is said to have come to."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from imagerouter_mcp.errors import DeliveryError, ImageRouterError, ServiceError
from imagerouter_mcp.gallery.entries import Record
from imagerouter_mcp.generation.calls.outcome import Result, summed_up


def failed(what: str, charged: str | None = None) -> ImageRouterError:
    error = ServiceError(what, "Ask again.", status=200)
    if charged:
        error.charged, error.cost_usd = "yes", Decimal(charged)
    return error


def made(prompt: str) -> Result:
    return Result(
        Record(generation="gen_1", created_at=datetime.now(UTC), images=(), prompt=prompt, model="x/y"), ""
    )


def test_what_failed_stands_beside_what_succeeded_under_its_model() -> None:
    finished = summed_up("gen_1", ["a/1", "b/2", "c/3"], [made("one"), failed("It broke."), made("three")])
    assert [result.record.prompt for result in finished.results] == ["one", "three"]
    assert [str(failure).partition(" Nothing")[0] for failure in finished.failures] == ["b/2: It broke."]


def test_where_nothing_was_made_the_failure_that_cost_money_comes_first_and_names_the_others_once() -> None:
    unknown = DeliveryError("It is lost.", "Look.", charged="unknown")
    errors = [failed("It broke."), unknown, failed("It was paid.", "0.04"), failed("It broke.")]
    with pytest.raises(ImageRouterError) as caught:
        summed_up("gen_1", ["a/1", "b/2", "c/3", "d/4"], errors)
    told = str(caught.value)
    assert told.startswith("It was paid. $0.04 was charged in all.")
    assert told.count("It broke.") == told.count("It is lost.") == told.count("It was paid.") == 1
    assert "Also: It broke." in told


def test_one_failure_is_told_alone() -> None:
    with pytest.raises(ServiceError) as caught:
        summed_up("gen_1", ["a/1"], [failed("It broke.")])
    assert str(caught.value) == "It broke. Nothing was charged. Ask again."
