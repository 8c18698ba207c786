"""Sign-in with everything in PostgreSQL, where two servers share it."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

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
        two.sign_in.end_all(one.person("Ann").id)
        assert "You are signed in" not in (await ann.http.get("/sign-in")).text
