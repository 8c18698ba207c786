"""Clients whose id is the address of a document that describes them."""

import json
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from imagerouter_mcp.addresses import Policy
from imagerouter_mcp.fetch import Fetcher
from imagerouter_mcp.sign_in.client_documents import FRESH_SECONDS
from support.https_site import SITE, HttpsSite, https_site
from support.signing_in import REDIRECT, Pkce, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")
CLIENT = f"https://{SITE}/client.json"
DOCUMENT = {"client_id": CLIENT, "client_name": "An app", "redirect_uris": ["http://127.0.0.1/callback"]}


@pytest_asyncio.fixture(loop_scope="module")
async def site(ann: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[HttpsSite]:
    """Run a site with a document that Ann's server fetches."""
    async with https_site(tmp_path) as site:
        site.answer("/client.json", json.dumps(DOCUMENT))
        fetcher = Fetcher(Policy(), 5, site.network)
        documents = ann.server.sign_in.documents
        monkeypatch.setattr(documents, "_fetcher", lambda: fetcher)
        monkeypatch.setattr(documents, "_clock", lambda: site.now)
        try:
            yield site
        finally:
            await fetcher.aclose()


async def test_a_client_signs_in_by_its_document_which_is_fetched_once_a_day(
    ann: Visitor, site: HttpsSite
) -> None:
    for _ in range(2):
        tokens = await ann.tokens(CLIENT)
        assert (await ann.call(tokens["access_token"])).status_code == 200
        assert (await ann.refresh(CLIENT, tokens["refresh_token"])).status_code == 200
    assert site.asked == ["/client.json"]
    site.now += FRESH_SECONDS + 1
    await ann.tokens(CLIENT)
    assert site.asked == ["/client.json"] * 2


async def test_the_page_names_the_host_of_the_document(ann: Visitor, site: HttpsSite) -> None:
    del site
    asked = await ann.authorize(CLIENT, Pkce())
    page = (await ann.http.get(asked.headers["location"])).text
    assert f"<li >It is described at <strong><bdi>{SITE}</bdi>" in page
    assert "<li hidden>The app chose this name itself" in page


async def test_the_last_good_copy_holds_when_the_document_cannot_be_had(
    ann: Visitor, site: HttpsSite
) -> None:
    client = f"https://{SITE}/passing.json"
    site.answer("/passing.json", json.dumps({**DOCUMENT, "client_id": client}))
    tokens = await ann.tokens(client)
    site.answer("/passing.json", "", status="403 Forbidden")
    site.now += 3 * FRESH_SECONDS
    assert (await ann.authorize(client, Pkce())).status_code == 302
    assert (await ann.refresh(client, tokens["refresh_token"])).status_code == 200
    assert site.asked.count("/passing.json") == 2  # a failure is not tried again at once


async def test_a_document_that_changed_holds_after_a_day(ann: Visitor, site: HttpsSite) -> None:
    client = f"https://{SITE}/moving.json"
    site.answer("/moving.json", json.dumps({**DOCUMENT, "client_id": client}))
    assert (await ann.authorize(client, Pkce())).status_code == 302
    moved = {**DOCUMENT, "client_id": client, "redirect_uris": ["https://app.example/new"]}
    site.answer("/moving.json", json.dumps(moved))
    site.now += FRESH_SECONDS + 1
    assert (await ann.authorize(client, Pkce(), redirect_uri=REDIRECT)).status_code == 400
    answer = await ann.authorize(client, Pkce(), redirect_uri="https://app.example/new")
    assert httpx.URL(answer.headers["location"]).path == "/consent"


async def test_a_document_without_scopes_or_with_other_ways_to_authenticate_will_do(
    ann: Visitor, site: HttpsSite
) -> None:
    client = f"https://{SITE}/rich.json"
    rich = {
        **DOCUMENT,
        "client_id": client,
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks_uri": f"https://{SITE}/keys",
        "grant_types": ["authorization_code", "refresh_token", "urn:other"],
        "logo_uri": "not an address",
    }
    site.answer("/rich.json", json.dumps(rich))
    assert (await ann.tokens(client))["scope"] == "pictures"
