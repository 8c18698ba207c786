"""People who pay with ImageRouter keys of their own, stored or sent with the request."""

import asyncio
import gc
import json
import logging
import sqlite3
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from decimal import Decimal
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.types import Receive, Scope, Send

from imagerouter_mcp.apps import open_apps
from imagerouter_mcp.cli.checks import run_checks
from imagerouter_mcp.cli.team_checks import team_checks
from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.generation.calls.keys_in_use import KeyInUse
from imagerouter_mcp.http_app.sent_keys import SentKeys
from imagerouter_mcp.people.api_keys import ApiKeys, in_words
from imagerouter_mcp.people.personal_limits import Limits
from imagerouter_mcp.people.register import BY_OPERATOR, open_register
from imagerouter_mcp.people.sent_key import sent_key
from imagerouter_mcp.sandbox.service.accounts import KEY, LIMITED_KEY, RATE_LIMITED_KEY, UNKNOWN_KEY
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import App, open_app
from patience import until
from support.eras import in_both_eras
from support.http_in_process import served
from support.people import Home, let_in

OWN = "annas-own-key-".ljust(64, "7")
OTHER = "another-key-".ljust(64, "3")
SECRETS = (
    SecretStr("a-secret-of-these-tests-0123456789abcdef"),
    SecretStr("an-older-secret-0123456789abcdefghij"),
)
FOX: dict[str, Any] = {"prompt": "A fox", "model": "sandbox/slow-0", "size": "256x256"}
"""A picture for $0.01 by the list."""


_MOVED = "UPDATE api_keys SET encrypted = (SELECT encrypted FROM api_keys WHERE person = ?) WHERE person = ?"


@pytest.fixture
def team(settings: Settings, change_sandbox: Callable[..., None]) -> Settings:
    """Settings of a server whose people may pay with their own keys."""
    change_sandbox(models="with-faults")
    own = {"people": True, "remote": True, "own_keys": "allowed", "key_secrets": SECRETS[:1]}
    return settings.model_copy(update=own)


@asynccontextmanager
async def people_of(settings: Settings, *names: str) -> AsyncGenerator[tuple[App, list[Home]]]:
    """Serve some people over HTTP."""
    async with AsyncExitStack() as running:
        links, app = await running.enter_async_context(served(settings))
        yield (
            app,
            [await running.enter_async_context(let_in(settings, links.base_url, name)) for name in names],
        )


@contextmanager
def stored(settings: Settings) -> Generator[ApiKeys]:
    """Open the stored keys, as the operator does."""
    with closing(open_register(settings)) as people:
        yield ApiKeys(people.database, settings.key_secrets)


def registered(settings: Settings, name: str) -> str:
    """Return the id of a person, who is added if there is none of the name."""
    with closing(open_register(settings)) as people:
        return people.add(BY_OPERATOR, name, name).id


def told(answer: dict[str, Any]) -> str:
    return answer["content"][0]["text"]


@pytest.fixture
def asked(settings: Settings) -> Callable[[str], int]:
    """Return a function that tells how many pictures were asked for with a key."""

    def count(key: str) -> int:
        address = f"{settings.base_url}/v1/credits?by_api_key=true"
        shown = {"Authorization": f"Bearer {key}"}
        account = httpx.get(address, headers=shown, trust_env=False).raise_for_status().json()
        return account["usage_by_api_key"][0]["total_requests"]

    return count


@in_both_eras
async def test_the_key_of_the_request_pays_before_the_persons_own_and_that_before_the_operators(
    team: Settings, asked: Callable[[str], int], era: str
) -> None:
    async with people_of(team, "Anna") as (_, (anna,)), anna.staying(era):
        await anna.call("generate_image", era, **FOX)
        assert [asked(key) for key in (KEY, OWN, OTHER)] == [1, 0, 0]
        with stored(team) as keys:
            keys.store(anna.person.id, SecretStr(OWN))
        await anna.call("generate_image", era, **FOX)
        assert [asked(key) for key in (KEY, OWN, OTHER)] == [1, 1, 0]
        anna.own_key = OTHER
        await anna.call("generate_image", era, **FOX)
        anna.own_key = None
        assert [asked(key) for key in (KEY, OWN, OTHER)] == [1, 1, 1]
        assert "the same call made before" in told(await anna.call("generate_image", era, **FOX))
        assert [asked(key) for key in (KEY, OWN, OTHER)] == [1, 1, 1]


async def test_a_key_that_imagerouter_refuses_is_out_of_use_and_no_other_pays_instead(
    team: Settings, asked: Callable[[str], int]
) -> None:
    async with people_of(team, "Anna", "Ben") as (_, (anna, ben)):
        with stored(team) as keys:
            keys.store(anna.person.id, SecretStr(UNKNOWN_KEY))
        refused = told(await anna.call("generate_image", **FOX))
        assert "ImageRouter does not accept the API key" in refused
        assert "Nothing was charged. It is your own key, which is not used any more." in refused
        assert "/api-key" in refused
        again = told(await anna.call("generate_image", **FOX, again=True))
        assert "Your own API key no longer works: ImageRouter refused it." in again
        anna.own_key = UNKNOWN_KEY
        assert "brought this key in its header X-Api-Key" in told(await anna.call("generate_image", **FOX))
        anna.own_key = None
        with stored(team) as keys:
            keys.store(anna.person.id, SecretStr(OWN))
        assert not (await anna.call("generate_image", **FOX))["is_error"]
        assert not (await ben.call("generate_image", **FOX))["is_error"]
        assert [asked(key) for key in (KEY, OWN)] == [1, 1]


async def test_a_key_that_must_wait_holds_up_nobody_who_pays_with_another(
    team: Settings, asked: Callable[[str], int]
) -> None:
    narrow = team.model_copy(update={"concurrency": 1, "grace_seconds": 0})
    async with people_of(narrow, "Anna", "Ben") as (app, (anna, ben)):
        anna.own_key = RATE_LIMITED_KEY
        waiting = asyncio.create_task(anna.call("generate_image", **FOX))
        key = app.shared.keys.of(SecretStr(RATE_LIMITED_KEY))
        await until(lambda: key.client.rate_limit.pause() > 0)
        assert not (await ben.call("generate_image", **FOX))["is_error"]
        carl_pays_the_same = app.shared.keys.of(SecretStr(RATE_LIMITED_KEY))
        assert carl_pays_the_same is key
        waiting.cancel()
    assert asked(KEY) == 1


async def test_the_budget_of_all_counts_what_the_operator_pays_and_a_persons_own_counts_everything(
    team: Settings,
) -> None:
    poor = team.model_copy(update={"budget_usd": Decimal("0.015")})
    async with people_of(poor, "Anna", "Ben") as (_, (anna, ben)):
        anna.own_key = OWN
        for number in range(3):
            assert not (await anna.call("generate_image", **{**FOX, "prompt": f"Fox {number}"}))["is_error"]
        assert not (await ben.call("generate_image", **FOX))["is_error"]
        assert "all people of this server" in told(await ben.call("generate_image", **FOX, again=True))
        of_all = "All people of this server share a budget of $0.015 a day; this person has used $0.01 of it."
        assert told(await ben.call("spending")).startswith(f"$0.01 was spent today. {of_all}\n")
        alone = "$0.03 was spent today. No budget applies: this person pays with their own API key.\n"
        assert told(await anna.call("spending")).startswith(alone)
        assert not (await anna.call("generate_image", **{**FOX, "prompt": "A later fox"}))["is_error"]
        with closing(open_register(poor)) as people:
            people.limit(anna.person, Limits(day_usd=Decimal("0.045")))
        assert "this person's budget" in told(await anna.call("generate_image", **FOX, again=True))
        spent = await anna.call("spending")
        assert "Of today's budget of $0.045, $0.005 is left." in told(spent)
        assert spent["structured_content"]["budget_left_usd"] == 0.005
        with closing(open_register(poor)) as people:
            people.limit(anna.person, Limits(month_usd=Decimal(1)))
        in_month = (await anna.call("spending"))["structured_content"]["budgets"]
        assert in_month == [{"usd": 1, "used_usd": 0.04, "period": "month", "shared": False}]
        with closing(open_register(poor)) as people:
            people.limit(anna.person, Limits(day_usd=Decimal("0.045")))
        anna.own_key = None
        both = "$0.005 is left. All people of this server share a budget of $0.015 a day; this person"
        assert both in told(await anna.call("spending")), "what is left of her own, whoever pays"


async def test_each_sees_the_balance_of_their_own_key_only(team: Settings) -> None:
    async with people_of(team, "Anna", "Ben") as (_, (anna, ben)):
        with stored(team) as keys:
            keys.store(anna.person.id, SecretStr(LIMITED_KEY))
        assert "Key limited" in json.dumps(await anna.call("get_credits"))
        assert "belongs to the operator" in told(await ben.call("get_credits"))
        with stored(team) as keys:
            keys.store(anna.person.id, SecretStr(UNKNOWN_KEY))
        assert "not used any more" in told(await anna.call("get_credits"))


async def test_where_everybody_must_pay_nothing_is_sent_for_whoever_has_no_key(
    team: Settings, asked: Callable[[str], int]
) -> None:
    strict = team.model_copy(update={"own_keys": "required"})
    async with people_of(strict, "Anna") as (_, (anna,)):
        refused = told(await anna.call("generate_image", **FOX))
        assert (
            "On this server everyone pays with their own ImageRouter key, and you have not stored one"
            in refused
        )
        assert "/api-key" in refused
        anna.own_key = OWN
        assert not (await anna.call("generate_image", **FOX))["is_error"]
        assert not (await anna.call("search_models"))["is_error"]
    assert [asked(key) for key in (KEY, OWN)] == [0, 1]


async def test_a_key_in_the_request_is_refused_in_a_sentence_where_it_cannot_pay(team: Settings) -> None:
    cases: tuple[tuple[dict[str, Any], str, str], ...] = (
        (
            {"own_keys": "no"},
            OWN,
            "here the operator's ImageRouter key pays, and yours was not used",
        ),
        ({}, "<your-key>", "is the placeholder of an example"),
        ({}, "a key", "contains spaces"),
        ({}, "", "is empty"),
    )
    for changed, key, words in cases:
        async with people_of(team.model_copy(update=changed), "Anna") as (_, (anna,)):
            answer = await anna.client.post("/mcp", json={}, headers={"X-Api-Key": key})
            assert answer.status_code == 400
            assert words in answer.text


async def test_nothing_behind_the_first_part_of_the_server_sees_the_header_of_a_key() -> None:
    seen: list[tuple[Scope, SecretStr | None]] = []

    async def behind(scope: Scope, receive: Receive, send: Send) -> None:
        del receive, send
        seen.append((scope, sent_key()))

    async def unused(*_: Any) -> Any:  # noqa: ANN401 - of ASGI
        raise AssertionError

    headers = [(b"x-api-key", OWN.encode()), (b"accept", b"*/*")]
    await SentKeys(behind, allowed=True)({"type": "http", "headers": headers}, unused, unused)
    ((scope, key),) = seen
    assert scope["headers"] == headers[1:]
    assert key == SecretStr(OWN)
    assert sent_key() is None


async def test_a_key_that_one_request_brought_is_forgotten_when_its_call_has_ended(team: Settings) -> None:
    async with people_of(team, "Anna") as (_, (anna,)):
        anna.own_key = OWN
        assert not (await anna.call("generate_image", **FOX))["is_error"]
        await until(lambda: not known_keys())


def known_keys() -> list[object]:
    """Return what this process knows of the key."""
    gc.collect()
    found = (each for each in gc.get_objects() if isinstance(each, KeyInUse | SecretStr))
    return [
        each
        for each in found
        if (each.fingerprint if isinstance(each, KeyInUse) else each.get_secret_value() == OWN)
    ]


async def test_a_call_goes_on_with_its_key_after_the_request_that_brought_it(
    team: Settings, asked: Callable[[str], int], change_sandbox: Callable[..., None]
) -> None:
    change_sandbox(latency_seconds=1)
    hasty = team.model_copy(update={"wait_seconds": 0})
    async with people_of(hasty, "Anna") as (_, (anna,)):
        anna.own_key = OWN
        pending = await anna.call("generate_image", **FOX, background="transparent")
        anna.own_key = None
        handle = pending["structured_content"]["generation"]
        collected: dict[str, Any] = {}
        while not collected.get("images"):
            answer = await anna.call("get_generation", generation=handle)
            assert not answer["is_error"], answer
            collected = answer["structured_content"]
    assert asked(OWN) >= 1
    assert asked(KEY) == 0


STARTS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"people": False}, "IMAGEROUTER_OWN_KEYS is set, but this server has only one person"),
    ({"key_secrets": ()}, "IMAGEROUTER_KEY_SECRETS is not set"),
    ({"key_secrets": SECRETS[1:]}, "does not decrypt 1 of 1 stored API keys of people"),
)
"""Settings with which a server does not start, and why."""


async def test_a_server_that_cannot_read_the_keys_of_its_people_says_so_at_start(team: Settings) -> None:
    with stored(team) as keys:
        keys.store(registered(team, "Anna"), SecretStr(OWN))
    for changed, words in STARTS:
        async with open_app(team.model_copy(update=changed)) as local:
            with pytest.raises(ConfigurationError, match=words):
                async with open_apps(local):
                    pass
        told = {
            each.name: each.what for each in await run_checks(team_checks(team.model_copy(update=changed)))
        }
        assert words in told["people's keys"], "doctor says it before"
    nowhere = SecretStr("postgresql://somebody@127.0.0.1:1/nothing")
    without = team.model_copy(update={"database_url": nowhere, "key_secrets": ()})
    told = {each.name: each.state for each in await run_checks(team_checks(without))}
    both = (told["database"], told["people's keys"])
    assert both == ("failure", "failure"), "a failed database hides no wrong setting"


async def test_a_key_moved_to_another_person_or_changed_is_no_key(
    team: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    anna, ben = registered(team, "Anna"), registered(team, "Ben")
    with stored(team) as keys:
        keys.store(anna, SecretStr(OWN))
        keys.store(ben, SecretStr(OTHER))
    with closing(sqlite3.connect(team.data_dir / "people.sqlite3")) as connection, connection:
        connection.execute(_MOVED, (anna, ben))
    with stored(team) as keys:
        moved = keys.find(ben)
        assert moved
        assert moved.key is None
        assert [in_words(keys.find(person)) for person in (anna, ben)] == [
            "a key that ends in …" + OWN[-4:],
            "a key that cannot be decrypted",
        ]
    async with people_of(team):
        assert "does not decrypt 1 of 2" in caplog.text
    with closing(sqlite3.connect(team.data_dir / "people.sqlite3")) as connection, connection:
        connection.execute("UPDATE api_keys SET encrypted = replace(encrypted, 'g', 'h')")
    with stored(team) as keys:
        assert keys.unreadable() == (2, 2)


def test_rotating_encrypts_every_key_with_the_first_secret_and_loses_none(team: Settings) -> None:
    older = team.model_copy(update={"key_secrets": SECRETS[1:]})
    both, newer = (team.model_copy(update={"key_secrets": each}) for each in (SECRETS, SECRETS[:1]))
    people = [registered(team, name) for name in ("Anna", "Ben", "Carl")]
    with stored(older) as keys:
        for person in people[:2]:
            keys.store(person, SecretStr(OWN))
    with stored(team.model_copy(update={"key_secrets": (SecretStr("a-lost-secret-" * 3),)})) as keys:
        keys.store(people[2], SecretStr(OTHER))
    with stored(both) as keys:
        assert keys.rotate() == (2, [people[2]])
    with stored(newer) as keys:
        found = [keys.find(person) for person in people]
        assert [each.key.get_secret_value() if each and each.key else None for each in found] == [
            OWN,
            OWN,
            None,
        ]


async def test_a_persons_key_is_nowhere_but_encrypted_in_one_row(
    team: Settings, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    async with people_of(team, "Anna", "Ben") as (app, (anna, ben)):
        with stored(team) as keys:
            keys.store(anna.person.id, SecretStr(OWN))
        answers = [await anna.call("generate_image", **FOX), await anna.call("get_credits")]
        anna.own_key = OTHER
        answers.append(await anna.call("generate_image", **{**FOX, "prompt": "A whale"}))
        answers += [await ben.call(tool) for tool in ("list_images", "spending")]
        files = files_in(tmp_path)
        said = [record.getMessage() + repr(record.args) for record in caplog.records]
        everything = b"\n".join([*files, json.dumps(answers).encode(), *map(str.encode, said)])
        for key in (OWN, OTHER):
            assert key[:24].encode() not in everything
            assert key[-24:].encode() not in everything
        gc.collect()
        assert not any(holds_text(app.for_person(ben.person), key) for key in (OWN, OTHER))


def files_in(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


def holds_text(start: object, text: str) -> bool:
    """Return whether a text is in anything that an object holds, directly or not."""
    seen, waiting = set[int](), [start]
    while waiting:
        each = waiting.pop()
        if id(each) in seen or isinstance(each, type | ModuleType | FunctionType):
            continue
        seen.add(id(each))
        if isinstance(each, str | bytes | bytearray):
            if text in (each if isinstance(each, str) else each.decode("latin-1")):
                return True
            continue
        waiting += gc.get_referents(each)
    return False
