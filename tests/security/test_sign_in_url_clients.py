"""Attacks with clients whose id is the address of a document."""

import json
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from imagerouter_mcp.addresses import Policy
from imagerouter_mcp.fetch import Fetcher
from imagerouter_mcp.sign_in import client_documents
from support.https_site import SITE, HttpsSite, https_site
from support.refused_sign_ins import said
from support.signing_in import REDIRECT, Pkce, SignInServer, Visitor

Row = Callable[[str, str, str], None]

pytestmark = pytest.mark.asyncio(loop_scope="module")
SECTION = "Sign-in"


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
        row(SECTION, f"a client described at {address}", said(answer))


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
        row(SECTION, f"a client's document that {tried}", said(answer))
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
