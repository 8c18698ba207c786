"""What the model list does not tell and the data file does: refused or adapted before it costs anything."""

from dataclasses import replace
from pathlib import Path

import pytest

from imagerouter_mcp.api.catalogue import Listing
from imagerouter_mcp.api.model_list import ModelEntry, Price, parse_models
from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.generation.planning.model_choice import Need, Preference, choose, instead
from imagerouter_mcp.generation.planning.plan import Destination, Plan, choose_model, make_plan
from imagerouter_mcp.generation.planning.request import Request

PICTURE = "/somewhere/picture.png"
PENNY = Price(0.01, 0.01, 0.01)


def model(model_id: str, *providers: str, **fields: object) -> ModelEntry:
    """A model that takes pictures and qualities."""
    plain = ModelEntry(model_id, takes_image=True, takes_quality=True, price=PENNY, providers=providers)
    return replace(plain, **fields)  # pyright: ignore[reportArgumentType] - the tests name its fields


LISTING = Listing(
    (
        model("stabilityai/sd3", "runware"),
        model("acme/many", "fal"),
        model("openai/gpt-image-1.5:free", "openai"),
        model("midjourney/midjourney", "replicate"),
        model("acme/served-by-chutes", "chutes"),
        model("openai/dall-e-3", "openai", sizes=("1024x1024",)),
        model("google/gemini-2.5-flash", "gemini", sizes=("1024x1024", "1344x768")),
        model("acme/wordless", "fal", takes_text=False),
        model("acme/sized", "fal", sizes=("1024x1024",), price=Price(0.02, 0.02, 0.02)),
        model("acme/film", "fal", output="video", seconds=(5, 10), default_seconds=5, price=Price(1, 1, 2)),
        model(
            "tencent/hunyuan-video-1.5",
            "runware",
            output="video",
            seconds=(5, 8),
            sizes=("848x480", "480x848"),
        ),
    )
)


def planned(**wanted: object) -> Plan:
    request = Request(**{"prompt": "a fox", **wanted})  # pyright: ignore[reportArgumentType] - as above
    choice = choose_model(request, LISTING, (), Preference())
    return make_plan(
        request, choice, response_format="url", destination=Destination(Path("/pictures"), "a-fox")
    )


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (
            {"model": "stabilityai/sd3", "images": (PICTURE,) * 3},
            "stabilityai/sd3 takes one source image; 3 were given. Nothing was charged. Leave some out, or",
        ),
        (
            {"model": "acme/film", "kind": "video", "images": (PICTURE,) * 7},
            "acme/film takes 6 source images at most; 7 were given",
        ),
        (
            {"model": "openai/gpt-image-1.5:free", "quality": "high"},
            "does not make quality=high. Nothing was charged. Use quality auto or low",
        ),
        ({"model": "stabilityai/sd3", "size": "4096x64"}, "Ask for a shape of up to 20:1"),
        ({"model": "stabilityai/sd3", "size": "8000x4000"}, "8000x4000 has 32. Nothing was charged. Ask for"),
        (
            {"model": "stabilityai/sd3", "prompt": "x"},
            "takes prompts of 2 to 3000 characters; this one has 1",
        ),
        ({"model": "stabilityai/sd3", "prompt": "🦊" * 1501}, "this one has 3002"),
        ({"model": "acme/many", "prompt": "🦊" * 5001}, "The prompt has 10002 characters"),
        ({"model": "acme/wordless"}, "acme/wordless takes no prompt; it needs a picture to work on"),
    ],
)
def test_what_a_model_is_known_to_refuse_is_refused_before(wanted: dict[str, object], words: str) -> None:
    with pytest.raises(PlanError) as refusal:
        planned(**wanted)
    assert words in str(refusal.value)


def test_a_size_between_what_the_provider_draws_is_made_of_the_next_larger_one() -> None:
    assert planned(model="stabilityai/sd3", size="1080x1900").fields["size"] == "1088x1920"
    assert planned(model="stabilityai/sd3", size="970x90").fields["size"] == "2048x256"


def test_an_extreme_shape_stays_within_what_the_provider_draws() -> None:
    assert planned(model="stabilityai/sd3", aspect_ratio="8:1").fields["size"] == "2048x256"


@pytest.mark.parametrize("name", ["midjourney/midjourney", "acme/served-by-chutes"])
def test_a_size_that_will_be_ignored_is_told_in_advance(name: str) -> None:
    assert planned(model=name, size="640x640").expected == (
        f"{name} makes its own size, whatever is asked for.",
    )
    assert planned(model=name).expected == ()


def test_a_format_that_will_be_ignored_is_told_in_advance() -> None:
    assert planned(model="google/gemini-2.5-flash", output_format="jpeg").expected == (
        "google/gemini-2.5-flash answers PNG, whatever is asked for.",
    )
    assert planned(model="google/gemini-2.5-flash", output_format="png").expected == ()


def test_a_format_that_a_provider_refuses_is_left_out_and_that_is_said() -> None:
    made = planned(model="openai/dall-e-3", output_format="png")
    assert "output_format" not in made.fields
    assert "output_format=png was left out" in made.notes[0]


def test_a_video_is_asked_for_with_its_usual_length_and_where_needed_with_its_first_size() -> None:
    assert planned(model="acme/film", kind="video").fields["seconds"] == "5"
    assert planned(model="acme/film", kind="video", seconds=10).fields["seconds"] == "10"
    needy = planned(model="tencent/hunyuan-video-1.5", kind="video").fields
    assert (needy["size"], needy["seconds"]) == ("848x480", "5")


def test_further_pictures_of_a_video_are_said_to_be_unused() -> None:
    made = planned(model="acme/film", kind="video", images=(PICTURE,) * 2)
    assert made.notes == ("acme/film is known to use only the first of its source images.",)


@pytest.mark.parametrize(
    ("need", "chosen"),
    [
        (Need(), "midjourney/midjourney"),
        (Need(size="1024x1024"), "stabilityai/sd3"),
        (Need(size="1344x768"), "stabilityai/sd3"),
        (Need(images=2), "google/gemini-2.5-flash"),
        (Need(images=2, output_format="png"), "google/gemini-2.5-flash"),
        (Need(quality="high", output_format="jpeg"), "midjourney/midjourney"),
    ],
)
def test_what_lists_the_wish_is_chosen_before_what_leaves_it_open(need: Need, chosen: str) -> None:
    popular = ("acme/wordless", "midjourney/midjourney", "stabilityai/sd3", "google/gemini-2.5-flash")
    assert choose("auto", need, LISTING, popular, Preference()).id == chosen


def test_a_person_s_model_may_be_an_alias() -> None:
    listing = Listing(
        parse_models(
            {
                "google/gemini-2.5-flash": {"output": ["image"], "providers": []},
                "bria/remove-background": {"output": ["image"], "providers": []},
            }
        )
    )
    own = Preference(model="gemini-2.5-flash-image")
    assert choose("", Need(), listing, (), own).id == "google/gemini-2.5-flash"
    assert choose("briaai/RMBG-2.0", Need(), listing, (), own).id == "bria/remove-background"
    assert choose("briaai/RMBG-2.0:free", Need(), listing, (), own).id == "briaai/RMBG-2.0:free"


def test_instead_of_an_unknown_model_the_closest_ids_are_named() -> None:
    assert instead("gemini-2.5-flsh", Need(), LISTING).startswith(
        "The closest ids are google/gemini-2.5-flash"
    )
    assert "acme/many (about $0.01)" in instead("zzz", Need(size="1000x1000"), LISTING)
