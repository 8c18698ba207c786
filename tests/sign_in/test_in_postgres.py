"""Sign-in with everything in PostgreSQL, where two servers share it."""

import asyncio
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from imagerouter_mcp.people.register import open_register
from support.openid_provider import CLIENT, SECRET, openid_provider
from support.signing_in import Pkce, sign_in_server

if TYPE_CHECKING:
    from support.postgres import Cluster


async def test_two_servers_give_the_tokens_of_a_code_once_and_know_each_others(
    postgres: "Cluster", tmp_path: Path
) -> None:
    url = postgres.url
    async with (
        sign_in_server(tmp_path / "one", database_url=url) as one,
        sign_in_server(tmp_path / "two", database_url=url) as two,
        one.visitor() as ann,
        two.visitor() as other,
    ):
        await ann.signed_in("Ann")
        client, pkce = await ann.client_id(), Pkce()
        code = await ann.code(client, pkce)
        fields = {"resource": None}
        tries = (visitor.exchange(client, pkce, code, **fields) for visitor in (ann, other) * 4)
        at_once = await asyncio.gather(*tries)
        given = [answer.json() for answer in at_once if answer.status_code == 200]
        assert len(given) == 1
        again = await ann.tokens(client)
        renewed = (await other.refresh(client, again["refresh_token"])).json()
        assert (await ann.call(renewed["access_token"])).status_code == 200
        assert (await other.call(renewed["access_token"])).status_code == 401  # it has another address
        assert (await ann.refresh(client, renewed["refresh_token"])).status_code == 200
        assert (await other.refresh(client, again["refresh_token"])).status_code == 400
        assert (await ann.call(renewed["access_token"])).status_code == 401
        person = one.person("Ann").id
        invitation = one.sign_in.invitations.invite(person, days=1)
        two.sign_in.end_all(person)
        assert one.sign_in.invitations.accept(invitation) is None
        assert "You are signed in" not in (await ann.http.get("/sign-in")).text


@pytest.mark.long
async def test_the_answer_of_a_provider_counts_once_for_several_servers_and_a_block_holds_for_all(
    postgres: "Cluster", tmp_path: Path
) -> None:
    with openid_provider() as provider:
        provider.told(claims={"sub": "cleo-1", "name": "Cleo"})
        settings: dict[str, Any] = {
            "database_url": postgres.url,
            "openid_issuer": provider.issuer,
            "openid_client_id": CLIENT,
            "openid_client_secret": SecretStr(SECRET),
            "openid_allow": ("@corp.example",),
            "allow_private_issuer": True,
        }
        async with (
            sign_in_server(tmp_path / "one", **settings) as one,
            sign_in_server(tmp_path / "two", **settings) as two,
            one.visitor() as ann,
            two.visitor() as other,
        ):
            back = provider.authorize(await ann.begin())
            at_once = [ann.http.get(back) for _ in range(8)]
            answers = [answer.status_code for answer in await asyncio.gather(*at_once)]
            assert sorted(answers) == [303, *[400] * 7]
            other.http.cookies.update(ann.http.cookies)
            assert "You are signed in as <bdi>Cleo</bdi>" in (await other.http.get("/sign-in")).text
            with closing(open_register(two.settings)) as people:
                person = people.named("Cleo")
                people.block(person)
                people.remove(person)
            assert "You are signed in" not in (await ann.http.get("/sign-in")).text
            refused = await ann.http.get(provider.authorize(await ann.begin()))
            assert "You no longer have access" in refused.text


async def test_while_the_database_is_away_everybody_is_told_to_try_again_and_nobody_is_signed_out(
    postgres: "Cluster", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.new_database()
    async with sign_in_server(tmp_path, database_url=url) as server, server.visitor() as ann:
        await ann.signed_in("Ann")
        client = await ann.client_id()
        tokens = await ann.tokens(client)
        postgres.lock_out(url)
        with monkeypatch.context() as impatient:
            impatient.setattr("imagerouter_mcp.database.postgres._REACHED_SECONDS", 0.1)
            answers = [
                await ann.call(tokens["access_token"]),
                await ann.refresh(client, tokens["refresh_token"]),
                await ann.http.get("/sign-in"),
                await ann.register(),
            ]
        for answer in answers:
            assert answer.status_code == 503, answer.text
            assert "Try again in a minute" in answer.json()["error"]
            assert url not in answer.text
        postgres.let_in(url)
        assert (await ann.call(tokens["access_token"])).status_code == 200
        assert (await ann.refresh(client, tokens["refresh_token"])).status_code == 200
