"""Clients whose id is the address of a document that describes them."""

import json
from collections.abc import AsyncGenerator
from itertools import count
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from imagerouter_mcp.addresses import Policy
from imagerouter_mcp.fetch import Fetcher
from imagerouter_mcp.sign_in import client_documents
from imagerouter_mcp.sign_in.client_documents import FRESH_SECONDS, DocumentError, is_document_address
from support.https_site import SITE, HttpsSite, https_site
from support.signing_in import REDIRECT, Pkce, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")
CLIENT = f"https://{SITE}/client.json"
DOCUMENT = {"client_id": CLIENT, "client_name": "An app", "redirect_uris": ["http://127.0.0.1/callback"]}
MONTHS = count(1)


@pytest_asyncio.fixture(loop_scope="module")
async def site(ann: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[HttpsSite]:
    """Run a site with a document that Ann's server fetches."""
    async with https_site(tmp_path) as site:
        site.answer("/client.json", json.dumps(DOCUMENT))
        site.now += next(MONTHS) * 30 * FRESH_SECONDS  # later than all that other tests did
        fetcher = Fetcher(Policy(), 5, site.network)
        documents = ann.server.sign_in.documents
        monkeypatch.setattr(documents, "_fetcher", lambda: fetcher)
        monkeypatch.setattr(documents, "_clock", lambda: site.now)
        try:
            yield site
        finally:
            await fetcher.aclose()


@pytest.mark.parametrize(
    ("client", "is_one"),
    [
        (CLIENT, True),
        (f"https://{SITE}/a", True),
        (f"https://{SITE}:8443/a/b.json", True),
        (f"https://{SITE}/".ljust(2000, "a"), True),
        (f"https://{SITE}/".ljust(2001, "a"), False),
        (f"http://{SITE}/a", False),
        (f"https://{SITE}", False),
        (f"https://{SITE}/", False),
        (f"https://{SITE}:port/a", False),
        ("https:///a", False),
        (f"https://user@{SITE}/a", False),
        (f"https://:secret@{SITE}/a", False),
        (f"https://{SITE}/a/../b", False),
        (f"https://{SITE}/a/.", False),
        (f"https://{SITE}/a?b", False),
        (f"https://{SITE}/a#b", False),
        (f"https://{SITE}/a b", False),
        (f"https://{SITE}/a\\b", False),
        (f"https://{SITE}/a\x7f", False),
        (f"https://{SITE}/ä", False),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_an_id_is_the_address_of_a_document_only_as_the_specification_has_it(
    client: str, *, is_one: bool
) -> None:
    assert is_document_address(client) is is_one


async def test_a_document_that_failed_is_fetched_again_after_a_minute_and_kept_from_then_on(
    ann: Visitor, site: HttpsSite
) -> None:
    documents = ann.server.sign_in.documents
    client = f"https://{SITE}/late.json"
    for passed, reason in ((0, "404"), (59, "a moment ago"), (1, "404")):
        site.now += passed
        with pytest.raises(DocumentError, match=reason):
            await documents.find(client)
    site.answer("/late.json", json.dumps({**DOCUMENT, "client_id": client}))
    site.now += 60
    assert (await documents.find(client))["client_id"] == client
    assert site.asked == ["/late.json"] * 3
    site.now += FRESH_SECONDS - 1
    await documents.find(client)
    assert len(site.asked) == 3
    site.now += 1
    await documents.find(client)
    assert len(site.asked) == 4


async def test_so_many_documents_are_fetched_a_minute_and_the_newest_are_kept(
    ann: Visitor, site: HttpsSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_documents, "FETCHES_A_MINUTE", 2)
    monkeypatch.setattr(client_documents, "MOST_COPIES", 3)
    documents = ann.server.sign_in.documents
    addresses = [f"https://{SITE}/{number}.json" for number in range(5)]
    for number, address in enumerate(addresses):
        site.answer(f"/{number}.json", json.dumps({**DOCUMENT, "client_id": address}))
    for number, address in enumerate(addresses):
        if number == 2:
            with pytest.raises(DocumentError, match="too many apps"):
                await documents.find(address)
        site.now += 30
        await documents.find(address)
    fetched = len(site.asked)
    for address in addresses[2:]:
        await documents.find(address)
    assert len(site.asked) == fetched == 5
    site.now += 60
    await documents.find(addresses[1])
    assert len(site.asked) == 6


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
