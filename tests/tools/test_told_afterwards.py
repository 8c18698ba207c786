"""What an answer says once it is there: what came otherwise than asked, and money that was kept."""

import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import open_app

Hosts = Callable[..., AbstractAsyncContextManager[Any]]
Journal = Callable[[], list[dict[str, Any]]]
Change = Callable[..., None]


@pytest.mark.parametrize(
    ("model", "note"),
    [
        (
            "onomaai/illustrious-xl",
            "returned the source image unchanged; another model may do what the prompt asks.",
        ),
        ("qwen/qwen-image-layered", "The TIFF has 3 pages, one for each layer."),
        (
            "sandbox/public-link",
            "b64_ephemeral was asked for, but ImageRouter answered with a link, which anyone can open.",
        ),
    ],
)
async def test_an_edit_says_once_what_came_otherwise_than_asked(
    connect: Hosts, source: Path, model: str, note: str
) -> None:
    async with connect(response_format="b64_ephemeral") as host:
        told = await host("edit_image", images=[str(source)], prompt="Make it night", model=model)
    assert not told.failed, told.text
    assert told.text.count(note) == 1
    assert sum(note in said for said in told.fields["notes"]) == 1


async def test_an_enlarged_source_is_what_was_asked_for(connect: Hosts, source: Path) -> None:
    async with connect() as host:
        told = await host("edit_image", images=[str(source)], model="jingyunliang/swinir-2x")
    assert not told.failed, told.text
    assert "unchanged" not in told.text


async def test_a_charge_that_was_kept_is_told_and_stays_committed(
    connect: Hosts, made: Journal, change_sandbox: Change
) -> None:
    change_sandbox(models="with-faults")  # where `postlog` costs at most $0.05
    asked = {"prompt": "A fox", "size": "256x256"}
    async with connect(budget_usd=Decimal("0.055")) as host:
        told = await host("generate_image", model="sandbox/postlog", **asked)
        spent = await host("spending")
        (entry,) = spent.fields["unfinished"]
        later = await host("get_generation", generation=entry["generation"])
        refused = await host("generate_image", model="sandbox/slow-0", **asked)
    for said in (told.text, later.text, spent.text):
        assert "Up to $0.05 was kept." in said
        assert "Look at your account" in said
    assert told.failed
    assert told.fields["error"]["charged"] == "yes"
    assert (spent.fields["uncertain_usd"], spent.fields["total_usd"]) == (0.05, 0)
    assert spent.fields["budget_left_usd"] == 0.005
    assert refused.fields["error"]["kind"] == "budget"
    assert len(made()) == 1


CHARGED = "sandbox/charged-failure"
KEPT = "sandbox/kept-charge"
FLUX = "black-forest-labs/FLUX-1-schnell"


@pytest.mark.parametrize(
    ("model", "words", "amount"),
    [
        (CHARGED, "$0.12 was charged in all.", {"cost_usd": 0.12}),
        (KEPT, "Up to $1.00 was kept in all.", {"up_to_usd": pytest.approx(1.0)}),
    ],
)
async def test_several_that_failed_tell_what_all_of_them_cost(
    connect: Hosts, model: str, words: str, amount: dict[str, object]
) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="A fox", model=model, n=3)
    assert told.failed
    assert told.text.count(words) == told.fields["error"]["message"].count(words) == 1
    amounts = {name: value for name, value in told.fields["error"].items() if name.endswith("_usd")}
    assert amounts == amount


async def test_models_that_all_failed_tell_what_each_and_all_cost(connect: Hosts) -> None:
    async with connect() as host:
        told = await host(
            "compare_models", prompt="A fox", models=[CHARGED, KEPT, "sandbox/stalled-after-heartbeats"]
        )
    assert "$0.04 was charged in all. Up to $0.333333 was kept in all. Another may" in told.text
    assert told.fields["error"]["cost_usd"] == 0.04


async def test_a_charge_that_was_kept_for_a_model_without_a_price_is_what_was_set_aside(
    connect: Hosts,
) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="A fox", model=KEPT)
        spent = await host("spending")
        (entry,) = spent.fields["unfinished"]
        later = await host("get_generation", generation=entry["generation"])
    for said in (told.text, later.text, spent.text):
        assert "Up to $1.00 was kept." in said
    assert told.fields["error"]["up_to_usd"] == spent.fields["uncertain_usd"] == 1


@pytest.mark.parametrize(
    ("failing", "words", "cost"),
    [
        (CHARGED, "$0.0413", 0.0413),
        ("sandbox/refusal", "$0.0013", 0.0013),
        (KEPT, "at least $0.0013", 0.0013),
    ],
)
async def test_the_sum_of_a_comparison_holds_what_a_failure_cost(
    connect: Hosts, failing: str, words: str, cost: float
) -> None:
    async with connect() as host:
        told = await host("compare_models", prompt="A fox", models=[FLUX, failing], size="128x128")
    made = re.escape(f"Made 1 of 2 pictures with {FLUX} for {words}")
    assert re.match(rf"{made}( in [\d.]+ s)?\.\s", told.text), told.text
    assert told.fields["cost_usd"] == cost


async def test_a_repeated_call_says_that_its_failure_is_the_earlier_one_and_counts_no_cost(
    connect: Hosts, made: Journal
) -> None:
    wish = {"prompt": "A fox", "model": CHARGED}
    async with connect() as host:
        first = await host("generate_image", **wish)
        again = await host("generate_image", **wish)
        assert len(made()) == 1
        anew = await host("generate_image", **wish, again=True)
    assert first.fields["error"]["cost_usd"] == anew.fields["error"]["cost_usd"] == 0.04
    assert "$0.04 was charged. This is the failure of the same call made before" in again.text
    assert "again=true asks again." in again.text
    assert again.fields["error"]["charged"] == "no"
    assert "cost_usd" not in again.fields["error"]
    assert len(made()) == 2


async def test_a_command_typed_again_after_a_charged_failure_tries_anew(
    settings: Settings, made: Journal
) -> None:
    wish = {"prompt": "A fox", "model": CHARGED}
    async with open_app(settings, typed=True) as app, Client(build_server(app)) as client:
        told = [await client.call_tool("generate_image", wish) for _ in range(2)]
    costs: list[float] = [(each.structured_content or {})["error"]["cost_usd"] for each in told]
    assert costs == [0.04, 0.04]
    assert len(made()) == 2
