"""What an app may do for the person who let it in, and for how long it is told of changes."""

import re
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, closing

import anyio
import httpx
import pytest

from imagerouter_mcp.http_app import listening
from imagerouter_mcp.http_app.sign_in import cookies
from imagerouter_mcp.http_app.studio.live_changes import MOST_STREAMS
from imagerouter_mcp.people.register import open_register
from support.people import let_in
from support.signing_in import REDIRECT, Pkce, SignInServer, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")
ACCEPT = {"Accept": "application/json, text/event-stream"}
STUDIO_ROUTES = (
    ("POST", "/studio/delete"),
    ("POST", "/studio/uploads"),
    ("DELETE", "/studio/pictures/img_1"),
    ("GET", "/studio/gallery"),
    ("GET", "/studio/changes"),
)


Listens = Callable[[Visitor, str], AbstractAsyncContextManager[httpx.Response]]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_an_app_has_the_tools_and_nothing_of_the_studio(server: SignInServer, ann: Visitor) -> None:
    token = (await ann.tokens(await ann.client_id()))["access_token"]
    assert (await ann.call(token)).status_code == 200
    for method, path in STUDIO_ROUTES:
        answer = await ann.http.request(method, path, headers=bearer(token), json={"before": "2999-01-01"})
        assert (answer.status_code, "given to another app" in answer.text) == (403, True), path
    async with let_in(server.settings, server.url, "Ann") as by_hand:
        answer = await by_hand.client.post("/studio/delete", json={"before": "2999-01-01"})
        assert answer.json() == {"pictures": 0, "bytes": 0, "deleted": False}, "the operator's token may"


@asynccontextmanager
async def listens_as_before(ann: Visitor, token: str) -> AsyncGenerator[httpx.Response]:
    """Open a session of the older protocol, and listen to it."""
    opened = await ann.call(token)
    session = {"Mcp-Session-Id": opened.headers["mcp-session-id"], "Mcp-Protocol-Version": "2025-11-25"}
    headers = {**bearer(token), **ACCEPT, **session}
    ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    (await ann.http.post("/mcp", json=ready, headers=headers)).raise_for_status()
    async with ann.http.stream("GET", "/mcp", headers=headers) as stream:
        yield stream


@asynccontextmanager
async def listens(ann: Visitor, token: str) -> AsyncGenerator[httpx.Response]:
    """Subscribe to changes, as the present protocol does."""
    version = "2026-07-28"
    headers = {"Mcp-Protocol-Version": version, "Mcp-Method": "subscriptions/listen"}
    meta = {
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientInfo": {"name": "a test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {"_meta": meta, "notifications": {"toolsListChanged": True}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params}
    async with ann.http.stream(
        "POST", "/mcp", json=body, headers={**bearer(token), **ACCEPT, **headers}
    ) as stream:
        yield stream


@pytest.mark.parametrize("opened", [listens_as_before, listens])
async def test_a_stream_ends_when_its_token_is_revoked_or_its_person_blocked(
    server: SignInServer, ann: Visitor, monkeypatch: pytest.MonkeyPatch, opened: Listens
) -> None:
    monkeypatch.setattr(listening, "RECOGNISED_SECONDS", 0.05)
    client = await ann.client_id()
    one, other = [(await ann.tokens(client))["access_token"] for _ in range(2)]
    with anyio.fail_after(60):
        async with opened(ann, one) as ending, opened(ann, other) as staying:
            assert (ending.status_code, staying.status_code) == (200, 200)
            await ann.http.post("/revoke", data={"client_id": client, "token": one})
            async for _ in ending.aiter_raw():
                pass
            with closing(open_register(server.settings)) as people:
                people.block(server.person("Ann"))
                async for _ in staying.aiter_raw():
                    pass
                people.allow(server.person("Ann").id)


async def test_one_persons_pages_take_no_stream_of_changes_from_another(server: SignInServer) -> None:
    async with AsyncExitStack() as opened:
        homes = [
            await opened.enter_async_context(let_in(server.settings, server.url, str(number)))
            for number in range(2)
        ]
        for home in homes:
            streams = [home.client.stream("GET", "/studio/changes") for _ in range(MOST_STREAMS + 1)]
            statuses = [(await opened.enter_async_context(stream)).status_code for stream in streams]
            assert statuses == [200] * MOST_STREAMS + [503]


async def test_allow_is_asked_again_if_somebody_else_signed_in_after_the_page_was_shown(ann: Visitor) -> None:
    asked = await ann.authorize(await ann.client_id(), Pkce())
    page = asked.headers["location"]
    of_ann = _filled_in(await ann.http.get(page))
    await ann.signed_in("Ben")  # in another tab
    assert (await ann.http.post("/consent", data=of_ann)).headers["location"] in page
    of_ben = await ann.http.get(page)
    assert "signed in as <strong><bdi>Ben<" in of_ben.text
    decided = await ann.http.post("/consent", data=_filled_in(of_ben))
    assert decided.headers["location"].startswith(f"{REDIRECT}?code=")


async def test_a_browser_keeps_cookies_for_the_latest_requests_only(ann: Visitor) -> None:
    client = await ann.client_id()
    asked = [await ann.authorize(client, Pkce()) for _ in range(cookies.MOST_WAITING + 5)]
    assert len(ann.http.cookies) == cookies.MOST_WAITING + 1, "and the one that keeps her signed in"
    opened = [(await ann.http.get(each.headers["location"])).status_code for each in asked]
    assert opened == [400] * 5 + [200] * cookies.MOST_WAITING


def _filled_in(page: httpx.Response) -> dict[str, str]:
    """Return what a browser sends when Allow is pressed."""
    hidden = re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', page.text)
    return {**dict(hidden), "decision": "allow"}
