"""Attacks with codes, refresh tokens and access tokens."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import jwt
import pytest

from imagerouter_mcp.sign_in.secrets_kept import digest
from support.refused_sign_ins import WEB, said
from support.signing_in import Pkce, SignInServer, Visitor

Row = Callable[[str, str, str], None]

pytestmark = pytest.mark.asyncio(loop_scope="module")
SECTION = "Sign-in"
EVIL = "https://evil.example"


async def test_a_code_is_exchanged_once_by_its_client_as_it_was_asked_for(
    ann: Visitor, mallory: Visitor, server: SignInServer, monkeypatch: pytest.MonkeyPatch, row: Row
) -> None:
    client, other, pkce = await ann.client_id(), await mallory.client_id(), Pkce()
    code = await ann.code(client, pkce)
    attempts: tuple[tuple[str, str, Pkce, dict[str, str | None]], ...] = (
        ("by another client", other, pkce, {}),
        ("with another verifier", client, Pkce(), {}),
        ("with the challenge as verifier", client, replace(pkce, verifier=pkce.challenge), {}),
        ("with no verifier", client, pkce, {"code_verifier": None}),
        ("with an empty verifier", client, pkce, {"code_verifier": ""}),
        ("with another redirect_uri", client, pkce, {"redirect_uri": WEB}),
        (
            "with the redirect_uri of another port",
            client,
            pkce,
            {"redirect_uri": "http://127.0.0.1:1/callback"},
        ),
        ("with no redirect_uri", client, pkce, {"redirect_uri": None}),
        ("for another server", client, pkce, {"resource": "https://elsewhere.example/mcp"}),
        ("without naming the client", client, pkce, {"client_id": None}),
        ("as a refresh token", client, pkce, {"grant_type": "refresh_token", "refresh_token": code}),
        (
            "by the grant of assertions",
            client,
            pkce,
            {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": code},
        ),
        ("by the grant of clients", client, pkce, {"grant_type": "client_credentials"}),
        ("by the grant of passwords", client, pkce, {"grant_type": "password", "username": "Ann"}),
        ("by no grant", client, pkce, {"grant_type": None}),
    )
    for tried, who, by, fields in attempts:
        row(SECTION, f"a code exchanged {tried}", said(await mallory.exchange(who, by, code, **fields)))
    twice = f"client_id={client}&client_id={other}&code={code}&grant_type=authorization_code"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    row(
        SECTION,
        "a code exchanged by two clients in one form",
        said(await ann.http.post("/token", content=twice, headers=form)),
    )
    row(SECTION, "a code exchanged as JSON", said(await ann.http.post("/token", json={"code": code})))
    row(SECTION, "a form of 100 kB", _said_any(await ann.token(client_id=client, code="a" * 100_000)))
    at_once = await asyncio.gather(*(ann.exchange(client, pkce, code) for _ in range(8)))
    given = [each for each in at_once if each.status_code == 200]
    assert len(given) == 1
    row(SECTION, "a code exchanged eight times at once", "one gets tokens, 400, invalid_grant for the others")
    row(SECTION, "a code exchanged again", said(await ann.exchange(client, pkce, code)))
    assert (await ann.call(given[0].json()["access_token"])).status_code == 401
    row(SECTION, "the tokens of a code that was shown again", "they end")
    late = await ann.code(client, pkce)
    monkeypatch.setattr(server.sign_in.grants, "_clock", lambda: time.time() + 301)
    row(SECTION, "a code after five minutes", said(await ann.exchange(client, pkce, late)))


def _said_any(answer: httpx.Response) -> str:
    assert answer.status_code >= 400
    return str(answer.status_code)


async def test_refresh_tokens_are_their_clients_alone_and_copies_are_noticed(
    ann: Visitor, mallory: Visitor, row: Row
) -> None:
    client, other = await ann.client_id(), await mallory.client_id()
    tokens = await ann.tokens(client)
    shown = tokens["refresh_token"]
    attempts: tuple[tuple[str, str, str, dict[str, str | None]], ...] = (
        ("another person's refresh token", other, shown, {}),
        ("an access token as refresh token", client, tokens["access_token"], {}),
        ("a refresh token for more than was allowed", client, shown, {"scope": "pictures offline_access"}),
        ("a refresh token for nothing", client, shown, {"scope": "offline_access"}),
        ("a refresh token for another server", client, shown, {"resource": EVIL}),
        ("a refresh token that is cut off", client, shown[:-1], {}),
        ("the hash of a refresh token, from a stolen database", client, digest(shown), {}),
        ("an empty refresh token", client, "", {}),
    )
    for tried, who, token, fields in attempts:
        row(SECTION, tried, said(await mallory.refresh(who, token, **fields)))
    second = (await ann.refresh(client, shown)).json()
    third = (await ann.refresh(client, second["refresh_token"])).json()
    row(SECTION, "a refresh token after its successor was used", said(await mallory.refresh(client, shown)))
    assert (await ann.call(third["access_token"])).status_code == 401
    row(SECTION, "the tokens that came of one that was copied", "they end, for both who have them")
    mine = await ann.tokens(client)
    theirs = await mallory.tokens(other)
    await mallory.http.post(
        "/revoke", data={"client_id": other, "token": mine["access_token"], "client_secret": ""}
    )
    assert (await ann.call(mine["access_token"])).status_code == 200
    row(SECTION, "another person's token is revoked", "it still holds")
    await mallory.http.post(
        "/revoke", data={"client_id": other, "token": theirs["refresh_token"], "client_secret": ""}
    )
    row(
        SECTION,
        "a refresh token after it was revoked",
        said(await mallory.refresh(other, theirs["refresh_token"])),
    )
    assert (await mallory.call(theirs["access_token"])).status_code == 401
    row(SECTION, "the access token that came with it", "401")


async def test_only_an_access_token_of_this_server_opens_it_and_only_in_the_header(
    ann: Visitor, server: SignInServer, monkeypatch: pytest.MonkeyPatch, row: Row
) -> None:
    client, pkce = await ann.client_id(), Pkce()
    code = await ann.code(client, pkce)
    tokens = (await ann.exchange(client, pkce, code)).json()
    token = tokens["access_token"]
    claims = {
        "iss": server.url,
        "aud": server.resource,
        "sub": server.person("Ann").id,
        "exp": time.time() + 99,
    }
    wrong = {
        "a refresh token": tokens["refresh_token"],
        "a code": await ann.code(client, Pkce()),
        "the code of an invitation": server.invite("Frank"),
        "the cookie of a browser": ann.http.cookies["imagerouter-person"],
        "the person's id": server.person("Ann").id,
        "the hash of an access token, from a stolen database": digest(token),
        "an access token that is cut off": token[:-1],
        "an access token in capitals": token.upper(),
        "two access tokens": f"{token} {token}",
        "a JWT without a signature": jwt.encode(claims, "", algorithm="none"),
        "a JWT signed with a key of one's own": jwt.encode(claims, "k" * 32, algorithm="HS256"),
        "100 kB": "a" * 50_000,
    }
    for tried, shown in wrong.items():
        answer = await ann.call(shown)
        assert answer.status_code in (400, 401, 431), tried
        row(SECTION, f"{tried} in place of an access token", str(answer.status_code))
    ways: tuple[tuple[str, dict[str, Any]], ...] = (
        ("in the address", {"params": {"access_token": token}}),
        ("in a form", {"data": {"access_token": token}}),
        ("in a cookie", {"headers": {"Cookie": f"access_token={token}"}}),
        ("as a password", {"auth": ("Ann", token)}),
        (
            "in two headers",
            {"headers": [("Authorization", f"Bearer {token}"), ("Authorization", "Bearer x")]},
        ),
    )
    for tried, request in ways:
        answer = await ann.http.post("/mcp", **request)
        assert answer.status_code == 401, tried
        row(SECTION, f"an access token {tried}", "401")
    asked = ann.server.sign_in.grants.find_code(await ann.code(client, pkce), client)
    assert asked
    elsewhere = replace(asked.request, resource="https://elsewhere.example/mcp")
    given = server.sign_in.grants.exchange_code(
        server.sign_in.grants.give_code(server.person("Ann").id, elsewhere)
    )
    assert given
    assert (await ann.call(given.access)).status_code == 401
    row(SECTION, "an access token for another server", "401")
    secrets = (
        token,
        tokens["refresh_token"],
        code,
        ann.http.cookies["imagerouter-person"],
        server.invite("Ann"),
    )
    kept = b"".join(path.read_bytes() for path in server.settings.data_dir.glob("sign_in.sqlite3*"))
    assert not any(each.encode() in kept for each in secrets)
    row(SECTION, "the database is searched for codes, tokens and cookies", "it has only their hashes")
    assert (await ann.call(token)).status_code == 200
    monkeypatch.setattr(server.sign_in.grants, "_clock", lambda: time.time() + 3_601)
    assert (await ann.call(token)).status_code == 401
    row(SECTION, "an access token after an hour", "401")
