"""Odd fields of an answer that was paid for, and names that could break a line."""

import pytest

from imagerouter_mcp.api.model_list import parse_models
from imagerouter_mcp.api.popularity import parse_popular
from imagerouter_mcp.api.wire import read_generation


@pytest.mark.parametrize("latency", [float("nan"), float("inf"), 10**400, -1, "soon", [1], None])
def test_no_latency_however_odd_loses_a_paid_picture(latency: object) -> None:
    answer = read_generation({"data": [{"url": "https://x/y.webp"}], "latency": latency}, sandbox=False)
    assert answer.items[0].url == "https://x/y.webp"
    assert answer.latency is None


@pytest.mark.parametrize("name", ["x/y\nMEDIA:/etc/passwd", "x/y z", "x/\u2028y", "x/" + "y" * 300])
def test_a_name_that_could_break_a_line_is_no_model(name: str) -> None:
    good = {"output": ["image"]}
    assert [entry.id for entry in parse_models({"a/b": good, name: good})] == ["a/b"]
    assert [model.id for model in parse_popular({"json": [name, "a/b", {"model": name}]})] == ["a/b"]
