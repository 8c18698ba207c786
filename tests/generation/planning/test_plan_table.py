"""Every model of whole catalogues, with every combination of wishes: the plan, or the refusal, is right.

What is right is read from the raw list, not from our own entries. The sandbox's catalogue is always tried;
`IMAGEROUTER_TEST_CATALOGUE` may name further model lists (`os.pathsep` between them).
"""

import itertools
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from imagerouter_mcp.api.catalogue import Listing
from imagerouter_mcp.api.facts import facts_of
from imagerouter_mcp.api.model_list import parse_models
from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.generation.planning.model_choice import Preference
from imagerouter_mcp.generation.planning.plan import Destination, Plan, choose_model, make_plan
from imagerouter_mcp.generation.planning.request import Request
from imagerouter_mcp.generation.planning.sizes import sides
from imagerouter_mcp.sandbox.service.list_shapes import v1, v2
from imagerouter_mcp.sandbox.service.offered import listed

SIZES = ("auto", "1024x1024", "1536x1024", "4096x4096")
AGREES = {"1024x1024": "1:1", "4096x4096": "1:1"}
SHAPES = ("", "1:1", "16:9", "portrait", "3:1")
SOURCE = "/somewhere/picture.png"
HERE = Destination(Path("/pictures"), "a-fox")

Row = Mapping[str, Any]


def lists() -> Iterator[Any]:
    yield pytest.param(v1(listed(), {}, text=True), id="sandbox-v1")
    yield pytest.param(v2(listed(), {}, aliases=True), id="sandbox-v2")
    for name in filter(None, os.environ.get("IMAGEROUTER_TEST_CATALOGUE", "").split(os.pathsep)):
        yield pytest.param(json.loads(Path(name).read_text("utf-8")), id=Path(name).stem)


def able(row: Row, ability: str) -> bool:
    """Whether the raw row says that the model takes it: "image", "mask" or "quality"."""
    told = row.get("inputs") or row["supported_params"]
    return told.get(ability, told.get({"image": "edit"}.get(ability, ability)))


def own_sizes(row: Row) -> list[str]:
    told: list[str] = row.get("sizes") or row.get("inputs", {}).get("size") or []
    return [] if "custom" in told else [size for size in told if re.fullmatch(r"\d+x\d+", size)]


def impossible(model: str, row: Row, request: Request) -> bool:
    facts = facts_of(model, row.get("providers", [{"id": None}])[0]["id"])
    return (
        "video" in row["output"]
        or bool(request.images and not able(row, "image"))
        or bool(request.mask and not able(row, "mask"))
        or (request.size != "auto" and request.aspect_ratio not in ("", AGREES.get(request.size)))
        or (facts.needs_source and not request.images)
        or (
            bool(able(row, "quality") and facts.qualities)
            and request.quality not in ("auto", *facts.qualities)
        )
    )


def planned(request: Request, listing: Listing) -> Plan | None:
    try:
        choice = choose_model(request, listing, (), Preference())
        return make_plan(request, choice, response_format="url", destination=HERE, source=(640, 480))
    except PlanError:
        return None


@pytest.mark.parametrize("models", list(lists()))
def test_every_wish_at_every_model_is_planned_or_refused_as_the_list_says(models: dict[str, Row]) -> None:
    listing = Listing(parse_models(models))
    tried = 0
    for model, row in models.items():
        for edit, mask, quality, size, shape in itertools.product(
            (False, True), (False, True), ("auto", "high"), SIZES, SHAPES
        ):
            request = Request(
                prompt="a fox",
                model=model,
                size=size,
                aspect_ratio=shape,
                quality=quality,
                images=(SOURCE,) if edit or mask else (),
                mask="box:0,0,50%,50%" if mask else "",
                keep_outside=False,
            )
            tried += 1
            plan = planned(request, listing)
            assert (plan is None) == impossible(model, row, request), request
            if plan is None:
                continue
            asked = plan.fields.get("size")
            assert asked is None or not own_sizes(row) or asked in own_sizes(row)
            assert not (model.endswith(":free") and asked) or max(map(int, asked.split("x"))) <= 1024
            assert size == "auto" or plan.size == sides(size)
            assert able(row, "quality") or quality == "auto" or any("quality" in note for note in plan.notes)
    assert tried == len(models) * 160


@pytest.mark.parametrize("models", list(lists()))
def test_whatever_is_chosen_can_do_what_the_call_needs(models: dict[str, Row]) -> None:
    listing = Listing(parse_models(models))
    for word, edit, mask, size in itertools.product(
        ("", "auto", "cheapest", "free"), (False, True), (False, True), SIZES
    ):
        request = Request(
            prompt="a fox",
            model=word,
            size=size,
            images=(SOURCE,) if edit or mask else (),
            mask="alpha" if mask else "",
            keep_outside=False,
        )
        try:
            choice = choose_model(request, listing, tuple(models)[::7], Preference())
        except PlanError:
            fitting = [model for model, row in models.items() if not impossible(model, row, request)]
            usable = [
                model for model in fitting if not facts_of(model).does and not model.startswith("test/")
            ]
            assert word == "free" or not usable or word in ("", "auto"), (request, usable)
            continue
        assert not impossible(choice.id, models[choice.id], request)
        assert not facts_of(choice.id).does
        assert choice.why
