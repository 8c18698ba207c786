"""Every model, in both generations: no plan that the sandbox refuses for a reason known beforehand.

The sandbox's own list is always tried; `IMAGEROUTER_TEST_CATALOGUE` may name recorded lists (`os.pathsep`
between them), of which those in the shape of `/v1/models` are tried too.
"""

import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imagerouter_mcp.api.catalogue import Listing
from imagerouter_mcp.api.model_list import parse_models
from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.generation.planning.model_choice import Preference
from imagerouter_mcp.generation.planning.plan import Destination, choose_model, make_plan
from imagerouter_mcp.generation.planning.request import Request
from imagerouter_mcp.sandbox.service.editions import FEBRUARY, LIVE, Edition
from imagerouter_mcp.sandbox.service.list_shapes import v1
from imagerouter_mcp.sandbox.service.offered import Model, listed
from imagerouter_mcp.sandbox.service.request_bodies import Received, UploadedFile
from imagerouter_mcp.sandbox.service.validation import check_abilities, validate

RECORDED = [Path(name) for name in os.environ.get("IMAGEROUTER_TEST_CATALOGUE", "").split(os.pathsep) if name]
"""Read before the tests' environment is bared."""
HERE = Destination(Path("/pictures"), "a-fox")


def lists() -> Iterator[Any]:
    yield pytest.param(v1(listed(), {}, text=True), id="sandbox")
    missing = pytest.mark.skipif(not RECORDED, reason="IMAGEROUTER_TEST_CATALOGUE names no model lists")
    for path in RECORDED or [Path("models-v1.json")]:
        models: dict[str, Any] = json.loads(path.read_text("utf-8")) if RECORDED else {}
        if all("supported_params" in row for row in models.values()):
            yield pytest.param(models, id=path.stem, marks=missing)


@pytest.mark.parametrize("edition", [LIVE, FEBRUARY], ids=lambda edition: edition.name)
@pytest.mark.parametrize("models", list(lists()))
def test_no_plan_is_refused_for_what_was_known(models: dict[str, Any], edition: Edition) -> None:
    listing = Listing(parse_models(models))
    offered = {model_id: Model(model_id, row) for model_id, row in models.items()}
    accepted = 0
    for entry, sources, quality, size, shape in itertools.product(
        listing.models, (0, 1, 3), ("auto", "high"), ("auto", "1024x1024", "1080x1920"), ("", "8:1")
    ):
        request = Request(
            prompt="a fox",
            kind=entry.output,
            model=entry.id,
            size=size,
            aspect_ratio=shape,
            quality=quality,
            images=("/a.png",) * sources,
        )
        try:
            choice = choose_model(request, listing, (), Preference())
            plan = make_plan(request, choice, response_format="url", destination=HERE)
        except PlanError:
            continue
        files = tuple(UploadedFile("image[]", "a.png", "image/png", b"a") for _ in range(sources))
        received = Received(dict(plan.fields), files)
        check_abilities(validate(received, offered, edition, video=entry.output == "video"), edition)
        accepted += 1
    assert accepted > len(models)
