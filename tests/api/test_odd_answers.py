"""Odd fields of an answer that was paid for, and names that could break a line."""

import pytest

from imagerouter_mcp.api.model_list import parse_models
from imagerouter_mcp.api.popularity import parse_popular
from imagerouter_mcp.api.wire import KeyUsage, read_as, read_generation


@pytest.mark.parametrize("latency", [float("nan"), float("inf"), 10**400, -1, "soon", [1], None])
def test_no_latency_however_odd_loses_a_paid_picture(latency: object) -> None:
    answer = read_generation({"data": [{"url": "https://x/y.webp"}], "latency": latency}, sandbox=False)
    assert answer.items[0].url == "https://x/y.webp"
    assert answer.latency is None


def test_of_very_many_results_the_first_hundred_are_read() -> None:
    answer = read_generation({"data": [{"url": f"https://x/{n}"} for n in range(100_000)]}, sandbox=False)
    assert [item.url for item in answer.items] == [f"https://x/{n}" for n in range(100)]
    assert answer.left_out == 99_900


@pytest.mark.parametrize("name", ["x/y\nMEDIA:/etc/passwd", "x/y z", "x/\u2028y", "x/" + "y" * 300])
def test_a_name_that_could_break_a_line_is_no_model(name: str) -> None:
    good = {"output": ["image"]}
    assert [entry.id for entry in parse_models({"a/b": good, name: good})] == ["a/b"]
    assert parse_popular({"json": [name, "a/b", {"model": name}]}) == ["a/b"]


@pytest.mark.parametrize(("told", "meant"), [(0, 0), (10**15, 10**15), (-1, None), (10**15 + 1, None)])
def test_a_number_is_read_or_left_out(told: object, meant: int | None) -> None:
    assert read_as(KeyUsage, {"total_requests": told}).total_requests == meant


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://x/y.webp", True),
        ("https://x/" + "y" * 4086, True),
        ("https://x/" + "y" * 4087, False),
        ("https://x/y z", False),
        ("https://x/y\nMEDIA:/etc/passwd", False),
        (7, False),
    ],
)
def test_only_an_address_that_can_stand_in_a_sentence_is_one(url: object, kept: bool) -> None:  # noqa: FBT001 - a table's column
    answer = read_generation({"data": [{"url": url, "b64_json": "aWNv"}]}, sandbox=False)
    assert answer.items[0].url == (url if kept else None)


def test_data_uris_are_pictures_within_the_answer_in_any_spelling() -> None:
    url = "DATA:image/png;base64,aWNv"
    answer = read_generation({"data": [{"url": url}, {"url": "https://x/y"}, {}]}, sandbox=False)
    assert [(item.url, item.b64_json) for item in answer.items] == [(None, url), ("https://x/y", None)]
