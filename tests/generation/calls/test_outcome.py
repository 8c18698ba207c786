"""What a call of several is said to have come to."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from imagerouter_mcp.errors import (
    DeliveryError,
    ImageRouterError,
    NotNeededError,
    OutcomeUnknownError,
    ServiceError,
)
from imagerouter_mcp.gallery.entries import GalleryImage, Record
from imagerouter_mcp.generation.calls.outcome import Finished, Outcome, Result, summed_up
from imagerouter_mcp.generation.planning.prices import Estimate


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


def step(model: str, *handles: str, cost: str | None = "0.04", latency: int | None = 1000) -> Result:
    """Return what one step made, at a price that was expected, with a note."""
    record = Record(
        generation=f"gen_{model}",
        created_at=datetime.now(UTC),
        images=tuple(GalleryImage(handle=handle) for handle in handles),
        prompt="a fox",
        model=model,
        cost_usd=None if cost is None else Decimal(cost),
        latency_ms=latency,
    )
    return Result(record, "why", Estimate(Decimal(1), Decimal(2), Decimal(3)), (f"{model} made it.",))


def cut_out(made: Result, removed: Outcome, other: Outcome | None = None) -> Finished:
    """Sum up a call of two requests: the first has a second step, which comes last in the journal."""
    outcomes = [made, other or failed("It broke."), removed]
    return summed_up("gen_1", ["model", "another", "remover"], outcomes, {2: 0})


def test_two_steps_are_one_result_that_has_what_the_first_made_as_its_original() -> None:
    first, second = step("model", "img_1", "img_2"), step("remover", "img_3", cost="0.01", latency=None)
    finished = cut_out(first, second, step("another", "img_4"))
    (result, other) = finished.results
    assert (result.number, other.number, finished.failures) == (1, 2, ())
    assert [image.handle for image in result.record.images] == ["img_3"]
    assert result.record.originals == first.record.images[:1]
    assert result.records == (first.record, result.record)
    assert (result.why, result.model, result.cost_usd) == ("why", "model and remover", Decimal("0.05"))
    assert result.latency_ms == 1000
    assert result.estimate == Estimate(Decimal(2), Decimal(4), Decimal(6))
    gave = "model gave 2 pictures; the others are img_2."
    assert result.notes == ("model made it.", "remover made it.", gave)


def test_what_two_steps_cost_and_took_is_told_as_far_as_it_is_known() -> None:
    (result,) = cut_out(
        step("model", "img_1", latency=None), step("remover", "img_2", cost=None, latency=None)
    ).results
    assert result.cost_usd is result.latency_ms is None
    (result,) = cut_out(step("model", "img_1", latency=300), step("remover", "img_2", latency=200)).results
    assert (result.cost_usd, result.latency_ms) == (Decimal("0.08"), 500)
    assert result.notes == ("model made it.", "remover made it.")


def test_a_second_step_that_had_nothing_to_do_is_a_note() -> None:
    made = step("model", "img_1")
    (result,) = (finished := cut_out(made, NotNeededError("It is transparent already.", ""))).results
    assert (result.record, result.notes) == (made.record, ("model made it.", "It is transparent already."))
    assert [failure.model for failure in finished.failures] == ["another"]


@pytest.mark.parametrize(
    ("error", "beginning", "is_offered"),
    [
        (failed("It broke."), "It broke. Nothing was charged. The picture is there", True),
        (
            OutcomeUnknownError("It is lost.", "Look first."),
            "Look first. The picture is there",
            True,
        ),
        (DeliveryError("It was made.", "Ask again."), "Ask again.", False),
    ],
    ids=["refused", "unknown", "undelivered"],
)
def test_a_second_step_that_failed_leaves_the_picture_and_says_how_to_go_on(
    error: ImageRouterError, beginning: str, *, is_offered: bool
) -> None:
    made = step("model", "img_1")
    finished = cut_out(made, error, step("another", "img_2"))
    assert [result.record for result in finished.results][:1] == [made.record]
    (failure,) = finished.failures
    assert (failure.model, failure.error, failure.second_step) == ("remover", error, True)
    assert beginning in str(failure.error)
    assert ("images=img_1 and model=remover" in str(failure.error)) is is_offered
