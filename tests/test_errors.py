"""Every failure is a sentence, and every sort of failure is known to those who translate."""

import inspect
import re

import pytest

from imagerouter_mcp import errors
from imagerouter_mcp.errors import APIError, ImageRouterError


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
