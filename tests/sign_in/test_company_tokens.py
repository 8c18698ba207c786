"""A company's own authorization server gives tokens, and this server only checks them."""

import time
from collections.abc import AsyncGenerator
from contextlib import closing
from typing import Any

import pytest
import pytest_asyncio

from imagerouter_mcp.people.register import open_register
from imagerouter_mcp.sign_in import issuer
from support.openid_provider import Provider
from support.signing_in import SignInServer, Visitor, examined, sign_in_server

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(
    tmp_path_factory: pytest.TempPathFactory, provider: Provider
) -> AsyncGenerator[SignInServer]:
    """Run a server that takes its tokens."""
    async with sign_in_server(
        tmp_path_factory.mktemp("team"),
        jwt_issuer=provider.issuer,
        jwt_scope="pictures",
        jwt_allow=("roles.pictures=artist",),
        allow_private_issuer=True,
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def honest(provider: Provider) -> None:
    """Have the provider begin each test as it should be."""
    provider.told()


def claims(server: SignInServer, **changes: object) -> dict[str, Any]:
    """Return what a good token says, but for some changes."""
    now = int(time.time())
    usual = {
        "iss": server.settings.jwt_issuer,
        "aud": [server.resource, "another"],
        "sub": "ann-1",
        "name": "Ann",
        "iat": now,
        "exp": now + 300,
        "scope": "openid pictures",
        "roles": {"pictures": ["artist"]},
    }
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


@pytest.mark.parametrize("header", [{}, {"alg": "ES256", "typ": "at+jwt"}, {"alg": "PS384"}, {"kid": None}])
async def test_a_good_token_lets_its_person_in_who_is_added_at_first_sight(
    server: SignInServer, visitor: Visitor, provider: Provider, header: dict[str, Any]
) -> None:
    assert (await visitor.call(provider.token(claims(server), **header))).status_code == 200
    with closing(open_register(server.settings)) as people:
        person = people.named("Ann")
    assert (person.issuer, person.subject) == (provider.issuer, "ann-1")


async def test_apps_are_sent_to_the_company_and_our_own_server_gives_no_tokens(
    server: SignInServer, visitor: Visitor, provider: Provider
) -> None:
    refused = await visitor.call(None)
    assert refused.status_code == 401
    assert 'scope="pictures"' in refused.headers["www-authenticate"]
    for path in ("/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"):
        told = (await visitor.http.get(path)).json()
        assert told["authorization_servers"] == [provider.issuer]
        assert told["resource"] == server.resource
        assert told["scopes_supported"] == ["pictures"]
    for path in (
        "/.well-known/oauth-authorization-server",
        "/authorize",
        "/sign-in",
        "/consent",
        "/invitation",
    ):
        assert (await visitor.http.get(path)).status_code == 404
    for path in ("/token", "/register", "/revoke", "/sign-in/openid"):
        assert (await visitor.http.post(path)).status_code == 404


async def test_a_token_without_the_scope_is_told_which_one_to_ask_for(
    server: SignInServer, visitor: Visitor, provider: Provider
) -> None:
    answer = await visitor.call(provider.token(claims(server, scope="openid")))
    assert answer.status_code == 403
    assert 'error="insufficient_scope", scope="pictures"' in answer.headers["www-authenticate"]
    assert (
        await visitor.call(provider.token(claims(server, scope=None, scp=["pictures"])))
    ).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"cnf": {"jkt": "a key"}},
        {"aud": "another"},
        {"iss": "https://elsewhere.example"},
        {"exp": 1},
        {"sub": None},
    ],
    ids=str,
)
async def test_a_token_for_somebody_else_or_bound_to_a_key_opens_nothing(
    server: SignInServer, visitor: Visitor, provider: Provider, changes: dict[str, Any]
) -> None:
    assert (await visitor.call(provider.token(claims(server, **changes)))).status_code == 401


async def test_whoever_is_not_let_in_or_blocked_is_told_so(
    server: SignInServer, visitor: Visitor, provider: Provider
) -> None:
    answer = await visitor.call(provider.token(claims(server, roles={"pictures": ["reader"]})))
    assert (answer.status_code, answer.json()["error"]) == (
        403,
        "Whoever runs this server has not let you in. Ask them.",
    )
    token = provider.token(claims(server, sub="bo-1", name="Bo"))
    assert (await visitor.call(token)).status_code == 200
    with closing(open_register(server.settings)) as people:
        people.block(people.named("Bo"))
    answer = await visitor.call(token)
    assert (answer.status_code, "blocked you" in answer.text) == (403, True)


async def test_keys_are_fetched_again_for_an_unknown_name_but_not_at_every_call(
    server: SignInServer, visitor: Visitor, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = provider.token(claims(server))
    assert (await visitor.call(old)).status_code == 200
    provider.rotate()
    monkeypatch.setattr(issuer, "AGAIN_SECONDS", 0)
    assert (await visitor.call(provider.token(claims(server)))).status_code == 200
    assert (await visitor.call(old)).status_code == 401
    monkeypatch.undo()
    before = provider.asked()["/keys"]
    for number in range(20):
        assert (
            await visitor.call(provider.token(claims(server), kid=f"unknown-{number}"))
        ).status_code == 401
    assert provider.asked()["/keys"] == before


async def test_an_issuer_that_is_down_is_told_and_nobody_is_signed_out(
    server: SignInServer, visitor: Visitor, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = provider.token(claims(server))
    assert (await visitor.call(token)).status_code == 200
    provider.told(down=["/keys", "/.well-known/openid-configuration"])
    monkeypatch.setattr(issuer, "AGAIN_SECONDS", 0)
    monkeypatch.setattr(issuer, "FRESH_SECONDS", 0)
    assert (await visitor.call(token)).status_code == 200
    monkeypatch.setattr(issuer, "KEPT_SECONDS", 0)
    answer = await visitor.call(token)
    assert answer.status_code == 503
    assert "keys cannot be fetched: it answers with status 503" in answer.json()["error"]
    assert answer.headers["retry-after"] == "30"


async def test_a_token_that_the_operator_gave_still_lets_its_person_in(
    server: SignInServer, visitor: Visitor
) -> None:
    with closing(open_register(server.settings)) as people:
        token = people.new_token(people.add("operator", "Script", "Script"))
    assert (await visitor.call(token)).status_code == 200


async def test_doctor_says_where_apps_get_their_tokens(visitor: Visitor, provider: Provider) -> None:
    found = await examined(visitor)
    assert "cannot register themselves" in found["company"].what
    provider.told(metadata={"registration_endpoint": f"{provider.issuer}/register"})
    found = await examined(visitor)
    assert found["company"].state == "ok"
