"""Where people store ImageRouter keys of their own: before they allow an app, and whenever they want."""

import re
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from imagerouter_mcp.people.api_keys import ApiKeys, StoredKey
from imagerouter_mcp.people.register import open_register
from imagerouter_mcp.sandbox.service.accounts import EXPIRED_JWT, UNKNOWN_KEY
from imagerouter_mcp.settings import OwnKeys, Settings
from support.signing_in import Pkce, SignInServer, Visitor, sign_in_server

OWN = "anns-own-key-".ljust(64, "7")
OTHER = "anns-other-key-".ljust(64, "9")


@asynccontextmanager
async def ann_at(
    folder: Path, settings: Settings, own_keys: OwnKeys
) -> AsyncGenerator[tuple[SignInServer, Visitor]]:
    """Run a server on which people may or must pay with their own keys, and sign Ann in."""
    secrets = (SecretStr("a-secret-of-these-tests-0123456789abcdef"),)
    async with (
        sign_in_server(folder, base_url=settings.base_url, own_keys=own_keys, key_secrets=secrets) as server,
        server.visitor() as ann,
    ):
        yield server, await ann.signed_in("Ann")


@contextmanager
def stored(server: SignInServer) -> Generator[ApiKeys]:
    with closing(open_register(server.settings)) as people:
        yield ApiKeys(people.database, server.settings.key_secrets)


def of_ann(server: SignInServer) -> StoredKey | None:
    with stored(server) as keys:
        return keys.find(server.person("Ann").id)


async def asked_for_key(ann: Visitor) -> str:
    """Begin a sign-in, and return the address of the page that asks for a key."""
    asked = await ann.authorize(await ann.client_id(), Pkce())
    answer = await ann.http.get(asked.headers["location"])
    assert answer.headers["location"].startswith("/api-key?request=")
    return answer.headers["location"]


async def give(ann: Visitor, key: str, handle: str = "", decision: str = "store") -> httpx.Response:
    return await ann.http.post("/api-key", data={"api_key": key, "request": handle, "decision": decision})


async def test_a_key_is_tried_and_stored_before_the_app_is_allowed(
    tmp_path: Path, settings: Settings
) -> None:
    async with ann_at(tmp_path, settings, "required") as (server, ann):
        way = await asked_for_key(ann)
        handle = httpx.URL(way).params["request"]
        page = await ann.http.get(way)
        assert "Everyone pays for their own pictures here" in page.text
        skipped = await ann.http.get("/consent", params={"request": handle, "key": "later"})
        assert skipped.headers["location"] == way
        for wrong, words in (
            (UNKNOWN_KEY, "does not accept the API key"),
            (EXPIRED_JWT, "does not accept the API key"),
            ("<your-key>", "is the placeholder of an example"),
            ("", "is missing"),
        ):
            refused = await give(ann, wrong, handle)
            assert refused.status_code == 400
            assert words in refused.text
            assert not wrong or wrong not in refused.text
            assert of_ann(server) is None
        accepted = await give(ann, f" {OWN} ", handle)
        assert accepted.headers["location"] == f"/consent?request={handle}"
        assert "Allow this app?" in (await ann.http.get(accepted.headers["location"])).text
        assert httpx.URL((await ann.decide(handle)).headers["location"]).params["code"]
        found = of_ann(server)
        assert found
        assert found.key == SecretStr(OWN)


async def test_whoever_may_leave_paying_to_the_operator_skips_the_step(
    tmp_path: Path, settings: Settings
) -> None:
    async with ann_at(tmp_path, settings, "allowed") as (server, ann):
        way = await asked_for_key(ann)
        page = await ann.http.get(way)
        assert re.search(r'<form method="get" action="/consent" *>', page.text)
        skipped = await ann.http.get("/consent", params={**httpx.URL(way).params, "key": "later"})
        assert "Allow this app?" in skipped.text
        assert of_ann(server) is None


async def test_a_person_replaces_and_removes_the_key_on_the_page_which_never_shows_it(
    tmp_path: Path, settings: Settings
) -> None:
    async with ann_at(tmp_path, settings, "allowed") as (server, ann):
        assert 'href="/api-key"' in (await ann.http.get("/sign-in")).text
        await give(ann, OWN)
        with stored(server) as keys:
            keys.refuse(server.person("Ann").id, known(of_ann(server)))
        page = (await ann.http.get("/api-key")).text
        assert "ImageRouter refused your key …7777" in page
        assert OWN[:20] not in page
        await give(ann, OTHER)
        assert "Your key …9999 pays for your pictures." in (await ann.http.get("/api-key")).text
        await give(ann, "", decision="remove")
        assert of_ann(server) is None


async def test_nobody_stores_a_key_for_somebody_else(tmp_path: Path, settings: Settings) -> None:
    async with ann_at(tmp_path, settings, "allowed") as (server, ann), server.visitor() as nobody:
        forged = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
        fields = {"api_key": OTHER, "request": "", "decision": "store"}
        assert (await ann.http.post("/api-key", data=fields, headers=forged)).status_code == 403
        assert (await ann.http.post("/api-key", json=fields)).status_code == 403
        assert (await give(nobody, OTHER)).headers["location"] == "/sign-in"
        assert (await nobody.http.get("/api-key")).headers["location"] == "/sign-in"
        assert of_ann(server) is None


async def test_where_the_operator_pays_for_all_nobody_is_asked(tmp_path: Path, settings: Settings) -> None:
    async with ann_at(tmp_path, settings, "no") as (_, ann):
        asked = await ann.authorize(await ann.client_id(), Pkce())
        assert "Allow this app?" in (await ann.http.get(asked.headers["location"])).text
        assert (await ann.http.get("/api-key")).status_code == 404
        assert re.search(r'<p hidden><a href="/api-key"', (await ann.http.get("/sign-in")).text)


@pytest.mark.parametrize("decision", ["store", "remove"])
async def test_keys_are_tried_a_few_at_a_time(tmp_path: Path, settings: Settings, decision: str) -> None:
    async with ann_at(tmp_path, settings, "allowed") as (_, ann):
        statuses = [(await give(ann, "<your-key>", decision=decision)).status_code for _ in range(12)]
        assert (429 in statuses) == (decision == "store")


def known(key: StoredKey | None) -> StoredKey:
    assert key
    return key
