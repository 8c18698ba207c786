"""`search_models` and `popular_models`: what is found, in which order, and what is said without the lists."""

import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from imagerouter_mcp.sandbox.service import offered
from imagerouter_mcp.sandbox.service.list_endpoints import POPULAR
from support.faulty_state import MODELS, POPULARITY

Hosts = Callable[..., AbstractAsyncContextManager[Any]]
Change = Callable[..., None]

THREE_BY_TWO = ("openai/gpt-image-1", "openai/gpt-image-1-mini", "openai/gpt-image-1.5", "openai/dall-e-3")
"""OpenAI's models that make 1536x1024; free ones make nothing above 1024."""
DUMMIES = ("test/test", "ir/test-video")
"""Come last unless they are asked for by name."""
BROKEN_RANKINGS = ("nonsense", "status-500", "html")


def ids(told: Any) -> list[str]:  # noqa: ANN401 - of conftest.py
    return [model["id"] for model in told.fields["models"]]


def highest_average(model: offered.Model) -> float:
    """What a picture likely costs in USD, whichever provider makes it."""
    pricing = [provider["pricing"] for provider in model.entry["providers"]]
    return max(each["range"]["average"] if "range" in each else each["value"] for each in pricing)


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("gpt image", "openai/gpt-image"),
        ("flux fast", "black-forest-labs/"),
        ("remove background", "bria/remove-background"),
        ("gemeni", "google/gemini"),
        ("seedream", "bytedance/seedream-4.5"),
        ("openai/gpt-image-1.5", "openai/gpt-image-1.5"),
    ],
)
async def test_a_model_is_found_by_what_a_person_types(connect: Hosts, query: str, first: str) -> None:
    async with connect() as host:
        told = await host("search_models", query=query)
    assert ids(told)[0].startswith(first)
    assert told.text.splitlines()[1].startswith(first)


async def test_a_video_model_is_told_with_its_lengths(connect: Hosts) -> None:
    async with connect() as host:
        told = await host("search_models", kind="video", limit=20)
    lengths = [model["seconds"] for model in told.fields["models"] if "seconds" in model]
    assert "; 5, 8 s; " in told.text
    assert lengths
    assert all(seconds and min(seconds) >= 1 for seconds in lengths)


async def test_a_model_is_told_with_price_abilities_sizes_and_date(connect: Hosts) -> None:
    async with connect() as host:
        told = await host("search_models", query="openai/gpt-image-1.5", limit=1)
    (model,) = told.fields["models"]
    assert (model["output"], model["released"]) == ("image", "2025-12-16")
    assert model["takes"] == ["images", "quality"]
    assert "1536x1024" in model["sizes"]
    assert set(model["price_usd"]) == {"low", "likely", "high"}
    assert model["price_usd"]["likely"] == 0.133
    line = told.text.splitlines()[1]
    for part in ("$0.133", " a picture", "takes images, quality", "1536x1024", "2025-12-16"):
        assert part in line


Fits = Callable[[offered.Model], bool]
CONDITIONS: list[tuple[dict[str, object], Fits]] = [
    ({"kind": "video"}, lambda model: model.is_video),
    ({"kind": "image"}, lambda model: not model.is_video),
    ({"free": True}, lambda model: model.highest_price == 0),
    ({"supports": ["mask"]}, lambda model: model.entry["supported_params"]["mask"]),
    (
        {"supports": ["edit", "quality"]},
        lambda model: model.takes_image and model.entry["supported_params"]["quality"],
    ),
    ({"vendor": "google"}, lambda model: model.vendor == "google"),
    ({"max_price": 0}, lambda model: highest_average(model) == 0),
    ({"max_price": 0.005}, lambda model: highest_average(model) <= 0.005),
    ({"size": "1536x1024", "vendor": "openai"}, lambda model: model.id in THREE_BY_TWO),
]


@pytest.mark.parametrize(("conditions", "fits"), CONDITIONS)
async def test_conditions_leave_what_fits_and_only_that(
    connect: Hosts, conditions: dict[str, object], fits: Fits
) -> None:
    expected = {model_id for model_id, model in offered.listed().items() if fits(model)}
    async with connect() as host:
        told = await host("search_models", limit=1000, **conditions)
    assert set(ids(told)) == expected


async def test_all_models_can_be_had_at_once(connect: Hosts) -> None:
    async with connect() as host:
        told = await host("search_models", limit=1000)
        default = await host("search_models")
    assert set(ids(told)) == set(offered.listed())
    assert told.fields["total"] == len(ids(told)) == len(offered.listed())
    assert told.text.startswith(f"{len(offered.listed())} models fit:")
    assert ids(default)[0] == POPULAR[0], "without words the most used come first"
    assert len(ids(default)) == 10
    assert default.fields["total"] == len(offered.listed())
    assert default.text.startswith(f"The first 10 of {len(offered.listed())} models")


async def test_a_line_names_four_sizes_and_counts_the_others(connect: Hosts) -> None:
    async with connect() as host:
        told = await host("search_models", limit=1000)
    counts: set[int] = set()
    for model, line in zip(told.fields["models"], told.text.splitlines()[1:], strict=True):
        sizes = model.get("sizes", [])
        counts.add(len(sizes))
        assert all(size in line for size in sizes[:4])
        more = re.search(r" and (\d+) more (sizes?)\b", line)
        if len(sizes) <= 4:
            assert not more
        else:
            assert more
            assert int(more[1]) == len(sizes) - 4
            assert (more[2] == "size") == (len(sizes) == 5)
    assert {4, 5} <= counts, "the bound is tried"


async def test_models_are_sorted_by_price_date_name_or_popularity(connect: Hosts) -> None:
    async with connect() as host:
        by = {
            sort: (await host("search_models", sort=sort, limit=1000)).fields["models"]
            for sort in ("price", "date", "name", "popularity")
        }
    by = {sort: [model for model in found if model["id"] not in DUMMIES] for sort, found in by.items()}
    prices = [model["price_usd"]["likely"] for model in by["price"] if "price_usd" in model]
    dates = [model["released"] for model in by["date"] if "released" in model]
    names = [model["id"].lower() for model in by["name"]]
    assert prices == sorted(prices)
    assert len(prices) > 40
    assert dates == sorted(dates, reverse=True)
    assert [model["id"] for model in by["popularity"]][: len(POPULAR)] == list(POPULAR)
    assert names == sorted(names)


async def test_the_most_used_come_first_where_nothing_is_searched_for(connect: Hosts) -> None:
    async with connect() as host:
        told = await host("search_models", limit=len(POPULAR))
    assert ids(told) == list(POPULAR)


async def test_what_is_found_is_counted(connect: Hosts) -> None:
    async with connect() as host:
        one, two, more = [
            (await host("search_models", query=query, limit=2)).text.splitlines()[0]
            for query in ("remove-background", "test/test", "flux")
        ]
    assert one == "One model fits:"
    assert two == "2 models fit:"
    assert more.startswith("The first 2 of ")


async def test_nothing_found_says_what_to_do(connect: Hosts) -> None:
    async with connect() as host:
        told = await host("search_models", query="zzzzzz qqqqqq")
    assert told.fields == {"models": [], "total": 0, "notes": []}
    assert "an ability (edit, mask, upscale, text, fast, 4k)" in told.text


async def test_a_special_model_says_what_it_does_and_every_model_its_largest_size(connect: Hosts) -> None:
    async with connect() as host:
        special = await host("search_models", query="transparent", limit=1)
        largest = await host("search_models", query="4k")
    assert special.fields["models"][0]["does"] == "removes the background"
    assert "; removes the background; takes images; up to 2048x2048;" in special.text
    sizes = {model["id"]: model["largest_size"] for model in largest.fields["models"]}
    assert sizes == {"bytedance/seedream-4.5": "4096x4096", "google/gemini-3-pro": "4800x3584"}
    assert all(f", up to {size};" in largest.text for size in sizes.values())


@pytest.mark.parametrize("shape", [shape for shape in MODELS if shape in ("v1", "v2", "v3", "with-faults")])
async def test_every_shape_of_the_model_list_is_read(
    connect: Hosts, change_sandbox: Change, shape: str
) -> None:
    change_sandbox(models=shape)
    async with connect() as host:
        told = await host("search_models", limit=1000)
    assert set(ids(told)) >= set(offered.listed())
    assert "sandbox/chat" not in ids(told)


@pytest.mark.parametrize("broken", ["status-500", "html"])
async def test_a_model_list_that_cannot_be_had_is_an_error(
    connect: Hosts, change_sandbox: Change, broken: str
) -> None:
    change_sandbox(models=broken)
    async with connect() as host:
        told = await host("search_models", query="fox")
    assert told.failed
    assert told.fields["error"]["charged"] == "no"
    assert "Nothing was charged." in told.text


async def test_the_model_list_is_asked_for_once(connect: Hosts, journal: Callable[[], list[Any]]) -> None:
    async with connect() as host:
        for query in ("flux", "gemini", ""):
            await host("search_models", query=query)
        await host("popular_models")
        await host("generate_image", prompt="A fox", model="test/test")
    assert [entry["path"] for entry in journal()].count("/v1/models") == 1


@pytest.mark.parametrize("shape", [shape for shape in POPULARITY if shape not in BROKEN_RANKINGS])
async def test_the_ranking_is_read_in_every_shape(connect: Hosts, change_sandbox: Change, shape: str) -> None:
    change_sandbox(popularity=shape)
    async with connect() as host:
        told = await host("popular_models", limit=5)
    assert ids(told) == list(POPULAR[:5])
    assert [model["rank"] for model in told.fields["models"]] == [1, 2, 3, 4, 5]
    assert told.fields["models"][0]["price_usd"]["likely"] == 0.133
    assert told.fields["models"][0]["takes"] == ["images", "quality"]
    assert told.fields["notes"] == []
    assert told.text.splitlines()[1].startswith(f"1. {POPULAR[0]}: $0.133")


@pytest.mark.parametrize("shape", BROKEN_RANKINGS)
async def test_a_ranking_that_cannot_be_had_is_said_so_and_replaced(
    connect: Hosts, change_sandbox: Change, shape: str
) -> None:
    change_sandbox(popularity=shape)
    async with connect() as host:
        told = await host("popular_models", limit=5)
        searched = await host("search_models", query="image", sort="popularity", limit=5)
    assert not told.failed
    assert told.text.startswith("The popularity ranking could not be read")
    assert "most used" not in told.text
    assert len(ids(told)) == 5
    assert "test/test" not in ids(told)
    assert any("could not be read" in note for note in told.fields["notes"])
    assert any("could not be read" in note for note in searched.fields["notes"])


async def test_a_ranking_without_a_model_list_still_ranks(connect: Hosts, change_sandbox: Change) -> None:
    change_sandbox(models="status-500")
    async with connect() as host:
        told = await host("popular_models", limit=3)
    assert told.fields["models"] == [{"rank": n, "id": one} for n, one in enumerate(POPULAR[:3], start=1)]
    assert "prices and abilities are missing" in told.fields["notes"][0]


@pytest.mark.parametrize("size", ["16:9", "16x9", "portrait", "2K"])
async def test_a_shape_is_no_size_that_models_are_searched_by(connect: Hosts, size: str) -> None:
    async with connect() as host:
        told = await host("search_models", size=size)
        exact = await host("search_models", size="1024 x 1024")
    assert told.failed
    assert f"{size!r} is no exact size" in told.text
    assert exact.fields["total"] > 1
