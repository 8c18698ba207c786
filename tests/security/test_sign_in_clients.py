"""Attacks on redirects, PKCE and the registration of clients, and floods of requests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.refused_sign_ins import WEB, said
from support.signing_in import REDIRECT, Pkce, Visitor, sign_in_server

Row = Callable[[str, str, str], None]

pytestmark = pytest.mark.asyncio(loop_scope="module")
SECTION = "Sign-in"
EVIL = "https://evil.example"


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
        row(SECTION, f"an answer sent to {uri or 'nowhere'}", said(answer))
    twice = await ann.http.get(f"/authorize?client_id={client}&redirect_uri={EVIL}&redirect_uri={WEB}")
    row(SECTION, "two redirect_uri, one of them registered", said(twice))
    none = await ann.authorize(client, Pkce(), redirect_uri=None)
    row(SECTION, "no redirect_uri, for a client that registered two", said(none))


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
        row(SECTION, tried, said(answer))
    posted = await ann.http.post("/authorize", data={"client_id": client})
    assert posted.status_code == 405
    row(SECTION, "an authorization asked for by POST", "405")


OWN_CHOICE = {"client_id": "mine", "client_secret": "mine"}
BAD_CLIENTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("javascript:", {"redirect_uris": ["javascript:alert(1)"]}),
    ("a script behind a control character", {"redirect_uris": ["\x01java\nscript:alert(1)"]}),
    ("a telephone number", {"redirect_uris": ["tel:1"]}),
    ("a search of the machine", {"redirect_uris": ["search-ms:query=x"]}),
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
        row(SECTION, f"a client registers {tried}", said(answer))


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
