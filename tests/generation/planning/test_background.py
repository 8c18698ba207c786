"""Who gets a transparent background, from which model, and for how much."""

import pytest

from imagerouter_mcp.api.catalogue import Listing
from imagerouter_mcp.api.facts import facts_of
from imagerouter_mcp.api.model_list import ModelEntry, Price
from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.generation.planning.background import (
    asks_for_transparency,
    choose_remover,
    only_removes_background,
    remover_for,
    sent_prompt,
    what_gives_it,
)
from imagerouter_mcp.generation.planning.request import Request

ASKED = "openai/gpt-image-1.5"
"""Makes the background transparent if the prompt asks for it."""
PLAIN = "google/gemini-2.5-flash"
PAID, FREE = "bria/remove-background", "bria/remove-background:free"


def remover(model: str, usd: float) -> ModelEntry:
    return ModelEntry(model, takes_image=True, price=Price(usd, usd, usd))


UNPRICED, DEAR = ModelEntry("briaai/RMBG-2.0"), remover("briaai/RMBG-2.0-pro", 0.05)
LISTING = Listing((ModelEntry(PLAIN), UNPRICED, DEAR, remover(PAID, 0.018), remover(FREE, 0)))
LOGO = Request(prompt="a fox logo", background="transparent")

ASKS = """
a fox sticker|Sticker: a happy cloud|a set of three stickers of cats|die-cut label of a bear
a transparent logo|logo with transparent background|logo, transparent|icon on transparent|fox (transparent)
a PNG with transparency|give it an alpha channel|fully transparent background|background: transparent
make the background transparent|a 'transparent PNG' logo
A logo, no background|a fox without a background|the shoe, without any background|background removed
remove the background|cut out the background of this|logo on nothing|just the shoe, nothing behind it
a cut-out of a car|a cutout of a fox
"""
DOES_NOT = """
a transparent glass on a table|woman in a transparent raincoat|a transparent jellyfish in the sea
transparent curtains, morning light|bottle of transparent glass|a transparent umbrella
the background is a transparent curtain of rain|a laptop covered in stickers|a suitcase with vintage stickers
a paper cut-out style landscape|paper cutout collage|a cut-out dress|no background people
remove background noise|night sky|a logo on white|a background of mountains
"""


def _lines(table: str) -> list[str]:
    return [prompt for line in table.strip().splitlines() for prompt in line.split("|")]


@pytest.mark.parametrize("prompt", _lines(ASKS))
def test_a_prompt_asks_for_a_transparent_background(prompt: str) -> None:
    assert asks_for_transparency(Request(prompt=prompt))
    assert not asks_for_transparency(Request(prompt=prompt, kind="video"))


@pytest.mark.parametrize("prompt", _lines(DOES_NOT))
def test_a_transparent_thing_or_a_sticker_in_a_scene_does_not_ask_for_it(prompt: str) -> None:
    assert not asks_for_transparency(Request(prompt=prompt))
    assert asks_for_transparency(Request(prompt=prompt, background="transparent"))


def test_a_model_that_follows_the_prompt_is_asked_in_words_once() -> None:
    told = sent_prompt(LOGO, facts_of(ASKED))
    assert told.startswith("a fox logo\n\n")
    assert "alpha channel" in told
    for request, model in (
        (Request(prompt="a fox logo"), ASKED),
        (LOGO, PLAIN),
        (Request(prompt="a fox, no background", background="transparent"), ASKED),
        (Request(prompt="a red hat", background="transparent", images=("last",), mask="alpha"), ASKED),
    ):
        assert sent_prompt(request, facts_of(model)) == request.prompt


@pytest.mark.parametrize(
    ("wanted", "alone"),
    [
        ({}, True),
        ({"model": " Free "}, True),
        ({"prompt": "make it blue"}, False),
        ({"model": PLAIN}, False),
        ({"mask": "box:0,0,50%,50%"}, False),
        ({"images": ()}, False),
        ({"background": "auto"}, False),
    ],
)
def test_only_a_call_for_nothing_else_goes_straight_to_a_remover(
    wanted: dict[str, object],
    alone: bool,  # noqa: FBT001 - the expected answer
) -> None:
    request = {"prompt": " ", "images": ("last",), "background": "transparent", **wanted}
    assert only_removes_background(Request(**request)) == alone  # pyright: ignore[reportArgumentType] - the tests name its fields


def test_the_cheapest_remover_with_a_price_follows_and_a_free_one_a_free_picture() -> None:
    def follows(entry: ModelEntry, model: str = "") -> str | None:
        found = remover_for(Request(prompt="a fox", background="transparent", model=model), entry, LISTING)
        return found and found.id

    assert follows(ModelEntry(PLAIN)) == PAID
    assert follows(ModelEntry(PLAIN), " FREE") == FREE
    assert follows(ModelEntry("acme/fox:free")) == FREE
    assert follows(ModelEntry(ASKED)) == PAID
    assert follows(ModelEntry(PAID)) is None, "it removes the background itself"
    assert follows(ModelEntry("recraft-ai/recraft-vectorize")) is None, "a drawing has none"
    assert remover_for(Request(prompt="a fox sticker"), ModelEntry(PLAIN), LISTING) is None


def test_where_nothing_removes_a_background_only_a_model_that_makes_none_is_used() -> None:
    empty = Listing((ModelEntry(PLAIN), ModelEntry(ASKED)))
    assert remover_for(LOGO, ModelEntry(ASKED), empty) is None
    with pytest.raises(PlanError, match="names no model that removes") as paid:
        remover_for(LOGO, ModelEntry(PLAIN), empty)
    assert "name a paid model" not in str(paid.value)
    with pytest.raises(PlanError, match=r"names no free model .* or name a paid model"):
        remover_for(LOGO, ModelEntry("acme/fox:free"), empty)
    with pytest.raises(PlanError, match="list cannot be read"):
        remover_for(LOGO, ModelEntry(PLAIN), None)


def test_a_remover_is_chosen_by_price_and_the_answer_says_so() -> None:
    cheapest, free = (choose_remover(Request(prompt="", model=word), LISTING) for word in ("auto", "Free"))
    assert (cheapest.id, cheapest.why) == (
        PAID,
        "it is the cheapest that removes backgrounds (about $0.018)",
    )
    assert (free.id, free.why) == (FREE, "it is the free one that removes backgrounds (free)")
    assert choose_remover(Request(prompt=""), Listing((UNPRICED, DEAR))).id == DEAR.id
    with pytest.raises(PlanError, match="no model can be chosen"):
        choose_remover(Request(prompt=""), None)


def test_a_picture_without_transparency_names_what_gives_it() -> None:
    assert what_gives_it(DEAR).endswith(
        "edit_image with model=briaai/RMBG-2.0-pro removes any (about $0.05)."
    )
    assert what_gives_it(None).endswith('background="transparent" asks for it from the start.')
