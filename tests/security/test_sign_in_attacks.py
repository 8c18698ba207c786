"""Attacks on sign-in: redirects, PKCE, registration, forged forms, cookies, codes, tokens, documents."""

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import pytest_asyncio

from imagerouter_mcp.addresses import Policy
from imagerouter_mcp.fetch import Fetcher
from imagerouter_mcp.people.register import open_register
from imagerouter_mcp.sign_in import client_documents
from imagerouter_mcp.sign_in.secrets_kept import digest
from support.https_site import SITE, HttpsSite, https_site
from support.signing_in import REDIRECT, Pkce, SignInServer, Visitor, sign_in_server

Row = Callable[[str, str, str], None]

pytestmark = pytest.mark.asyncio(loop_scope="module")
SECTION = "Sign-in"
EVIL = "https://evil.example"
WEB = "https://app.example/callback"
DAY = 86_400


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[SignInServer]:
    """Run a server that people sign in to."""
    async with sign_in_server(tmp_path_factory.mktemp("team")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def ann(server: SignInServer) -> AsyncGenerator[Visitor]:
    """Return a browser that Ann is signed in with."""
    async with server.visitor() as visitor:
        yield await visitor.signed_in("Ann")


@pytest_asyncio.fixture(loop_scope="module")
async def mallory(server: SignInServer) -> AsyncGenerator[Visitor]:
    """Return a browser that an attacker is signed in with, who is one of the team."""
    async with server.visitor() as visitor:
        yield await visitor.signed_in("Mallory")


def _said(answer: httpx.Response) -> str:
    """Return how an attempt was refused; fail if it was not."""
    if answer.is_redirect:
        location = httpx.URL(answer.headers["location"])
        assert "error" in location.params, location
        assert str(location).startswith((REDIRECT, WEB)), location
        return f"the client is told {location.params['error']}"
    assert answer.status_code >= 400, answer.text
    if answer.headers["content-type"].startswith("application/json"):
        return f"{answer.status_code}, {answer.json()['error']}"
    heading = re.search(r"<h1>(.*?)</h1>", answer.text)
    assert heading, answer.text
    return f"{answer.status_code}, a page: {heading[1]}"


OPEN_REDIRECTS = (
    "https://evil.example/callback",
    "https://app.example/callback/more",
    "https://app.example/Callback",
    "https://app.example/callback/",
    "https://app.example/callback?next=https://evil.example",
    "https://app.example/callback#fragment",
    "https://app.example/callback/../other",
    "https://app.example.evil.example/callback",
    "https://app.example@evil.example/callback",
    "https://evil.example\\@app.example/callback",
    "https://app.example:8443/callback",
    "http://app.example/callback",
    "//evil.example/callback",
    "/callback",
    "javascript:alert(1)",
    "data:text/html,hello",
    "http://127.0.0.1:51234@evil.example/callback",
    "http://user@127.0.0.1:51234/callback",
    "http://127.0.0.1.evil.example/callback",
    "http://127.0.0.1:51234/other",
    "http://127.0.0.1:51234/callback?x=1",
    "http://localhost:51234/callback",
    "http://[::ffff:127.0.0.1]/callback",
    "https://127.0.0.1:51234/callback",
    "",
)


async def test_codes_are_sent_only_where_the_client_registered(ann: Visitor, row: Row) -> None:
    client = await ann.client_id(redirect_uris=[WEB, REDIRECT])
    for uri in OPEN_REDIRECTS:
        answer = await ann.authorize(client, Pkce(), redirect_uri=uri)
        assert answer.status_code == 400, uri
        row(SECTION, f"an answer sent to {uri or 'nowhere'}", _said(answer))
    twice = await ann.http.get(f"/authorize?client_id={client}&redirect_uri={EVIL}&redirect_uri={WEB}")
    row(SECTION, "two redirect_uri, one of them registered", _said(twice))
    none = await ann.authorize(client, Pkce(), redirect_uri=None)
    row(SECTION, "no redirect_uri, for a client that registered two", _said(none))


DOWNGRADES: tuple[tuple[str, dict[str, str | None]], ...] = (
    ("no PKCE at all", {"code_challenge": None, "code_challenge_method": None}),
    ("PKCE without its method, which means plain", {"code_challenge_method": None}),
    ("PKCE with the method plain", {"code_challenge_method": "plain"}),
    ("PKCE with the method s256", {"code_challenge_method": "s256"}),
    ("an empty challenge", {"code_challenge": ""}),
    ("a challenge of one character", {"code_challenge": "a"}),
    ("a challenge that is longer than a SHA-256", {"code_challenge": "a" * 44}),
    ("a challenge with other characters", {"code_challenge": "+" * 43}),
    ("response_type=token", {"response_type": "token"}),
    ("response_type=code token", {"response_type": "code token"}),
    ("another server's resource", {"resource": "https://elsewhere.example/mcp"}),
    ("a resource below ours", {"resource": "SERVER/mcp/more"}),
    ("a resource above ours", {"resource": "SERVER"}),
    ("an empty resource", {"resource": ""}),
    ("scopes that there are not", {"scope": "admin everything"}),
    ("a client that is not registered", {"client_id": "nobody"}),
    ("an empty client_id", {"client_id": ""}),
    ("a client_id with a null byte", {"client_id": "a\0b"}),
    ("a client_id that is a path", {"client_id": "../../etc/passwd"}),
    ("a client_id that is SQL", {"client_id": "' OR 1=1 --"}),
    ("a state of 5,000 characters", {"state": "s" * 5_000}),
    ("a state of 20,000 characters", {"state": "s" * 20_000}),
)


async def test_an_authorization_cannot_ask_for_less_safety_or_for_something_else(
    ann: Visitor, row: Row
) -> None:
    client = await ann.client_id(redirect_uris=[WEB, REDIRECT])
    for tried, parameters in DOWNGRADES:
        changed = {k: v and v.replace("SERVER", ann.server.url) for k, v in parameters.items()}
        answer = await ann.authorize(changed.pop("client_id", None) or client, Pkce(), **changed)
        if "client_id" in parameters:
            usual = {"response_type": "code", "code_challenge": Pkce().challenge, "redirect_uri": REDIRECT}
            asked = {**usual, "code_challenge_method": "S256", "client_id": parameters["client_id"] or ""}
            answer = await ann.http.get("/authorize", params=asked)
        row(SECTION, tried, _said(answer))
    posted = await ann.http.post("/authorize", data={"client_id": client})
    assert posted.status_code == 405
    row(SECTION, "an authorization asked for by POST", "405")


OWN_CHOICE = {"client_id": "mine", "client_secret": "mine"}
BAD_CLIENTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("javascript:", {"redirect_uris": ["javascript:alert(1)"]}),
    ("data:", {"redirect_uris": ["data:text/html,hello"]}),
    ("file:", {"redirect_uris": ["file:///etc/passwd"]}),
    ("http on another machine", {"redirect_uris": ["http://evil.example/callback"]}),
    ("a name that only begins like loopback", {"redirect_uris": ["http://127.0.0.1.evil.example/"]}),
    ("a fragment", {"redirect_uris": ["https://app.example/#callback"]}),
    ("a wildcard", {"redirect_uris": ["https://*.example/callback"]}),
    ("a user name", {"redirect_uris": ["https://app.example@evil.example/"]}),
    ("one good and one bad address", {"redirect_uris": [WEB, "javascript:alert(1)"]}),
    ("21 addresses", {"redirect_uris": [f"https://app.example/{n}" for n in range(21)]}),
    ("an address of 3,000 characters", {"redirect_uris": [f"https://app.example/{'a' * 3000}"]}),
    ("no address", {"redirect_uris": []}),
    ("a name of 20,000 characters", {"client_name": "a" * 20_000}),
    ("a body of 100 kB", {"client_name": "a" * 100_000}),
    ("keys that it would sign with", {"token_endpoint_auth_method": "private_key_jwt"}),
    ("the grant of assertions", {"grant_types": ["urn:ietf:params:oauth:grant-type:jwt-bearer"]}),
    ("the grant of passwords only", {"grant_types": ["password"]}),
    ("the response type token only", {"response_types": ["token"]}),
)


async def test_clients_register_nothing_that_would_be_used_against_people(ann: Visitor, row: Row) -> None:
    for tried, metadata in BAD_CLIENTS:
        answer = await ann.register(**metadata)
        assert answer.status_code in (400, 413), tried
        row(SECTION, f"a client registers {tried}", f"{answer.status_code}")
    chosen = (await ann.register(**OWN_CHOICE)).json()
    assert chosen["client_id"] != "mine"
    assert "client_secret" not in chosen
    row(SECTION, "a client chooses its own id and secret", "it gets others")
    for tried, body in (("what is not JSON", "{"), ("JSON 60,000 levels deep", "[" * 60_000)):
        answer = await ann.http.post("/register", content=body)
        row(SECTION, f"a client registers {tried}", _said(answer))


async def test_a_flood_is_held_back(tmp_path: Path, row: Row) -> None:
    async with sign_in_server(tmp_path, per_second=0.01) as server, server.visitor() as visitor:
        for tried, send in (
            ("registrations", visitor.register),
            ("guesses of an invitation's code", lambda: visitor.accept("abcde")),
            ("requests for tokens", lambda: visitor.token(client_id="x", grant_type="refresh_token")),
            ("pages", lambda: visitor.http.get("/sign-in")),
        ):
            flood = [await send() for _ in range(4)]
            assert flood[-1].status_code == 429, tried
            row(SECTION, f"a flood of {tried}", "429 once there are more than people send")


async def test_the_page_of_consent_is_for_the_browser_that_brought_the_request(
    ann: Visitor, mallory: Visitor, row: Row
) -> None:
    client = await ann.client_id()
    handle = await ann.consent_handle(await ann.authorize(client, Pkce()))
    row(
        SECTION,
        "the page of consent, opened in another browser",
        _said(await mallory.http.get("/consent", params={"request": handle})),
    )
    row(SECTION, "another browser allows it", _said(await mallory.decide(handle)))
    own = await mallory.consent_handle(await mallory.authorize(client, Pkce()))
    name = next(name for name in ann.http.cookies if handle[:16] in name)
    theirs = next(value for name, value in mallory.http.cookies.items() if own[:16] in name)
    mallory.http.cookies.set(name, theirs)
    row(SECTION, "another request's cookie under this one's name", _said(await mallory.decide(handle)))
    mixed = await ann.decide(own)
    row(SECTION, "a person is led to decide about an attacker's request", _said(mixed))
    async with ann.server.visitor() as stranger:
        asked = await stranger.authorize(client, Pkce())
        other = httpx.URL(asked.headers["location"]).params["request"]
        answer = await stranger.decide(other)
        assert answer.headers["location"].startswith("/sign-in?")
        row(SECTION, "somebody who is not signed in allows a client", "is asked to sign in")
    assert (await ann.decide(handle)).status_code == 303


async def test_forms_of_other_sites_do_nothing(ann: Visitor, row: Row) -> None:
    client = await ann.client_id()
    handle = await ann.consent_handle(await ann.authorize(client, Pkce()))
    for tried, headers in (
        ("with its Origin", {"Origin": EVIL}),
        ("with no Origin of its own", {"Origin": "null"}),
        ("whose Origin only begins like ours", {"Origin": f"{ann.server.url}.evil.example"}),
        ("as browsers mark it", {"Sec-Fetch-Site": "cross-site"}),
        ("of a neighbouring host", {"Sec-Fetch-Site": "same-site"}),
    ):
        row(
            SECTION,
            f"a form of another site allows a client, {tried}",
            _said(await ann.decide(handle, **headers)),
        )
    sent = await ann.http.post("/consent", json={"request": handle, "decision": "allow"})
    row(SECTION, "consent sent as JSON", _said(sent))
    await ann.http.get("/consent", params={"request": handle, "decision": "allow"})
    for path in ("/sign-in", "/sign-out"):
        answer = await ann.http.post(path, data={"code": ann.server.invite("Eve")}, headers={"Origin": EVIL})
        row(SECTION, f"a form of another site for {path}", _said(answer))
    assert (await ann.decide(handle)).status_code == 303  # none of it decided anything
    row(SECTION, "consent by opening an address", "the page asks as before")
    row(SECTION, "a request decided twice", _said(await ann.decide(handle)))


async def test_the_page_of_consent_shows_what_a_client_says_as_text_and_in_no_frame(
    ann: Visitor, row: Row
) -> None:
    for tried, name in (
        ("a script", "<script>alert(1)</script>"),
        ("an attribute", '" autofocus onfocus="alert(1)'),
        ("a placeholder of ours", "$handle ${person}"),
        ("letters that turn the line around", "Claude\u202egnp.exe"),
        ("5,000 letters", "a" * 5_000),
    ):
        asked = await ann.authorize(await ann.client_id(client_name=name), Pkce())
        page = await ann.http.get(asked.headers["location"])
        heading = page.text.split("<h1>")[1].split("</h1>")[0]
        assert "<script" not in heading
        assert '"' not in heading
        assert "\u202e" not in heading
        assert len(heading) < 300
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        assert "unsafe" not in page.headers["content-security-policy"]
        assert page.headers["x-frame-options"] == "DENY"
        row(SECTION, f"a client's name has {tried}", "it is shown as text, shortened, in no frame")


async def test_cookies_cannot_be_fixed_read_or_kept(ann: Visitor, server: SignInServer, row: Row) -> None:
    async with server.visitor() as visitor:
        visitor.http.cookies.set("imagerouter-person", "chosen-by-an-attacker")
        answer = await visitor.accept(server.invite("Bob"))
        given = answer.headers["set-cookie"]
        assert "chosen-by-an-attacker" not in given
        assert "HttpOnly" in given
        assert "samesite=lax" in given.lower()
        row(SECTION, "the browser's cookie is set before a person signs in", "they get a new one")
        visitor.http.cookies.clear()
        visitor.http.cookies.set("imagerouter-person", "chosen-by-an-attacker")
        assert "You are signed in" not in (await visitor.http.get("/sign-in")).text
        row(SECTION, "the chosen cookie is used afterwards", "nobody is signed in")
    async with server.visitor() as visitor:
        await visitor.signed_in("Carol")
        client = await visitor.client_id()
        tokens = await visitor.tokens(client)
        with closing(open_register(server.settings)) as register:
            register.remove(server.person("Carol"))
        assert "You are signed in" not in (await visitor.http.get("/sign-in")).text
        row(SECTION, "the cookie of somebody who was removed", "nobody is signed in")
        row(SECTION, "their access token", f"{(await visitor.call(tokens['access_token'])).status_code}")
        assert (await visitor.call(tokens["access_token"])).status_code == 401
    async with server.visitor() as visitor:
        await visitor.signed_in("Dan")
        kept = dict(visitor.http.cookies)
        await visitor.http.post("/sign-out", data={"request": ""})
        visitor.http.cookies.update(kept)
        assert "You are signed in" not in (await visitor.http.get("/sign-in")).text
        row(SECTION, "a copied cookie after its browser was signed out", "nobody is signed in")
    del ann


async def test_invitations_hold_once_for_a_while_and_for_one_person(
    server: SignInServer, monkeypatch: pytest.MonkeyPatch, row: Row
) -> None:
    async with server.visitor() as visitor:
        code = server.invite("Erin")
        assert (await visitor.http.get(f"/invitation?code={code}")).status_code == 200
        assert (await visitor.http.get("/sign-in", params={"code": code})).status_code == 200
        row(SECTION, "a program that looks at links opens an invitation", "it still holds")
        at_once = await asyncio.gather(*(visitor.accept(code) for _ in range(5)))
        assert sorted(each.status_code for each in at_once) == [303, 403, 403, 403, 403]
        row(SECTION, "an invitation used five times at once", "one gets in, 403 for the others")
        row(SECTION, "an invitation used again", _said(await visitor.accept(code)))
        earlier = server.invite("Erin")
        server.invite("Erin")
        row(SECTION, "an invitation after a newer one", _said(await visitor.accept(earlier)))
        late = server.invite("Erin")
        monkeypatch.setattr(server.sign_in.invitations, "_clock", lambda: time.time() + 8 * DAY)
        row(SECTION, "an invitation after its days", _said(await visitor.accept(late)))
        for tried, odd in (
            ("an empty code", ""),
            ("a code of 50,000 letters", "a" * 50_000),
            ("a null byte", "\0"),
        ):
            row(SECTION, f"{tried} as an invitation", _said(await visitor.accept(odd)))


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
        row(SECTION, f"a code exchanged {tried}", _said(await mallory.exchange(who, by, code, **fields)))
    twice = f"client_id={client}&client_id={other}&code={code}&grant_type=authorization_code"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    row(
        SECTION,
        "a code exchanged by two clients in one form",
        _said(await ann.http.post("/token", content=twice, headers=form)),
    )
    row(SECTION, "a code exchanged as JSON", _said(await ann.http.post("/token", json={"code": code})))
    row(SECTION, "a form of 100 kB", _said_any(await ann.token(client_id=client, code="a" * 100_000)))
    at_once = await asyncio.gather(*(ann.exchange(client, pkce, code) for _ in range(8)))
    given = [each for each in at_once if each.status_code == 200]
    assert len(given) == 1
    row(SECTION, "a code exchanged eight times at once", "one gets tokens, 400, invalid_grant for the others")
    row(SECTION, "a code exchanged again", _said(await ann.exchange(client, pkce, code)))
    assert (await ann.call(given[0].json()["access_token"])).status_code == 401
    row(SECTION, "the tokens of a code that was shown again", "they end")
    late = await ann.code(client, pkce)
    monkeypatch.setattr(server.sign_in.grants, "_clock", lambda: time.time() + 301)
    row(SECTION, "a code after five minutes", _said(await ann.exchange(client, pkce, late)))


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
        row(SECTION, tried, _said(await mallory.refresh(who, token, **fields)))
    second = (await ann.refresh(client, shown)).json()
    third = (await ann.refresh(client, second["refresh_token"])).json()
    row(SECTION, "a refresh token after its successor was used", _said(await mallory.refresh(client, shown)))
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
        _said(await mallory.refresh(other, theirs["refresh_token"])),
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


INNER = (
    "https://127.0.0.1/client.json",
    "https://127.1/client.json",
    "https://2130706433/client.json",
    "https://0x7f000001/client.json",
    "https://10.0.0.1/client.json",
    "https://192.168.1.1/client.json",
    "https://169.254.169.254/latest/meta-data/client.json",
    "https://[::1]/client.json",
    "https://[::ffff:127.0.0.1]/client.json",
    "https://[fd00::1]/client.json",
    "https://localhost/client.json",
    "https://inner.example/client.json",
    "https://printer.local/client.json",
)
LOOPBACK_NAMES = ("127.1", "2130706433", "0x7f000001", "localhost", "printer.local")
"""What a system's resolver may take for loopback."""
NO_DOCUMENTS = (
    "http://app.example/client.json",
    "https://app.example",
    "https://app.example/",
    "https://app.example/client.json#part",
    "https://app.example/a/../client.json",
    "https://user:secret@app.example/client.json",
    "https://app.example:99999/client.json",
    "file:///etc/passwd",
    "ftp://app.example/client.json",
)


@pytest_asyncio.fixture(loop_scope="module")
async def site(
    server: SignInServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[HttpsSite]:
    """Run a site on the internet that the server fetches documents from."""
    async with https_site(tmp_path) as site:
        site.names.update(dict.fromkeys(LOOPBACK_NAMES, ("127.0.0.1",)) | {"inner.example": ("10.0.0.7",)})
        fetcher = Fetcher(Policy(), 5, site.network)
        monkeypatch.setattr(server.sign_in.documents, "_fetcher", lambda: fetcher)
        try:
            yield site
        finally:
            await fetcher.aclose()


async def test_no_inner_address_is_fetched_as_a_clients_document(
    ann: Visitor, site: HttpsSite, row: Row
) -> None:
    for address in (*INNER, *NO_DOCUMENTS):
        answer = await ann.authorize(address, Pkce())
        assert answer.status_code == 400, address
        assert site.dialled == [], address
        row(SECTION, f"a client described at {address}", _said(answer))


async def test_a_document_cannot_lead_elsewhere_or_say_too_much(
    ann: Visitor, site: HttpsSite, monkeypatch: pytest.MonkeyPatch, row: Row
) -> None:
    client = f"https://{SITE}/client.json"
    good: dict[str, Any] = {"client_id": client, "client_name": "An app", "redirect_uris": [REDIRECT]}
    documents: tuple[tuple[str, str | bytes, dict[str, str]], ...] = (
        (
            "redirects inwards",
            "",
            {"status": "302 Found", "head": "Location: https://10.0.0.1/client.json\r\n"},
        ),
        ("redirects within its host", "", {"status": "301 Moved", "head": "Location: /other.json\r\n"}),
        ("has another client_id", json.dumps({**good, "client_id": f"https://{SITE}/other.json"}), {}),
        ("has no client_id", json.dumps({"redirect_uris": [REDIRECT]}), {}),
        ("has a client secret", json.dumps({**good, "client_secret": "known to all"}), {}),
        ("has no redirect_uris", json.dumps({**good, "redirect_uris": None}), {}),
        ("sends answers to http", json.dumps({**good, "redirect_uris": ["http://evil.example/"]}), {}),
        ("sends answers to javascript:", json.dumps({**good, "redirect_uris": ["javascript:alert(1)"]}), {}),
        ("has redirect_uris that are none", json.dumps({**good, "redirect_uris": [1, {}]}), {}),
        ("is 6 kB", json.dumps({**good, "padding": "a" * 6_000}), {}),
        ("is a list", "[]", {}),
        ("is no JSON", "{", {}),
        ("is 5,000 levels deep", "[" * 5_000, {}),
        ("is not UTF-8", b"\xff\xfe", {}),
        ("is missing", "", {"status": "404 Not Found"}),
        ("is compressed in a way that was not asked for", "x", {"head": "Content-Encoding: br\r\n"}),
    )
    for number, (tried, content, how) in enumerate(documents):
        address = f"https://{SITE}/client{number}.json"
        named = content.replace(client, address) if isinstance(content, str) else content
        site.answer(f"/client{number}.json", named, **how)
        site.answer("/other.json", json.dumps({**good, "client_id": address}))
        answer = await ann.authorize(address, Pkce())
        assert answer.status_code == 400, tried
        row(SECTION, f"a client's document that {tried}", _said(answer))
    assert set(site.dialled) == {"93.184.215.14"}
    asked = len(site.asked)
    for _ in range(5):
        await ann.authorize(f"https://{SITE}/client0.json", Pkce())
    assert len(site.asked) == asked
    row(SECTION, "a document that failed, asked for five times more", "it is not fetched again at once")
    monkeypatch.setattr(client_documents, "FETCHES_A_MINUTE", 3)
    monkeypatch.setattr(ann.server.sign_in.documents, "_clock", lambda: time.time() + 120)
    for number in range(10):
        await ann.authorize(f"https://{SITE}/none{number}.json", Pkce())
    assert len(site.asked) == asked + 3
    row(SECTION, "many documents at once, to have the server attack their host", "it fetches some a minute")
