"""What is refused before anything is paid, to the character, the pixel and the second, and what is said."""

from dataclasses import replace
from pathlib import Path

import pytest

from imagerouter_mcp.api.catalogue import Listing
from imagerouter_mcp.api.model_list import ModelEntry, Price
from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.generation.planning.checks import MAX_SECONDS, check_different, check_request
from imagerouter_mcp.generation.planning.model_choice import ModelChoice, Preference
from imagerouter_mcp.generation.planning.plan import Destination, Plan, choose_model, make_plan
from imagerouter_mcp.generation.planning.request import Request

SQUARE = ModelEntry("acme/square", takes_image=True, takes_quality=False, sizes=("1024x1024",))
FILM = ModelEntry(
    "acme/film",
    output="video",
    seconds=(5, 10),
    sizes=(*(f"{16 * n}x{9 * n}" for n in range(40, 52)), "720x1280"),
    price=Price(0.1, 0.1, 0.1),
)
LISTING = Listing((SQUARE, FILM))
FOX = Request(prompt="a fox", model=SQUARE.id)
CLIP = Request(prompt="a fox", model=FILM.id, kind="video", size="640x360", seconds=5)


def planned(request: Request) -> Plan:
    choice = choose_model(request, LISTING, (), Preference())
    return make_plan(
        request, choice, response_format="url", destination=Destination(Path("/pictures"), "a-fox")
    )


@pytest.mark.parametrize(
    ("most", "more", "said"),
    [
        ({"prompt": "x" * 10_000}, {"prompt": "x" * 10_001}, "has 10001 characters; ImageRouter takes 10000"),
        ({"prompt": "🦊"}, {"prompt": "\ud83e"}, "half a character"),
        ({"seconds": 1}, {"seconds": 0.5}, "cannot be 0.5 seconds long"),
        ({"seconds": MAX_SECONDS}, {"seconds": MAX_SECONDS + 1}, f"Ask for 1 to {MAX_SECONDS} seconds"),
        ({"filename": "fox.webp"}, {"filename": "fox.JPG", "background": "transparent"}, "no transparency"),
        ({"mask": "alpha", "images": ("last",)}, {"mask": "alpha"}, "needs a source image"),
    ],
)
def test_no_model_is_asked_for_what_none_can_do(
    most: dict[str, object], more: dict[str, object], said: str
) -> None:
    check_request(replace(FOX, **most))  # pyright: ignore[reportArgumentType] - the tests name its fields
    with pytest.raises(PlanError, match=said):
        check_request(replace(FOX, **more))  # pyright: ignore[reportArgumentType] - as above


def test_a_comparison_pays_for_no_model_twice() -> None:
    square, film = ModelChoice(SQUARE.id, SQUARE), ModelChoice(FILM.id, FILM)
    check_different({"square": square, "auto": film})
    with pytest.raises(PlanError, match="'square' and 'auto' name the same model, acme/square"):
        check_different({"square": square, "film": film, "auto": square})


@pytest.mark.parametrize(
    ("most", "more", "said"),
    [
        ("4096x4096", "4097x4096", "enlarged here to 17 megapixels at most"),
        ("2000x100", "2001x100", "Ask for a shape of up to 20:1"),
        ("100x2000", "100x2001", "Ask for a shape of up to 20:1"),
    ],
)
def test_a_size_is_made_here_of_one_that_the_model_makes_within_bounds(
    most: str, more: str, said: str
) -> None:
    made = planned(replace(FOX, size=most))
    assert (made.fields["size"], made.size) == ("1024x1024", tuple(map(int, most.split("x"))))
    with pytest.raises(PlanError, match=said):
        planned(replace(FOX, size=more))


def test_a_video_that_a_model_does_not_make_is_refused_with_the_nearest_that_it_makes() -> None:
    assert planned(CLIP).fields["size"] == "640x360"
    with pytest.raises(PlanError, match=r"The nearest that it makes is 816x459, of 640x360, .* and 1 more\."):
        planned(replace(CLIP, size="830x460"))
    with pytest.raises(PlanError, match=r"The nearest that it makes is 720x1280"):
        planned(replace(CLIP, size="700x1300"))
    for seconds, nearest in ((6, 5), (9, 10)):
        with pytest.raises(PlanError, match=f"The nearest length that it makes is {nearest}, of 5, 10"):
            planned(replace(CLIP, seconds=seconds))


@pytest.mark.parametrize(
    ("wanted", "note"),
    [
        (
            {"filename": "fox.png", "output_format": "webp"},
            "png was asked for, as the filename says, not webp.",
        ),
        ({"quality": "high"}, "acme/square has no quality setting; quality=high was left out."),
        ({"fit": "contain"}, "fit=contain was left out: it takes a size or an aspect_ratio."),
        ({"aspect_ratio": "16:9"}, "acme/square was asked for 1024x1024 (1:1), its nearest to 16:9."),
        ({"aspect_ratio": "1:1", "filename": "fox.png", "output_format": "png"}, "its nearest to 1:1."),
        ({}, ""),
    ],
)
def test_what_was_left_out_or_done_otherwise_is_said(wanted: dict[str, object], note: str) -> None:
    notes = planned(replace(FOX, **wanted)).notes  # pyright: ignore[reportArgumentType] - as above
    assert len(notes) == bool(note)
    assert not note or notes[0].endswith(note)
