"""The ranking is read in every shape, and replaced by something honest."""

import pytest

from imagerouter_mcp.api.facts import Output
from imagerouter_mcp.api.model_list import ModelEntry, Price
from imagerouter_mcp.api.popularity import honest_fallback, parse_popular
from imagerouter_mcp.errors import UnexpectedResponseError

IDS = ["a/one", "b/two"]


@pytest.mark.parametrize(
    "ranking",
    [
        IDS,
        [{"model": name} for name in IDS],
        [{"modelId": name} for name in IDS],
        [{"id": name} for name in IDS],
        [{"name": name} for name in IDS],
        [{"id": "5f0c", "name": "One", "model": IDS[0]}, {"id": IDS[1], "name": "Two"}],
        [{"model": "One", "id": IDS[0]}, {"id": "5f0c", "name": IDS[1]}],
    ],
)
@pytest.mark.parametrize("wrapped", ["bare", "json", "json and meta"])
def test_every_shape_of_the_ranking_is_read_in_its_order(ranking: object, wrapped: str) -> None:
    answer = {
        "bare": ranking,
        "json": {"json": ranking},
        "json and meta": {"json": ranking, "meta": {"values": {"0.count": ["bigint"]}}},
    }[wrapped]
    assert parse_popular(answer) == ["a/one", "b/two"]


def test_a_model_that_is_named_twice_keeps_its_first_place() -> None:
    ranking = [{"id": "a/one", "count": 9}, {"id": "b/two", "count": 5}, {"id": "a/one", "count": 1}]
    assert parse_popular(ranking) == ["a/one", "b/two"]


def test_an_unreadable_item_does_not_lose_the_others() -> None:
    assert parse_popular([None, 7, {}, "", "a/one", {"model": 3}]) == ["a/one"]


def test_an_empty_ranking_is_a_ranking() -> None:
    assert parse_popular({"json": []}) == []


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "a/one",
        5,
        {},
        {"json": None},
        {"json": {"a/one": 3}},
        {"error": {"message": "no"}},
        [1, 2],
        {"json": [{"count": 3}]},
    ],
)
def test_anything_else_is_refused(answer: object) -> None:
    with pytest.raises(UnexpectedResponseError):
        parse_popular(answer)


def entry(
    name: str, *, output: Output = "image", score: float | None = None, date: str = "", usd: float = 0.1
) -> ModelEntry:
    price = Price(usd, usd, usd)
    return ModelEntry(name, output=output, score=score, release_date=date or None, price=price)


def test_the_fallback_is_the_best_rated_images_then_the_newest_then_the_cheapest() -> None:
    models = (
        entry("test/test", score=9999, usd=0),
        entry("v/undated"),
        entry("v/old", date="2024-01-01"),
        entry("v/new-dear", date="2025-06-01", usd=0.5),
        entry("v/new", date="2025-06-01"),
        entry("v/good", score=1100),
        entry("v/best", score=1200, date="2023-01-01"),
        entry("v/clip", output="video", score=2000),
    )
    ranked = [model.id for model in honest_fallback(models, 10)]
    assert ranked == ["v/best", "v/good", "v/new", "v/new-dear", "v/old", "v/undated"]
    assert [model.id for model in honest_fallback(models, 2)] == ["v/best", "v/good"]
