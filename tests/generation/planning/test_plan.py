"""Plan before paying: what is sent, and what is refused for nothing."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from imagerouter_mcp.api.catalogue import Listing
from imagerouter_mcp.api.model_list import ModelEntry, Price
from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.generation.planning.model_choice import Preference
from imagerouter_mcp.generation.planning.plan import Destination, Plan, choose_model, make_plan, plan_cut_out
from imagerouter_mcp.generation.planning.request import Request
from imagerouter_mcp.money import dollars

PICTURE = "/somewhere/picture.png"
HERE = Destination(Path("/pictures"), "a-fox")
MODELS = (
    ModelEntry(
        "bria/remove-background", takes_image=True, takes_mask=False, price=Price(0.0006, 0.0006, 0.018)
    ),
    ModelEntry("acme/openai-served", takes_image=True, takes_mask=True, providers=("openai",)),
    ModelEntry(
        "openai/gpt-image-1.5",
        takes_image=True,
        takes_mask=False,
        takes_quality=True,
        sizes=("1024x1024", "1536x1024", "1024x1536"),
        price=Price(0.009, 0.133, 0.2),
    ),
    ModelEntry(
        "google/imagen-4",
        takes_image=False,
        takes_mask=False,
        takes_quality=False,
        price=Price(0.037, 0.037, 0.037),
    ),
    ModelEntry(
        "stabilityai/sd3",
        takes_image=True,
        takes_mask=True,
        takes_quality=True,
        price=Price(0.0006, 0.0019, 0.0064),
    ),
    ModelEntry("stabilityai/sdxl-turbo:free", takes_image=False, takes_mask=False, price=Price(0, 0, 0)),
    ModelEntry(
        "google/veo-3", output="video", takes_image=True, takes_mask=False, price=Price(1.6, 1.6, 3.2)
    ),
)
LISTING = Listing(MODELS)
FOX = Request(prompt="a red fox", model="openai/gpt-image-1.5")


def plan(
    request: Request,
    listing: Listing | None = LISTING,
    default: str | None = None,
    source: tuple[int, int] | None = None,
) -> Plan:
    choice = choose_model(request, listing, (), Preference(default))
    return make_plan(
        request, choice, response_format="url", destination=HERE, source=source, listed=listing is not None
    )


def refused(request: Request, listing: Listing | None = LISTING) -> str:
    with pytest.raises(PlanError) as refusal:
        plan(request, listing)
    return str(refusal.value)


def test_only_what_was_asked_for_is_sent() -> None:
    assert plan(FOX).fields == {"model": FOX.model, "prompt": "a red fox", "response_format": "url"}


def test_everything_that_was_asked_for_is_sent_by_its_api_name() -> None:
    request = replace(FOX, size="1536X1024", quality="low", output_format="png", response_format="b64_json")
    assert plan(request).fields == {
        "model": FOX.model,
        "prompt": "a red fox",
        "size": "1536x1024",
        "quality": "low",
        "output_format": "png",
        "response_format": "b64_json",
    }


def test_the_person_s_own_model_stands_in_for_none() -> None:
    assert plan(replace(FOX, model=" "), default="google/imagen-4").model == "google/imagen-4"


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("gpt-image-1.5", "openai/gpt-image-1.5"),
        ("OpenAI/GPT-Image-1.5", "openai/gpt-image-1.5"),
        ("gpt image 1.5", "openai/gpt-image-1.5"),
    ],
)
def test_a_name_that_only_one_model_fits_is_sent_as_its_id_and_said(asked: str, sent: str) -> None:
    made = plan(replace(FOX, model=asked))
    assert made.model == sent
    assert f"{asked} is {sent}." in made.notes


@pytest.mark.parametrize("asked", ["openai/gpt-image-15", "gpt-image", "acme/zzz-9000"])
def test_an_id_that_is_not_listed_is_sent_as_it_is_at_an_unknown_price(asked: str) -> None:
    made = plan(replace(FOX, model=asked, quality="high", size="77x77"))
    assert made.fields["model"] == asked
    assert made.estimate is None
    assert made.notes == (f"{asked} is not in ImageRouter's model list, so its price is not known.",)


def test_an_alias_is_sent_as_the_id_that_it_stands_for_and_said() -> None:
    listing = Listing((ModelEntry("acme/new", aliases=("acme/old",)),))
    made = plan(replace(FOX, model="acme/old"), listing)
    assert made.model == "acme/new"
    assert made.notes == ("acme/old is acme/new.",)


def test_an_id_may_be_long_but_not_a_text() -> None:
    longest = "a/" + "x" * 198
    assert plan(replace(FOX, model=longest)).model == longest
    for other in (longest + "x", "a/b c", "a/b\u202e"):
        assert "is not a model id" in refused(replace(FOX, model=other))


def test_without_a_model_list_the_request_is_sent_unchecked_and_says_so() -> None:
    made = plan(replace(FOX, model="gpt-image", size="777x555"), None)
    assert "not checked" in made.notes[0]
    assert made.fields["size"] == "777x555"


def test_a_video_model_makes_no_picture() -> None:
    sentence = refused(replace(FOX, model="google/veo-3"))
    assert "makes videos" in sentence
    assert "openai/gpt-image-1.5" in sentence


def test_a_model_that_takes_no_pictures_is_refused_naming_one_that_does() -> None:
    sentence = refused(replace(FOX, model="google/imagen-4", images=(PICTURE,)))
    assert "takes no source images" in sentence
    assert "the cheapest is stabilityai/sd3 (about $0.0019)" in sentence


def test_a_model_that_takes_no_mask_is_refused_naming_one_that_does() -> None:
    sentence = refused(replace(FOX, images=(PICTURE,), mask=PICTURE, keep_outside=False))
    assert "takes no mask" in sentence
    assert "stabilityai/sd3" in sentence


@pytest.mark.parametrize(
    "size", ["big", "1024.5.5", "1024x", "0x1024", "-1x5", "1024x1024x3", "1e3x4", "１０２４"]
)
def test_what_is_no_size_is_refused_with_an_example(size: str) -> None:
    assert "1024x1024" in refused(replace(FOX, size=size))


@pytest.mark.parametrize("size", ["16385x10", "10x16385", "16385"])
def test_a_size_beyond_what_is_made_here_is_refused_with_the_limit(size: str) -> None:
    assert "a side has 16384 pixels at most" in refused(replace(FOX, size=size))


def test_transparency_is_measured_only_where_it_was_asked_for() -> None:
    assert plan(FOX).transparency == ""
    asked = replace(FOX, background="transparent", model="acme/cutter")
    cutter = ModelEntry("acme/cutter", takes_image=True, price=Price(0.01, 0.01, 0.01))
    assert plan(asked, Listing((*MODELS, cutter))).transparency


@pytest.mark.parametrize(
    ("model", "stems", "likely"),
    [
        ("google/imagen-4", ("a-fox-uncut", "a-fox"), Decimal("0.0006")),
        (
            "openai/gpt-image-1.5",
            ("a-fox", "a-fox-cutout"),
            Decimal(),
        ),  # it can leave the background out itself
    ],
)
def test_a_background_that_is_removed_afterwards_is_a_plan_of_its_own(
    model: str, stems: tuple[str, str], likely: Decimal
) -> None:
    request = replace(FOX, model=model, background="transparent", size="700x500")
    made = plan(request)
    picture, step = plan_cut_out(request, made, "gen_1", MODELS[0])
    assert (picture.destination.stem, step.destination.stem) == stems
    assert replace(picture, destination=HERE) == replace(made, transparency="")
    assert (step.model, step.follows, step.origins, step.prompt) == (MODELS[0].id, "gen_1", (), FOX.prompt)
    assert step.fields.keys().isdisjoint({"prompt", "size", "quality"})
    assert step.fields["response_format"] == picture.fields["response_format"]
    assert step.estimate
    assert (step.estimate.likely, step.estimate.high) == (likely, Decimal("0.018"))
    assert step.transparency == made.transparency != ""
    assert step.finishing == made.finishing is not None
    masked = replace(request, images=(PICTURE,), mask="box:0,0,50%,50%")
    assert plan_cut_out(masked, made, "gen_1", MODELS[0])[1].finishing is None


@pytest.mark.parametrize(
    ("asked", "nearest"), [("1600x900", "1536x1024"), ("512x512", "1024x1024"), ("700x1000", "1024x1536")]
)
def test_a_size_that_the_model_lacks_is_made_of_the_nearest(asked: str, nearest: str) -> None:
    made = plan(replace(FOX, size=asked))
    assert made.fields["size"] == nearest
    assert made.size == tuple(map(int, asked.split("x")))
    assert f"The picture made at {nearest} is then " in made.expected[0]


def test_a_video_of_a_size_that_the_model_lacks_is_refused_naming_the_nearest() -> None:
    listing = Listing((ModelEntry("acme/film", output="video", sizes=("1280x720", "720x1280")),))
    wanted = replace(FOX, kind="video", model="acme/film", size="999x666")
    assert "The nearest that it makes is 1280x720" in refused(wanted, listing)


def test_a_free_model_makes_no_more_than_1024() -> None:
    made = plan(replace(FOX, model="stabilityai/sdxl-turbo:free", size="1280x720"))
    assert made.fields["size"] == "1024x576"
    assert made.size == (1280, 720)


def test_a_quality_that_the_model_ignores_is_said() -> None:
    made = plan(replace(FOX, model="google/imagen-4", quality="high"))
    assert "quality=high was left out" in made.notes[0]
    assert "quality" not in made.fields


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (replace(FOX, prompt=" \n"), "prompt is empty"),
        (replace(FOX, prompt="fox \ud83d"), "half a character"),
        (replace(FOX, prompt="x" * 10_001), "10001 characters"),
        (replace(FOX, images=(PICTURE,) * 17), "takes 16 source images at most; 17 were given"),
        (replace(FOX, mask=PICTURE), "mask needs a source image"),
    ],
)
def test_what_cannot_work_with_any_model_is_refused(request_: Request, words: str) -> None:
    sentence = refused(request_)
    assert words in sentence
    assert "Nothing was charged." in sentence


def test_only_a_model_that_heeds_no_prompt_does_without_one() -> None:
    bare = replace(FOX, prompt="", images=(PICTURE,))
    assert "prompt is empty" in refused(bare)
    assert "prompt" not in plan(replace(bare, model="bria/remove-background")).fields


def test_a_prompt_of_auto_is_a_prompt() -> None:
    assert plan(replace(FOX, prompt="auto")).fields["prompt"] == "auto"


def test_a_prompt_that_will_not_be_heeded_is_said() -> None:
    made = plan(replace(FOX, model="bria/remove-background", images=(PICTURE,)))
    assert "removes the background and ignores the prompt" in made.notes[0]


def test_a_model_that_works_on_a_picture_is_refused_without_one() -> None:
    assert "needs a picture to work on" in refused(replace(FOX, model="bria/remove-background"))


@pytest.mark.parametrize(
    ("shape", "source", "size"),
    [("16:9", None, "1536x1024"), ("square", None, "1024x1024"), ("match", (90, 160), "1024x1536")],
)
def test_a_shape_becomes_a_size_of_the_model_and_is_said(
    shape: str, source: tuple[int, int] | None, size: str
) -> None:
    made = plan(replace(FOX, aspect_ratio=shape, images=(PICTURE,)), source=source)
    assert made.fields["size"] == size
    (note,) = made.notes
    assert f"was asked for {size} (" in note
    assert note.endswith(f"its nearest to {shape.replace('match', 'the source' + chr(39) + 's shape')}.")


def test_size_and_shape_that_disagree_are_refused() -> None:
    assert "Give one of the two" in refused(replace(FOX, size="1024x1024", aspect_ratio="16:9"))
    assert "Give one of the two" in refused(replace(FOX, size="square", aspect_ratio="portrait"))


@pytest.mark.parametrize(
    ("size", "shape", "sent"),
    [
        ("1024x1024", "1:1", "1024x1024"),
        ("1536x1024", "landscape", "1536x1024"),
        ("portrait", "", "1024x1536"),
        ("16x9", "", "1536x1024"),
        ("32x9", "", "1536x1024"),
        ("1x1", "", "1024x1024"),
        ("square", "1:1", "1024x1024"),
        ("1024", "", "1024x1024"),
        ("1024", "16:9", "1536x1024"),
        ("2K", "", "1024x1024"),
    ],
)
def test_size_and_shape_that_agree_are_sent_as_one(size: str, shape: str, sent: str) -> None:
    assert plan(replace(FOX, size=size, aspect_ratio=shape)).fields["size"] == sent


def test_the_estimate_is_the_catalogue_s_price() -> None:
    assert str(plan(FOX).estimate) == "about $0.133 ($0.009 to $0.20)"


def test_the_mask_s_convention_is_that_of_the_provider() -> None:
    masked = replace(FOX, images=(PICTURE,), mask="box:0,0,50%,50%")
    assert plan(replace(masked, model="stabilityai/sd3")).convention == "white"
    assert plan(replace(masked, model="acme/openai-served")).convention == "transparent"


@pytest.mark.parametrize(
    ("amount", "words"),
    [(0.04, "$0.04"), (0.0006, "$0.0006"), (1.75, "$1.75"), (2, "$2.00"), (0.133, "$0.133")],
)
def test_prices_have_as_many_digits_as_matter(amount: float, words: str) -> None:
    assert dollars(amount) == words
