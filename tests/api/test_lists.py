"""The model list and the ranking, in each shape that the service has given them."""

from typing import Literal

import pytest

from imagerouter_mcp import errors
from imagerouter_mcp.api.model_list import parse_models
from imagerouter_mcp.api.popularity import parse_popular
from imagerouter_mcp.sandbox.service import offered
from imagerouter_mcp.sandbox.service.list_endpoints import POPULAR
from imagerouter_mcp.settings import Settings
from support.service_endpoints import Change, Journal, client


@pytest.mark.parametrize(
    ("shape", "query"), [("v1", None), ("v2", None), ("v2", {"shape": "array"}), ("v3", None)]
)
async def test_the_model_list_is_read_in_each_of_its_shapes_without_a_key(
    settings: Settings,
    journal: Journal,
    change_sandbox: Change,
    shape: Literal["v1", "v2", "v3"],
    query: dict[str, str] | None,
) -> None:
    change_sandbox(service="live")
    async with client(settings, api_key=None) as api:
        listed = {entry.id: entry for entry in parse_models(await api.models(shape, query))}
    (entry,) = journal()
    assert (entry["path"], entry["query"], entry["authorized"]) == (f"/{shape}/models", query or {}, False)
    assert set(listed) == set(offered.listed())
    assert listed["ir/test-video"].output == "video"
    assert listed["test/test"].takes_image
    price = listed["black-forest-labs/FLUX-1-schnell"].price
    assert price
    assert price.likely == pytest.approx(0.0013)  # pyright: ignore[reportUnknownMemberType] - pytest's


@pytest.mark.parametrize("shape", ["v2", "v3"])
async def test_the_usual_address_may_answer_in_a_newer_shape(
    settings: Settings, change_sandbox: Change, shape: str
) -> None:
    change_sandbox(models=shape)
    async with client(settings) as api:
        assert "test/test" in {entry.id for entry in parse_models(await api.models())}


async def test_the_service_filters_its_list(settings: Settings, journal: Journal) -> None:
    async with client(settings) as api:
        found = parse_models(await api.models(query={"type": "video", "name": "veo", "limit": "3"}))
    assert [entry.id for entry in found] == ["google/veo-3.1-fast"]
    assert journal()[0]["query"] == {"type": "video", "name": "veo", "limit": "3"}


@pytest.mark.parametrize(
    ("models", "kind"),
    [("status-500", errors.ServiceError), ("html", errors.UnexpectedResponseError)],
)
async def test_a_model_list_that_fails_costs_nothing(
    settings: Settings, change_sandbox: Change, models: str, kind: type[errors.ImageRouterError]
) -> None:
    change_sandbox(models=models)
    async with client(settings) as api:
        with pytest.raises(errors.ImageRouterError) as caught:
            await api.models()
    assert type(caught.value) is kind
    assert caught.value.charged == "no"


SHAPES = [
    "json-ids",
    "json-objects-model",
    "json-objects-id",
    "json-objects-modelId",
    "json-objects-name",
    "bare-ids",
    "bare-objects",
    "with-meta",
]


@pytest.mark.parametrize("shape", SHAPES)
async def test_the_ranking_is_read_in_every_shape_without_showing_the_key(
    settings: Settings, journal: Journal, change_sandbox: Change, shape: str
) -> None:
    change_sandbox(popularity=shape)
    async with client(settings) as api:
        ranking = parse_popular(await api.popular())
    assert tuple(ranking) == POPULAR
    (entry,) = journal()
    assert (entry["method"], entry["path"]) == ("POST", "/operations/get-popular-models")
    assert (entry["authorized"], entry["fields"], entry["content_type"]) == (False, {}, None)


@pytest.mark.parametrize(
    ("shape", "kind"), [("status-500", errors.ServiceError), ("html", errors.UnexpectedResponseError)]
)
async def test_a_ranking_that_fails_costs_nothing(
    settings: Settings, change_sandbox: Change, shape: str, kind: type[errors.ImageRouterError]
) -> None:
    change_sandbox(popularity=shape)
    async with client(settings) as api:
        with pytest.raises(errors.ImageRouterError) as caught:
            await api.popular()
    assert type(caught.value) is kind
    assert caught.value.charged == "no"


async def test_a_ranking_of_no_known_shape_is_handed_on_to_be_refused(
    settings: Settings, change_sandbox: Change
) -> None:
    change_sandbox(popularity="nonsense")
    async with client(settings) as api:
        answered = await api.popular()
    with pytest.raises(errors.UnexpectedResponseError):
        parse_popular(answered)
