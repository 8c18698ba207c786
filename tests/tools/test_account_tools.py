"""`spending` and `get_credits`: what went where, and what is left."""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from imagerouter_mcp.sandbox.service.accounts import (
    KEY,
    LIMITED_KEY,
    NEVER_DEPOSITED_KEY,
    POOR_KEY,
    UNKNOWN_KEY,
)
from imagerouter_mcp.sandbox.service.serve import Sandbox
from imagerouter_mcp.settings import Settings
from patience import until

TimeZone = Callable[[str], None]
Hosts = Callable[..., AbstractAsyncContextManager[Any]]
Journal = Callable[[], list[dict[str, Any]]]

CHEAP = "black-forest-labs/FLUX-1-schnell"
SMALL = {"size": "128x128"}


@pytest.fixture(autouse=True)
def priced(change_sandbox: Callable[..., None]) -> None:
    """The sandbox's own models are in the list, at $0.01 each."""
    change_sandbox(models="with-faults")


def days_ago(data_dir: Path, prompt: str, days: int) -> None:
    """Let it look as if a picture had been made earlier."""
    with closing(sqlite3.connect(data_dir / "gallery.sqlite3")) as connection, connection:
        for table in ("generations", "journal"):
            connection.execute(
                f"UPDATE {table} SET created_at = created_at - ? WHERE prompt = ?",  # noqa: S608 - two names
                (days * 86400, prompt),
            )


def made_at(data_dir: Path, prompt: str, when: datetime) -> None:
    """Date a picture."""
    with closing(sqlite3.connect(data_dir / "gallery.sqlite3")) as connection, connection:
        for table in ("generations", "journal"):
            connection.execute(
                f"UPDATE {table} SET created_at = ? WHERE prompt = ?",  # noqa: S608 - two names
                (when.timestamp(), prompt),
            )


def day(ago: int = 0) -> str:
    return (datetime.now().astimezone() - timedelta(days=ago)).date().isoformat()


async def test_what_was_spent_is_told_by_period_model_and_day(connect: Hosts, settings: Settings) -> None:
    async with connect() as host:
        for prompt, model in (
            ("today", CHEAP),
            ("today too", "sandbox/slow-0"),
            ("free", "test/test"),
            ("3 days", "sandbox/slow-0"),
            ("10 days", CHEAP),
            ("40 days", CHEAP),
        ):
            assert not (await host("generate_image", prompt=prompt, model=model, **SMALL)).failed
        for days in (3, 10, 40):
            days_ago(settings.data_dir, f"{days} days", days)
        told = {period: await host("spending", period=period) for period in ("today", "week", "month", "all")}
        default = await host("spending")
    today, week = told["today"].fields, told["week"].fields
    assert default.fields == today
    assert f"{day()}:" not in default.text, "one day needs no list of days"
    assert [round(each.fields["total_usd"], 4) for each in told.values()] == [0.0113, 0.0213, 0.0226, 0.0239]
    assert today["by_model"] == [
        {"model": "sandbox/slow-0", "usd": 0.01, "count": 1},
        {"model": CHEAP, "usd": 0.0013, "count": 1},
        {"model": "test/test", "usd": 0.0, "count": 1},
    ]
    assert [each["day"] for each in today["by_day"]] == [day()]
    assert [(each["day"], each["usd"], each["count"]) for each in week["by_day"]] == [
        (day(3), 0.01, 1),
        (day(), 0.0113, 3),
    ]
    assert len(told["all"].fields["by_day"]) == 4
    assert "$0.0213 was spent in the last 7 days." in told["week"].text
    assert f"{day(3)}: $0.01 for 1" in told["week"].text
    assert "sandbox/slow-0: $0.02 for 2" in told["week"].text
    assert week["budget_usd"] == 20
    assert round(week["budget_left_usd"], 4) == 19.9887, "the budget is today's, whatever the period"


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot be given a time zone")
async def test_a_week_begins_at_midnight_though_the_clock_has_changed_since(
    connect: Hosts, settings: Settings, time_zone: TimeZone
) -> None:
    changed = (datetime.now(UTC) - timedelta(days=3)).timetuple().tm_yday - 1
    time_zone(f"WIN0SUM,{changed}/3,{(changed + 180) % 365}/3")  # until 3 days ago, local time was UTC
    async with connect() as host:
        for prompt in ("just before", "just after"):
            assert not (await host("generate_image", prompt=prompt, model="sandbox/slow-0", **SMALL)).failed
        began = datetime.combine(datetime.now().astimezone().date() - timedelta(days=6), time(), UTC)
        made_at(settings.data_dir, "just before", began - timedelta(minutes=30))
        made_at(settings.data_dir, "just after", began + timedelta(minutes=30))
        told = await host("spending", period="week")
    assert [(each["day"], each["count"]) for each in told.fields["by_day"]] == [(day(6), 1)]


async def test_nothing_spent_is_told_as_nothing(connect: Hosts) -> None:
    async with connect() as host:
        told = await host("spending", period="all")
    assert told.text == "$0.00 was spent in all. Of today's budget of $20.00, $20.00 is left."
    assert told.fields["by_day"] == told.fields["by_model"] == told.fields["unfinished"] == []


async def test_what_is_unknown_and_what_is_under_way_are_told_apart_with_their_prompts(
    connect: Hosts, made: Journal, let_go: Callable[[], None]
) -> None:
    async with connect(budget_usd=Decimal(1)) as host:
        await host("generate_image", prompt="It vanished", model="sandbox/vanished")
        working = asyncio.create_task(
            host("generate_image", prompt="It takes long", model="sandbox/held", **SMALL)
        )
        await until(lambda: len(made()) == 2)
        told = await host("spending")
        let_go()
        await working
        after = await host("spending")
    assert told.fields["total_usd"] == 0
    assert told.fields["uncertain_usd"] == told.fields["under_way_usd"] == 0.01
    assert told.fields["budget_left_usd"] == 0.98
    assert [(each["prompt"], each["state"], each["may_cost_usd"]) for each in told.fields["unfinished"]] == [
        ("It takes long", "working", 0.01),
        ("It vanished", "unknown", 0.01),
    ]
    for words in (
        "Up to $0.01 more may have been: the outcome is unknown.",
        "$0.01 is set aside for what is under way.",
        "It takes long",
        "It vanished",
        "It may still complete and be charged.",
    ):
        assert words in told.text
    assert (after.fields["total_usd"], after.fields["under_way_usd"]) == (0.01, 0)
    assert "set aside" not in after.text


async def test_the_account_tells_what_is_left_used_and_deposited(connect: Hosts) -> None:
    async with connect() as host:
        before = await host("get_credits")
        await host("generate_image", prompt="A fox", model="sandbox/slow-0", **SMALL)
        after = await host("get_credits")
    assert before.fields["remaining_usd"] == 25.5
    assert before.fields["used_usd"] == 4.5
    assert before.fields["deposited_usd"] == 30
    assert before.text.startswith("$25.50 of credit is left. $4.50 was used of $30.00 deposited.")
    assert "no limit of its own" in before.text
    assert (after.fields["remaining_usd"], after.fields["used_usd"]) == (25.49, 4.51)


async def test_a_keys_own_limit_and_period_are_told(connect: Hosts) -> None:
    async with connect(api_key=SecretStr(LIMITED_KEY)) as host:
        told = await host("get_credits")
    (key,) = told.fields["keys"]
    assert key == {
        "name": "limited",
        "active": True,
        "used_usd": 4.5,
        "requests": 0,
        "limit_usd": 10,
        "period": "month",
        "period_used_usd": 4.5,
        "expires": "2027-01-31T00:00:00.000Z",
    }
    assert (
        "Key limited: used $4.50; may spend $10.00 a month, $4.50 of it spent; expires 2027-01" in told.text
    )


@pytest.mark.parametrize("key", [POOR_KEY, NEVER_DEPOSITED_KEY])
async def test_an_account_without_credits_is_told_that_free_models_need_some_too(
    connect: Hosts, key: str
) -> None:
    async with connect(api_key=SecretStr(key)) as host:
        told = await host("get_credits")
    (note,) = told.fields["notes"]
    assert "not even with models that end in :free" in note
    assert "https://imagerouter.io/pricing" in note
    assert note in told.text


@pytest.mark.parametrize("left", ["0.005", "0.0032"])
async def test_a_small_balance_is_told_for_how_many_models_it_is_enough(
    connect: Hosts, sandbox: Sandbox, left: str
) -> None:
    sandbox.app.state.sandbox.accounts.authorize(f"Bearer {KEY}").used = 300_000 - round(float(left) * 10_000)
    async with connect() as host:
        told = await host("get_credits")
        models = (await host("search_models", limit=1000)).fields["models"]
    highest = [model["price_usd"]["high"] for model in models if "price_usd" in model]
    enough = [price for price in highest if price <= float(left)]
    assert left != "0.0032" or 0.0032 in highest, "exactly enough is tried"
    assert 0 < len(enough) < len(highest)
    (note,) = told.fields["notes"]
    assert f"${left} is enough for {len(enough)} of {len(highest)} models" in note
    assert note in told.text


async def test_more_spent_than_todays_budget_leaves_nothing_of_it(connect: Hosts) -> None:
    async with connect() as host:
        await host("generate_image", prompt="A fox", model=CHEAP, **SMALL)
    async with connect(budget_usd=Decimal("0.001")) as host:
        told = await host("spending")
    assert told.fields["budget_left_usd"] == 0
    assert "Of today's budget of $0.001, $0.00 is left." in told.text


async def test_an_account_that_can_afford_every_model_gets_no_note(connect: Hosts) -> None:
    async with connect() as host:
        assert (await host("get_credits")).fields["notes"] == []


async def test_a_wrong_key_is_said_so(connect: Hosts) -> None:
    async with connect(api_key=SecretStr(UNKNOWN_KEY)) as host:
        told = await host("get_credits")
    assert told.fields["error"]["kind"] == "authentication"
    assert told.fields["error"]["charged"] == "no"
