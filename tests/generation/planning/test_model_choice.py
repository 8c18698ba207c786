"""Choosing a model for a person who named none."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from imagerouter_mcp.api.catalogue import Listing
from imagerouter_mcp.api.facts import facts_of
from imagerouter_mcp.api.model_list import ModelEntry, Price
from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.generation.planning.model_choice import (
    CANDIDATES,
    ModelChoice,
    Need,
    Preference,
    choose,
    examples,
)


def entry(
    model: str, price: float, *, edits: bool = False, masks: bool = False, **more: object
) -> ModelEntry:
    plain = ModelEntry(model, takes_image=edits, takes_mask=masks, price=Price(price, price, price))
    return replace(plain, **more)  # pyright: ignore[reportArgumentType] - the tests name its fields


LISTING = Listing(
    (
        entry("acme/dear", 0.2, edits=True, masks=True),
        entry("acme/fair", 0.04, edits=True),
        entry("acme/plain", 0.03),
        entry("acme/penny", 0.001),
        entry("acme/masker", 0.01, edits=True, masks=True),
        entry("acme/gift:free", 0),
        entry("acme/gift-edit:free", 0, edits=True),
        entry("acme/film", 0.5, edits=True, output="video"),
        entry("test/test", 0, edits=True, masks=True),
        entry("sandbox/kept-charge", 0.0001, edits=True, masks=True),
        entry("bria/remove-background", 0.0006, edits=True),
    )
)
POPULAR = (
    "test/test",
    "bria/remove-background",
    "acme/film",
    "gone/model",
    "acme/dear",
    "acme/fair",
    "acme/plain",
)
TEXT, EDIT, MASK = Need(), Need(images=True), Need(images=True, mask=True)


def chosen(asked: str, need: Need = TEXT, **preference: object) -> ModelChoice:
    return choose(asked, need, LISTING, POPULAR, Preference(**preference))  # pyright: ignore[reportArgumentType] - as above


@pytest.mark.parametrize("asked", ["", "auto", " AUTO "])
def test_auto_is_the_most_used_that_fits_the_call_and_the_price(asked: str) -> None:
    assert chosen(asked).id == "acme/fair"
    assert chosen(asked, EDIT).id == "acme/fair"
    assert chosen(asked, MASK).id == "acme/masker"
    assert chosen(asked, auto_max_usd=Decimal("0.3")).id == "acme/dear"


def test_of_those_that_fit_one_that_takes_the_quality_comes_first() -> None:
    listing = Listing((entry("acme/plain", 0.03), entry("acme/fair", 0.04, takes_quality=True)))
    popular = ("acme/plain", "acme/fair")
    for quality, model in (("auto", "acme/plain"), ("high", "acme/fair")):
        assert choose("auto", Need(quality=quality), listing, popular, Preference()).id == model


def test_the_reason_is_told_with_the_price() -> None:
    assert chosen("auto", MASK).why == (
        "it is a popular one that edits with a mask for up to $0.05 (about $0.01)"
    )


def test_cheapest_is_the_cheapest_paid_one_that_fits() -> None:
    assert chosen("cheapest").id == "acme/penny"
    assert chosen("cheapest", EDIT).id == "acme/masker"


def test_free_is_a_free_one_that_fits() -> None:
    assert chosen("free").id == "acme/gift:free"
    assert chosen("free", EDIT).id == "acme/gift-edit:free"
    with pytest.raises(PlanError, match="no free model that edits with a mask"):
        chosen("free", MASK)


def test_the_person_s_own_model_comes_first_where_it_can_do_it() -> None:
    own: dict[str, Any] = {"model": "acme/plain", "edit_model": "acme/masker"}
    assert chosen("", **own).id == "acme/plain"
    assert chosen("", EDIT, **own).id == "acme/masker"
    assert chosen("", EDIT, **own).why == "it is your IMAGEROUTER_EDIT_MODEL"
    assert chosen("", EDIT, model="acme/plain").id == "acme/fair"
    assert chosen("cheapest", **own).id == "acme/penny"


def test_a_person_s_own_model_that_is_not_listed_is_left_to_the_service_not_replaced() -> None:
    assert chosen("", model="acme/plian") == ModelChoice("acme/plian", None, "it is your IMAGEROUTER_MODEL")


def test_dummies_special_models_and_videos_are_never_chosen() -> None:
    for need in (TEXT, EDIT, MASK):
        for word in ("auto", "cheapest", "free"):
            for limit in map(Decimal, ("0", "0.05", "10")):
                try:
                    choice = choose(word, need, LISTING, POPULAR, Preference(auto_max_usd=limit))
                except PlanError:
                    continue
                assert choice.entry
                assert not facts_of(choice.id).does
                assert choice.id not in ("test/test", "sandbox/kept-charge")
                assert need.fits(choice.entry)


def test_where_nothing_fits_the_price_the_refusal_names_what_would() -> None:
    with pytest.raises(PlanError, match=r"edits with a mask for up to \$0.005") as refusal:
        chosen("auto", MASK, auto_max_usd=Decimal("0.005"))
    assert "acme/masker (about $0.01), acme/dear (about $0.20)" in str(refusal.value)


def test_without_a_ranking_the_reviewed_models_come_first() -> None:
    reviewed = tuple(entry(model, 0.01, edits=True) for model in reversed(CANDIDATES))
    listing = Listing((*LISTING.models, *reviewed))
    assert choose("auto", TEXT, listing, (), Preference()).id == CANDIDATES[0]


def test_without_a_model_list_only_a_named_model_can_be_used() -> None:
    assert choose("acme/fair", TEXT, None, (), Preference()) == ModelChoice("acme/fair", None)
    assert choose("", TEXT, None, (), Preference("acme/fair")).id == "acme/fair"
    with pytest.raises(PlanError, match="Name one"):
        choose("auto", TEXT, None, (), Preference())


def test_examples_can_all_do_it() -> None:
    assert examples(MASK, LISTING) == ", for example acme/dear (about $0.20), acme/masker (about $0.01)"


@pytest.mark.parametrize(
    ("need", "of", "fits"),
    [
        (TEXT, entry("a/b", 1), True),
        (TEXT, entry("a/b", 1, output="video"), False),
        (EDIT, entry("a/b", 1), False),
        (EDIT, entry("a/b", 1, edits=True), True),
        (MASK, entry("a/b", 1, edits=True), False),
        (MASK, entry("a/b", 1, edits=True, masks=True), True),
        (Need(size="999x666"), entry("a/b", 1, sizes=("1024x1024",)), True),
        (Need(size="999x666", kind="video"), entry("a/b", 1, output="video", sizes=("1024x1024",)), False),
        (Need(size="1024x1024", kind="video"), entry("a/b", 1, output="video", sizes=("1024x1024",)), True),
        (Need(seconds=5, kind="video"), entry("a/b", 1, output="video", seconds=(4, 8)), False),
        (Need(seconds=8, kind="video"), entry("a/b", 1, output="video", seconds=(4, 8)), True),
        (Need(quality="high"), entry("a/b", 1), True),
    ],
)
def test_a_model_fits_that_takes_what_is_given_and_makes_what_is_wanted(
    need: Need, of: ModelEntry, *, fits: bool
) -> None:
    assert need.fits(of) is fits


def test_a_quality_that_a_model_does_not_take_does_not_fit() -> None:
    limited = entry("openai/gpt-image-1.5:free", 0)
    assert [Need(quality=quality).fits(limited) for quality in ("low", "high", "auto")] == [True, False, True]
