"""Every failure is a sentence, and every sort of failure is known to those who translate."""

import inspect
import re
from decimal import Decimal

import pytest

from imagerouter_mcp import errors
from imagerouter_mcp.errors import APIError, ImageRouterError, OutcomeUnknownError, PlanError, revived


def every_error() -> list[type[ImageRouterError]]:
    members = inspect.getmembers(errors, inspect.isclass)
    return [member for _, member in members if issubclass(member, ImageRouterError)]


def made(kind: type[ImageRouterError]) -> ImageRouterError:
    if issubclass(kind, APIError):
        return kind("It went wrong.", "Do this.", status=400)
    return kind("It went wrong.", "Do this.")


@pytest.mark.parametrize("kind", every_error())
def test_an_error_says_what_happened_then_about_money_then_what_to_do(kind: type[ImageRouterError]) -> None:
    sentence = str(made(kind))
    assert re.fullmatch(r"It went wrong\. [A-Z][^.]*(charged|paid)[^.]*\. Do this\.", sentence)


@pytest.mark.parametrize("kind", every_error())
def test_every_error_stands_in_the_drawn_hierarchy(kind: type[ImageRouterError]) -> None:
    assert re.search(rf"\b{kind.__name__}\b", errors.__doc__ or "")


def test_no_two_sorts_of_error_share_a_name_for_programs() -> None:
    kinds = [error.kind for error in every_error()]
    assert len(kinds) == len(set(kinds))


def test_only_lost_answers_and_lost_deliveries_speak_of_money_spent() -> None:
    spent = {error.__name__ for error in every_error() if made(error).charged != "no"}
    assert spent == {"OutcomeUnknownError", "DeliveryError"}


@pytest.mark.parametrize(
    ("cost", "kept", "words"),
    [
        ("0.04", False, "$0.04 was charged."),
        ("0.0134", False, "$0.0134 was charged."),
        ("1.2", True, "Up to $1.20 was kept."),
        (None, True, "It was charged up to the model's highest price."),
        (None, False, "It has been paid for."),
    ],
)
def test_an_error_that_cost_money_says_how_much_also_in_another_process(
    cost: str | None,
    kept: bool,  # noqa: FBT001 - a table's column
    words: str,
) -> None:
    error = ImageRouterError("It failed.", "Do this.", charged="yes")
    error.cost_usd, error.kept = (None if cost is None else Decimal(cost)), kept
    again = revived(error.as_fields())
    assert str(error) == str(again) == f"It failed. {words} Do this."
    assert (again.cost_usd, again.kept) == (error.cost_usd, kept)


def test_only_a_lost_answer_may_still_complete() -> None:
    lost = OutcomeUnknownError("It was sent.", "Look first.")
    failed = ImageRouterError("It failed.", "Look first.", charged="unknown")
    assert "It may still complete and be charged." in str(lost)
    assert str(revived(lost.as_fields())) == str(lost)
    assert "It may have been charged." in str(failed)


def test_a_sentence_shows_all_that_it_quotes_on_one_line() -> None:
    error = PlanError("'1024\u200bx\U000e0100' is not a size.\nPay now.", "Give another\u202e one.")
    assert str(error) == "'1024 x ' is not a size. Pay now. Nothing was charged. Give another  one."
