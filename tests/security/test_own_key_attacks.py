"""Attacks on people's own API keys: forged forms, changed rows, odd headers, a service that repeats keys."""

import json
import logging
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from imagerouter_mcp.people.api_keys import ApiKeys
from imagerouter_mcp.people.register import open_register
from imagerouter_mcp.sandbox.service.serve import Sandbox
from imagerouter_mcp.settings import Settings
from support.http_in_process import served
from support.people import let_in
from support.signing_in import SignInServer, Visitor, sign_in_server

Row = Callable[[str, str, str], None]

pytestmark = pytest.mark.asyncio(loop_scope="module")
SECTION = "People's own API keys"
EVIL = "https://evil.example"
OWN = "anns-own-key-".ljust(64, "7")
OTHER = "another-key-".ljust(64, "3")
SECRETS = (SecretStr("a-secret-of-these-tests-0123456789abcdef"),)
PAYING: dict[str, Any] = {"own_keys": "allowed", "key_secrets": SECRETS}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(
    session_sandbox: tuple[Sandbox, httpx.Client], tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[SignInServer]:
    """Run a server on which Ann pays with her own key."""
    folder, address = tmp_path_factory.mktemp("team"), session_sandbox[0].base_url
    async with sign_in_server(folder, base_url=address, **PAYING) as running:
        store(running.settings, running.person("Ann").id, OWN)
        yield running


def store(settings: Settings, person: str, key: str) -> None:
    with closing(open_register(settings)) as people:
        ApiKeys(people.database, SECRETS).store(person, SecretStr(key))


def known(settings: Settings, person: str) -> str | None:
    """Return the key that would pay for a person's pictures."""
    with closing(open_register(settings)) as people:
        found = ApiKeys(people.database, SECRETS).find(person)
    return found.key.get_secret_value() if found and found.key else None


FORGED: tuple[tuple[str, dict[str, str]], ...] = (
    ("a form on another site", {"Sec-Fetch-Site": "cross-site", "Origin": EVIL}),
    ("a form on a sibling site", {"Sec-Fetch-Site": "same-site"}),
    ("a form with another origin only", {"Origin": EVIL}),
    ("a form with the origin null", {"Origin": "null"}),
    ("a form sent as text", {"Content-Type": "text/plain"}),
    ("a form sent as JSON", {"Content-Type": "application/json"}),
)


async def test_no_other_page_changes_a_persons_key(server: SignInServer, ann: Visitor, row: Row) -> None:
    for what, headers in FORGED:
        for decision in ("store", "remove"):
            form = {"api_key": OTHER, "request": "", "decision": decision}
            usual = {"Content-Type": "application/x-www-form-urlencoded"}
            body = str(httpx.QueryParams(form))
            answer = await ann.http.post("/api-key", content=body, headers=usual | headers)
            assert answer.status_code == 403
            assert known(server.settings, server.person("Ann").id) == OWN
            row(SECTION, f"{what}: {decision} a key", "403, her key pays")
    async with server.visitor() as nobody:
        for decision in ("store", "remove"):
            form = {"api_key": OTHER, "request": "", "decision": decision}
            answer = await nobody.http.post("/api-key", data=form)
            assert answer.headers["location"] == "/sign-in"
            row(SECTION, f"somebody who is not signed in: {decision} a key", "is sent to sign in")


async def test_the_page_runs_and_redirects_to_nothing_of_others(
    server: SignInServer, ann: Visitor, row: Row
) -> None:
    script = '"><script>alert(1)</script>'
    page = await ann.http.get("/api-key", params={"request": script})
    assert "<script" not in page.text
    assert OWN[:12] not in page.text
    row(SECTION, "a script as the handle of a request, in the page", "is text")
    for address in (EVIL, "//evil.example", "\\\\evil.example"):
        form = {"api_key": OWN, "request": address, "decision": "store"}
        answer = await ann.http.post("/api-key", data=form)
        assert answer.headers["location"].startswith("/consent?request=")
        row(SECTION, f"{address} as the handle of a request", "leads to our own page of consent")
    assert known(server.settings, server.person("Ann").id) == OWN


async def test_rows_of_the_database_that_were_changed_are_no_keys(tmp_path: Path, row: Row) -> None:
    settings = Settings(data_dir=tmp_path / "data", people=True)
    with closing(open_register(settings)) as people:
        ann, ben = (people.add("operator", name, name).id for name in ("Ann", "Ben"))
    store(settings, ann, OWN)
    store(settings, ben, OTHER)
    file = settings.data_dir / "people.sqlite3"
    with closing(sqlite3.connect(file)) as connection:
        rows = dict(connection.execute("SELECT person, encrypted FROM api_keys").fetchall())
        tries = [("the row of somebody else", rows[ann])]
        tries += [
            (f"its byte {at} changed", rows[ben][:at] + chr(ord(rows[ben][at]) ^ 1) + rows[ben][at + 1 :])
            for at in (0, 8, 20, 60, 100, len(rows[ben]) - 5)
        ]
        tries += [
            ("cut short", rows[ben][:-20]),
            ("empty", ""),
            ("the key itself", OTHER),
            ("no text", "\u2603"),
        ]
        for what, encrypted in tries:
            connection.execute("UPDATE api_keys SET encrypted = ? WHERE person = ?", (encrypted, ben))
            connection.commit()
            assert known(settings, ben) is None
            row(SECTION, f"a stored key: {what}", "cannot be decrypted, and nothing is paid with it")
    assert known(settings, ann) == OWN


HEADERS: tuple[tuple[str, list[str], str], ...] = (
    ("two keys", [OWN, OTHER], "once"),
    ("an empty key", [""], "is empty"),
    ("a key in quotes", [f'"{OWN}"'], "in quotes"),
    ("a variable that a host did not replace", ["${MY_KEY}"], "has not replaced"),
    ("the placeholder of instructions", ["<your-key>"], "placeholder"),
    ("a key with a space", [f"{OWN} {OTHER}"], "spaces"),
    ("a key that is not ASCII", ["schl\u00fcssel" * 8], "characters that no key has"),
)


async def test_a_header_that_is_no_key_is_refused_and_no_other_key_pays(
    server: SignInServer, row: Row
) -> None:
    async with let_in(server.settings, server.url, "Cara") as cara:
        for what, keys, words in HEADERS:
            headers = [(b"X-Api-Key", key.encode("latin-1")) for key in keys]
            answer = await cara.client.post("/mcp", json={}, headers=headers)
            assert answer.status_code == 400
            assert words in answer.text
            assert OWN not in answer.text
            row(SECTION, f"{what} in X-Api-Key", "400 with the reason, without the key")


@pytest.mark.asyncio(loop_scope="function")
async def test_a_service_that_repeats_a_persons_key_tells_it_nobody(
    answering: Callable[..., Awaitable[str]], tmp_path: Path, caplog: pytest.LogCaptureFixture, row: Row
) -> None:
    caplog.set_level(logging.DEBUG)
    body = json.dumps({"error": {"message": f"The key {OWN} is bad", "type": "internal_error"}}).encode()
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body)
    settings = Settings(
        base_url=await answering(*[answer] * 20),
        data_dir=tmp_path / "data",
        output_dir=tmp_path / "pictures",
        people=True,
        remote=True,
    ).model_copy(update=PAYING)
    async with served(settings) as (links, _), let_in(settings, links.base_url, "Ann") as ann:
        for what in ("sent in X-Api-Key", "stored"):
            ann.own_key = OWN if what != "stored" else None
            store(settings, ann.person.id, OWN)
            told = json.dumps(await ann.call("generate_image", prompt="A fox", model="test/test", again=True))
            assert "[API key] is bad" in told
            files = b"".join(path.read_bytes() for path in list_files(tmp_path))
            logged = "".join(record.getMessage() for record in caplog.records)
            assert OWN not in told + logged
            assert OWN.encode() not in files
            row(SECTION, f"a service that repeats a key that was {what}", "it is in no answer, log or file")


def list_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
