"""The studio where several people sign in: each sees their own, and the page keeps nothing that opens it."""

import re
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Request, expect

from imagerouter_mcp.sandbox.service.serve import Sandbox
from support.people import let_in
from support.signing_in import SignInServer, sign_in_server

pytestmark = pytest.mark.asyncio(loop_scope="session")
PROMPT = "a fox that only Ann has"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(
    session_sandbox: tuple[Sandbox, Any], tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[SignInServer]:
    """Run a server on which Ann has a picture, and Bob has none."""
    folder = tmp_path_factory.mktemp("team")
    async with sign_in_server(folder, base_url=session_sandbox[0].base_url) as running:
        async with let_in(running.settings, running.url, "Ann") as ann:
            await ann.call("generate_image", prompt=PROMPT, model="test/test", size="256x256")
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def context(browser: Browser) -> AsyncGenerator[BrowserContext]:
    """Open a browser that nobody is signed in with."""
    context = await browser.new_context(reduced_motion="reduce")
    yield context
    await context.close()


async def sign_in(page: Page, server: SignInServer, name: str) -> None:
    """Open the studio, and accept an invitation on the page that it leads to."""
    await page.goto(f"{server.url}/studio#/?query=fox")
    await page.get_by_label("Code").fill(server.invite(name))
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("button", name=f"Signed in as {name}")).to_be_visible()


def bearer(request: Request) -> str:
    """Return the token that a request shows, "" for none."""
    return (request.headers.get("authorization") or "").removeprefix("Bearer ")


async def test_a_person_signs_in_sees_their_own_pictures_and_stays_signed_in(
    server: SignInServer, context: BrowserContext
) -> None:
    page = await context.new_page()
    shown: set[str] = set()
    page.on("request", lambda request: shown.add(bearer(request)))
    await sign_in(page, server, "Ann")
    tile = page.get_by_role("button", name=re.compile(PROMPT))
    await expect(tile.locator("img")).to_have_js_property("complete", value=True)
    assert page.url == f"{server.url}/studio#/?query=fox", "it comes back to where the person was"
    kept = await page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert kept == '[{},{},""]', "the tokens are in memory alone"
    before = shown - {""}
    assert len(before) == 1

    with closing(sqlite3.connect(server.settings.data_dir / "sign_in.sqlite3")) as database, database:
        database.execute("UPDATE access_tokens SET expires_at = 0")
    async with page.expect_response(lambda answer: answer.ok and bearer(answer.request) not in {"", *before}):
        await page.get_by_role("button", name="Spending: $0.00 spent today").click()
    shared = page.get_by_role("dialog").get_by_text(
        "used by you of the $20.00 a day that everyone on this server shares"
    )
    await expect(shared).to_be_visible()
    assert len(shown - {""} - before) == 1, "an expired token is renewed once, and nobody notices"

    await page.reload()
    await expect(page.get_by_role("button", name="Signed in as Ann")).to_be_visible()
    await page.go_back()
    assert "code=" not in page.url
    await expect(page.get_by_role("button", name="Signed in as Ann")).to_be_visible()


async def test_signing_out_ends_the_tokens_and_the_next_person_sees_nothing_of_it(
    server: SignInServer, context: BrowserContext
) -> None:
    page = await context.new_page()
    shown: set[str] = set()
    page.on("request", lambda request: shown.add(bearer(request)))
    await sign_in(page, server, "Ann")
    await page.get_by_role("button", name="Signed in as Ann").click()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
    assert not any(server.sign_in.grants.find_access(token) for token in shown)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_label("Code").fill(server.invite("Bob"))
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("button", name="Signed in as Bob")).to_be_visible()
    await expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
    server.sign_in.end_all(server.person("Bob").id)
    await expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
    assert await page.get_by_role("button", name="Sign in").is_visible()
