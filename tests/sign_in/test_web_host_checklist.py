"""What web hosts such as claude.ai need of a server, point by point."""

import asyncio
import sqlite3
import time
from contextlib import closing

import httpx
import pytest
from mcp.shared.auth import OAuthClientInformationFull, OAuthMetadata, ProtectedResourceMetadata

from imagerouter_mcp.http_app.sign_in import oauth_routes
from imagerouter_mcp.sign_in import client_documents, clients
from support.signing_in import REDIRECT, Pkce, SignInServer, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD"])
async def test_every_method_without_a_token_is_answered_with_where_to_sign_in(
    visitor: Visitor, method: str
) -> None:
    answer = await visitor.http.request(method, "/mcp")
    assert answer.status_code == 401
    said = answer.headers["www-authenticate"]
    assert said.startswith("Bearer ")
    assert f'resource_metadata="{visitor.server.url}/.well-known/oauth-protected-resource/mcp"' in said


async def test_a_dead_token_is_answered_with_401_and_never_403(visitor: Visitor) -> None:
    assert (await visitor.call("dead")).status_code == 401


async def test_both_addresses_of_the_resource_metadata_name_the_address_that_people_type(
    visitor: Visitor,
) -> None:
    for path in ("/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"):
        said = (await visitor.http.get(path)).json()
        assert said["resource"] == visitor.server.resource
        assert said["authorization_servers"] == [visitor.server.url]
        assert ProtectedResourceMetadata.model_validate(said)


async def test_the_server_metadata_names_the_issuer_to_the_character_and_what_hosts_look_for(
    visitor: Visitor,
) -> None:
    said = (await visitor.http.get("/.well-known/oauth-authorization-server")).json()
    url = visitor.server.url
    assert said["issuer"] == url
    assert [said[f"{name}_endpoint"] for name in ("authorization", "token", "registration")] == [
        f"{url}/authorize",
        f"{url}/token",
        f"{url}/register",
    ]
    assert said["code_challenge_methods_supported"] == ["S256"]
    assert "none" in said["token_endpoint_auth_methods_supported"]
    assert said["client_id_metadata_document_supported"] is True
    assert said["authorization_response_iss_parameter_supported"] is True
    assert OAuthMetadata.model_validate(said)


async def test_answers_and_errors_carry_the_issuer_and_the_state(ann: Visitor) -> None:
    client, pkce = await ann.client_id(), Pkce()
    refused = await ann.authorize(client, pkce, resource="https://elsewhere.example/mcp")
    denied = await ann.decide(await ann.consent_handle(await ann.authorize(client, pkce)), "deny")
    allowed = await ann.decide(await ann.consent_handle(await ann.authorize(client, pkce)))
    said = [httpx.URL(each.headers["location"]).params for each in (refused, denied, allowed)]
    assert [each.get("error") for each in said] == ["invalid_target", "access_denied", None]
    assert [(each["iss"], each["state"]) for each in said] == [(ann.server.url, "a state")] * 3


@pytest.mark.parametrize("method", ["none", "client_secret_post"])
async def test_registration_answers_201_without_nulls_and_with_a_whole_number(
    visitor: Visitor, method: str
) -> None:
    answer = await visitor.register(token_endpoint_auth_method=method, scope="pictures offline_access")
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/json"
    said = answer.json()
    assert None not in said.values()
    assert type(said["client_secret_expires_at"]) is int
    assert ("client_secret" in said) == (method != "none")
    assert OAuthClientInformationFull.model_validate(said)


async def test_a_client_with_a_secret_has_to_show_it(ann: Visitor) -> None:
    registered = (await ann.register(token_endpoint_auth_method="client_secret_post")).json()  # noqa: S106 - a method's name
    pkce, client = Pkce(), registered["client_id"]
    code = await ann.code(client, pkce)
    assert (await ann.exchange(client, pkce, code)).status_code == 401
    assert (await ann.exchange(client, pkce, code, client_secret="wrong")).status_code == 401  # noqa: S106 - is refused
    right = await ann.exchange(client, pkce, code, client_secret=registered["client_secret"])
    assert right.status_code == 200


async def test_tokens_are_given_for_a_form_and_open_the_endpoint(ann: Visitor) -> None:
    tokens = await ann.tokens(await ann.client_id())
    assert tokens["token_type"] == "Bearer"  # noqa: S105 - a kind
    assert (await ann.call(tokens["access_token"])).status_code == 200


async def test_tokens_are_given_or_refused_in_time_while_the_records_are_locked(
    ann: Visitor, server: SignInServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client_documents.FETCH_SECONDS < oauth_routes.TOKEN_SECONDS < 10
    assert oauth_routes.REFRESH_SECONDS < 30
    monkeypatch.setattr(oauth_routes, "TOKEN_SECONDS", 0.3)
    monkeypatch.setattr(oauth_routes, "REFRESH_SECONDS", 0.6)
    client, pkce = await ann.client_id(), Pkce()
    tokens = await ann.tokens(client)
    code = await ann.code(client, pkce)
    records = sqlite3.connect(server.settings.data_dir / "sign_in.sqlite3", isolation_level=None)
    with closing(records):
        records.execute("BEGIN IMMEDIATE")
        refused = [await ann.exchange(client, pkce, code), await ann.refresh(client, tokens["refresh_token"])]
        monkeypatch.setattr(oauth_routes, "MOST_UNDER_WAY", len(refused))
        monkeypatch.setattr(oauth_routes, "TOKEN_SECONDS", 60)
        refused.append(await ann.exchange(client, pkce, code))
    for answer, least, most in zip(refused, (0.3, 0.6, 0), (5, 10, 10), strict=True):
        assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
        assert "Try again" in answer.json()["error_description"]
        assert answer.headers["retry-after"] == "10"
        assert least < answer.elapsed.total_seconds() < most
    monkeypatch.undo()
    assert (await ann.refresh(client, tokens["refresh_token"])).status_code == 200


async def test_token_requests_beyond_those_that_may_be_under_way_are_refused_at_once(
    ann: Visitor, server: SignInServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oauth_routes, "TOKEN_SECONDS", 2)
    monkeypatch.setattr(oauth_routes, "MOST_UNDER_WAY", 3)
    client, pkce = await ann.client_id(), Pkce()
    codes = [await ann.code(client, pkce) for _ in range(5)]
    records = sqlite3.connect(server.settings.data_dir / "sign_in.sqlite3", isolation_level=None)
    with closing(records):
        records.execute("BEGIN IMMEDIATE")
        answers = await asyncio.gather(*(ann.exchange(client, pkce, code) for code in codes))
    assert {answer.status_code for answer in answers} == {503}
    assert sum(answer.elapsed.total_seconds() < 1.5 for answer in answers) == 2


async def test_a_dead_refresh_token_is_an_invalid_grant(ann: Visitor) -> None:
    answer = await ann.refresh(await ann.client_id(), "dead")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_an_expired_client_is_an_invalid_client(ann: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await ann.client_id()
    tokens = await ann.tokens(client)
    monkeypatch.setattr(clients, "USED_SECONDS", 0)
    answer = await ann.refresh(client, tokens["refresh_token"])
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_a_refresh_token_holds_until_its_successor_is_used(ann: Visitor) -> None:
    client = await ann.client_id()
    first = await ann.tokens(client)
    lost = (await ann.refresh(client, first["refresh_token"])).json()
    again = await ann.refresh(client, first["refresh_token"])
    assert again.status_code == 200
    second = again.json()
    assert len({first["refresh_token"], lost["refresh_token"], second["refresh_token"]}) == 3
    assert (await ann.refresh(client, second["refresh_token"])).status_code == 200
    assert (await ann.refresh(client, first["refresh_token"])).status_code == 400


async def test_nothing_redirects_to_another_host_before_the_answer(ann: Visitor) -> None:
    asked = await ann.authorize(await ann.client_id(), Pkce())
    assert httpx.URL(asked.headers["location"]).netloc == httpx.URL(ann.server.url).netloc
    for path in ("/mcp", "/.well-known/oauth-authorization-server"):
        assert not (await ann.http.get(path)).is_redirect


async def test_the_same_documents_may_be_kept_for_five_minutes(visitor: Visitor) -> None:
    for path in ("/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource/mcp"):
        assert (await visitor.http.get(path)).headers["cache-control"] == "public, max-age=300"


async def test_unused_clients_expire_and_used_ones_stay(
    ann: Visitor, server: SignInServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    unused, used = await ann.client_id(), await ann.client_id()
    tokens = await ann.tokens(used)
    now = time.time()
    for days, stays in ((2, True), (80, True), (160, True)):
        monkeypatch.setattr(server.sign_in.clients, "_clock", lambda at=now + 86_400 * days: at)
        assert server.sign_in.clients.find(unused) is None
        assert (server.sign_in.clients.find(used) is not None) is stays
        tokens = (await ann.refresh(used, tokens["refresh_token"])).json()
    monkeypatch.setattr(server.sign_in.clients, "_clock", lambda: now + 86_400 * 251)
    assert server.sign_in.clients.find(used) is None


async def test_a_browser_asks_beforehand_without_a_token(visitor: Visitor) -> None:
    preflight = {"Origin": "https://inspector.example", "Access-Control-Request-Method": "POST"}
    for path in ("/token", "/register"):
        answer = await visitor.http.options(path, headers=preflight)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "*"
    assert (await visitor.http.options("/mcp")).status_code != 401


async def test_loopback_redirects_are_compared_without_their_port(ann: Visitor) -> None:
    client = await ann.client_id(redirect_uris=["http://localhost/callback", "cursor://anysphere/callback"])
    for uri, status in (
        ("http://localhost:1/callback", 302),
        ("http://localhost:65535/callback", 302),
        ("http://127.0.0.1:1/callback", 400),
        ("cursor://anysphere/callback", 302),
        (REDIRECT, 400),
    ):
        assert (await ann.authorize(client, Pkce(), redirect_uri=uri)).status_code == status, uri
