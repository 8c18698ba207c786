"""A server with several people: what each may spend, and what all of them may together."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from imagerouter_mcp import apps as apps_module
from imagerouter_mcp.apps import open_apps
from imagerouter_mcp.http_app import admission, json_bodies
from imagerouter_mcp.people.personal_limits import Limits
from imagerouter_mcp.people.register import open_register
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import App, open_app
from patience import until
from support.http_in_process import served
from support.http_serving import modern
from support.people import Home, let_in

CENT: dict[str, Any] = {"prompt": "A fox", "model": "sandbox/slow-0", "size": "256x256"}
"""A picture for $0.01 by the list."""
Journal = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def team(settings: Settings, change_sandbox: Callable[..., None]) -> Settings:
    """Settings of a server with several people, who may spend five cents a day together."""
    change_sandbox(models="with-faults")
    return settings.model_copy(update={"people": True, "remote": True, "budget_usd": Decimal("0.05")})


@asynccontextmanager
async def people_of(settings: Settings, *names: str) -> AsyncGenerator[list[Home]]:
    """Serve some people over HTTP."""
    async with AsyncExitStack() as running:
        links, _ = await running.enter_async_context(served(settings))
        yield [await running.enter_async_context(let_in(settings, links.base_url, name)) for name in names]


def limit(settings: Settings, home: Home, limits: Limits) -> None:
    with closing(open_register(settings)) as people:
        people.limit(home.person, limits)


def sent(journal: Journal) -> int:
    return sum(entry["path"].startswith("/v1/openai/") for entry in journal())


REFUSALS: tuple[tuple[Limits, dict[str, Any], tuple[str, ...]], ...] = (
    (Limits(day_usd=Decimal("0.015")), CENT, ("this person's budget of $0.015 for today", "$0.01 is spent")),
    (Limits(month_usd=Decimal("0.015")), CENT, ("budget of $0.015 for this month", "until next month")),
    (Limits(call_usd=Decimal("0.015")), {**CENT, "n": 2}, ("one call may cost $0.015", "people limit")),
    (
        Limits(models=("openai/*",)),
        CENT,
        ("may not use sandbox/slow-0", "only models of the form openai/*", "such as openai/"),
    ),
)
"""A limit each, a second call that it refuses, and words of the refusal."""


async def test_a_limit_of_a_person_refuses_in_a_sentence_and_holds_for_nobody_else(
    team: Settings, journal: Journal
) -> None:
    names = [str(number) for number in range(len(REFUSALS))]
    rich = team.model_copy(update={"budget_usd": Decimal(1)})
    async with people_of(rich, "Ben", *names) as (ben, *homes):
        for home, (limits, call, words) in zip(homes, REFUSALS, strict=True):
            assert not (await home.call("generate_image", **CENT))["is_error"]
            limit(rich, home, limits)
            asked = sent(journal)
            refused = await home.call("generate_image", **call, again=True)
            assert sent(journal) == asked
            error = refused["structured_content"]["error"]
            assert (error["kind"], error["charged"]) == ("budget", "no")
            assert all(each in error["message"] for each in words), error["message"]
            assert not (await ben.call("generate_image", **call, again=True))["is_error"]


async def test_a_person_with_as_many_calls_under_way_as_allowed_collects_one_first(
    team: Settings, journal: Journal, change_sandbox: Callable[..., None]
) -> None:
    change_sandbox(latency_seconds=600)
    slow = team.model_copy(update={"grace_seconds": 0})
    async with people_of(slow, "Anna") as (anna,):
        limit(slow, anna, Limits(calls=1))
        waiting = asyncio.create_task(anna.call("generate_image", **CENT))
        await until(lambda: sent(journal) == 1)
        refused = await anna.call("generate_image", **CENT, again=True)
        assert "as many calls under way" in refused["content"][0]["text"]
        assert "Nothing was charged" in refused["content"][0]["text"]
        assert sent(journal) == 1
        waiting.cancel()


async def test_what_all_people_spend_at_the_same_moment_stays_within_the_budget_of_all(
    team: Settings, journal: Journal
) -> None:
    async with people_of(team, "Anna", "Ben", "Carl") as homes:
        answers = await asyncio.gather(
            *(home.call("generate_image", **CENT, again=True) for home in homes for _ in range(4))
        )
        refused = [answer for answer in answers if answer["is_error"]]
        assert sent(journal) == 5
        assert len(refused) == 12 - 5
        message = refused[0]["structured_content"]["error"]["message"]
        assert "today's budget, which all people of this server share" in message
        for home in homes:
            spent = (await home.call("spending"))["structured_content"]
            assert spent["total_usd"] <= 0.05


@pytest.mark.long
@pytest.mark.parametrize("kept", ["in files", "in PostgreSQL"])
async def test_two_servers_together_pass_neither_budget(
    kept: str, team: Settings, journal: Journal, request: pytest.FixtureRequest
) -> None:
    if kept == "in PostgreSQL":
        url = SecretStr(request.getfixturevalue("postgres").new_database())
        team = team.model_copy(update={"database_url": url})
    async with AsyncExitStack() as running:
        one, other = [(await running.enter_async_context(served(team)))[0].base_url for _ in range(2)]
        homes: list[Home] = []
        for name in ("Anna", "Ben", "Carl"):
            home = await running.enter_async_context(let_in(team, one, name))
            elsewhere = httpx.AsyncClient(
                base_url=other, headers=home.client.headers, trust_env=False, timeout=30
            )
            homes += [home, replace(home, client=await running.enter_async_context(elsewhere))]
        limit(team, homes[0], Limits(day_usd=Decimal("0.02")))
        await asyncio.gather(*(home.call("generate_image", **CENT, again=True) for home in homes[:2] * 6))
        assert sent(journal) == 2, "the budget of one person"
        await asyncio.gather(*(home.call("generate_image", **CENT, again=True) for home in homes[2:] * 3))
        assert sent(journal) == 5, "the budget of all people"


async def test_only_models_that_a_person_may_use_are_offered(team: Settings) -> None:
    async with people_of(team, "Anna", "Ben") as (anna, ben):
        limit(team, anna, Limits(models=("openai/*",)))
        for tool in ("search_models", "popular_models"):
            found = (await anna.call(tool, limit=100))["structured_content"]
            assert {model["id"].split("/")[0] for model in found["models"]} == {"openai"}, tool
            assert found["total"] == len(found["models"])
            assert any("only models of the form openai/*" in note for note in found["notes"]), tool
            everything = (await ben.call(tool, limit=100))["structured_content"]
            assert len({model["id"].split("/")[0] for model in everything["models"]}) > 1, tool
        assert "sandbox/slow-0" not in await anna.read("imagerouter://models")
        described = await anna.call("describe_model", model="sandbox/slow-0")
        assert "This person may not use it" in described["content"][0]["text"]


async def test_auto_takes_the_operators_model_for_those_who_may_use_it(team: Settings) -> None:
    settings = team.model_copy(update={"model": "sandbox/slow-0"})
    async with people_of(settings, "Anna", "Ben") as (anna, ben):
        limit(settings, anna, Limits(models=("openai/*",)))
        planned = [await home.call("generate_image", prompt="A fox", dry_run=True) for home in (anna, ben)]
    of_anna, of_ben = (each["structured_content"]["model"] for each in planned)
    assert of_anna.startswith("openai/")
    assert of_ben == "sandbox/slow-0"


async def test_what_others_spent_counts_although_a_process_died_before_it_was_noted(team: Settings) -> None:
    async with people_of(team, "Anna") as (anna,):
        for number in range(5):
            await anna.call("generate_image", **{**CENT, "prompt": f"Fox {number}"})
    with (
        closing(open_register(team)) as people,
        people.committing(anna.person.id, date(2020, 1, 1)) as committed,
    ):
        committed.note(Decimal(), Decimal())
    async with people_of(team, "Ben") as (ben,):
        assert (await ben.call("generate_image", **CENT))["is_error"]


async def test_apps_that_nobody_uses_are_closed_and_opened_again(team: Settings) -> None:
    with closing(open_register(team)) as people:
        everybody = [people.add("operator", str(number), f"Person {number}") for number in range(60)]
    opened: list[App] = []
    async with open_app(team) as local, open_apps(local) as apps:
        for person in everybody:
            async with apps.using(person) as app:
                assert apps.present() is app
                assert app.gallery.count() == 0
                opened.append(app)
        async with apps.using(everybody[-1]) as again, apps.using(everybody[0]) as anew:
            assert again is opened[-1]
            assert anew is not opened[0]
            assert anew.gallery.count() == 0


async def test_who_finds_no_room_is_told_so_until_somebody_leaves(
    team: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apps_module, "MOST_OPEN", 1)
    async with people_of(team, "Anna", "Ben") as (anna, ben):
        assert (await anna.client.get("/studio/gallery")).status_code == 200
        link = (await ben.call("upload_link"))["structured_content"]["upload_url"]
        async with anna.client.stream("GET", "/studio/changes") as held:
            assert held.status_code == 200
            for refused in (await ben.client.get("/studio/gallery"), await ben.client.get(link)):
                assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")
                assert "as many people as this server has room for" in refused.json()["error"].lower()
            assert (await anna.client.get("/studio/gallery")).status_code == 200
        async with asyncio.timeout(60):
            while (await ben.client.get("/studio/gallery")).status_code != 200:
                pass  # until the server has noticed that Anna's page is closed


async def test_a_person_who_is_removed_is_not_known_from_the_next_request_on(team: Settings) -> None:
    own = team.model_copy(update={"mcp_token": (SecretStr("of-the-operator"),)})
    async with people_of(own, "Anna") as (anna,):
        assert (await anna.client.get("/studio/gallery")).status_code == 200
        with closing(open_register(own)) as people:
            people.remove(anna.person)
        assert (await anna.client.get("/studio/gallery")).status_code == 401


@pytest.mark.parametrize("known_seconds", [0, 600], ids=["on arrival", "before the money is spent"])
async def test_a_request_under_way_ends_if_its_person_is_removed_meanwhile(
    known_seconds: float, team: Settings, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_bodies, "KNOWN_SECONDS", known_seconds)
    message, headers = modern("tools/call", name="generate_image", arguments=CENT)
    body = json.dumps(message).encode()
    async with people_of(team, "Anna") as (anna,):
        url = anna.client.base_url
        shown = {**headers, "Authorization": f"Bearer {anna.token}", "Expect": "100-continue"}
        own = {"Host": f"{url.host}:{url.port}", "Content-Type": "application/json", "Connection": "close"}
        lines = [f"{name}: {value}" for name, value in {**shown, **own}.items()]
        head = "\r\n".join(["POST /mcp HTTP/1.1", *lines, f"Content-Length: {len(body)}", "", ""])
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(head.encode())
        assert b" 100 " in await reader.readuntil(b"\r\n\r\n"), "she is recognised, and may send the body"
        with closing(open_register(team)) as people:
            people.remove(anna.person)
            if known_seconds == 0:
                people.add("operator", "Anna", "Anna")
        writer.write(body)
        answer = (await reader.read()).decode()
        writer.close()
        assert "no longer" in answer
        assert "Nothing was charged" in answer
        assert sent(journal) == 0


def test_what_a_removed_person_spent_still_counts_in_the_budget_of_all(team: Settings) -> None:
    with closing(open_register(team)) as people:
        anna, ben = (people.add("operator", name, name) for name in ("Anna", "Ben"))
        with people.committing(anna.id, date(2026, 1, 1)) as committed:
            committed.note(Decimal(5), Decimal(1))
        people.remove(anna)
        with people.committing(ben.id, date(2026, 1, 1)) as committed:
            assert committed.by_others() == Decimal(6)
        assert people.add("operator", "Anna", "Anna") == anna
        with people.committing(anna.id, date(2026, 1, 1)) as committed:
            assert committed.by_others() == Decimal(6), "also for whoever has their name now"
            committed.note(Decimal(1), Decimal(0))
        people.remove(anna)
        assert people.committed_by_removed(date(2026, 1, 1)) == Decimal(7)


async def test_many_people_behind_one_address_are_told_to_sign_in_and_served_whatever_others_there_send(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "MAX_WAIT_SECONDS", 0.05)
    own = settings.model_copy(update={"people": True, "remote": True, "http_rate": 1})
    with closing(open_register(own)) as people:
        everybody = [people.add("operator", str(number), f"Person {number}") for number in range(10)]
        tokens = [people.new_token(person) for person in everybody]
    async with people_of(own, "Anna") as (anna,):

        async def status(token: str) -> int:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            return (await anna.client.get("/mcp", headers=headers)).status_code

        del anna.client.headers["Authorization"]
        unknown = await asyncio.gather(*(status(token) for token in ["", "wrong"] * 10))
        assert set(unknown) == {401}, "each is told to sign in, none to wait"
        served = await asyncio.gather(*(status(token) for token in tokens * 3))
        assert not {401, 429} & set(served), "each has a rate of their own"
        flood = [await status(tokens[0]) for _ in range(2 * admission.BURST_SECONDS)]
        assert 429 in flood
        assert await status(tokens[1]) not in {401, 429}
