"""Attacks on the studio where people sign in: what nobody is asked about must go to the studio alone."""

import logging
from collections.abc import AsyncGenerator, Callable

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from imagerouter_mcp.http_app.exposure import STUDIO_CLIENT
from support.signing_in import Pkce, SignInServer, Visitor, sign_in_server

Row = Callable[[str, str, str], None]

pytestmark = pytest.mark.asyncio(loop_scope="session")
SECTION = "The studio where people sign in"
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}
SITES = ("cross-site", "same-site", "none", "same-origin, cross-site")
ELSEWHERE = (
    "https://evil.example/studio",
    "http://127.0.0.1:9/studio",
    "http://localhost:9/studio",
    "{url}/studio/",
    "{url}/studio?next=https://evil.example",
    "{url}/studio/../files/x",
    "{url}/sign-in",
    "{url}@evil.example/studio",
)
DATA = (
    "/studio/gallery",
    "/studio/filters",
    "/studio/person",
    "/studio/pictures/img_1",
    "/studio/thumbnails?size=320&handles=img_1",
    "/studio/changes",
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[SignInServer]:
    """Run a server that people sign in to."""
    async with sign_in_server(tmp_path_factory.mktemp("team")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def ann(server: SignInServer) -> AsyncGenerator[Visitor]:
    """Return a browser that Ann is signed in with."""
    async with server.visitor() as visitor:
        yield await visitor.signed_in("Ann")


async def asked(visitor: Visitor, pkce: Pkce, site: str | None, **changed: str | None) -> httpx.Response:
    """Ask for the studio's sign-in as a page of some site would, up to the page that answers."""
    parameters = {"redirect_uri": f"{visitor.server.url}/studio", **changed}
    visitor.http.headers.pop("Sec-Fetch-Site", None)
    if site:
        visitor.http.headers["Sec-Fetch-Site"] = site
    answer = await visitor.authorize(STUDIO_CLIENT, pkce, **parameters)
    if "/consent?" in answer.headers.get("location", ""):
        answer = await visitor.http.get(answer.headers["location"])
    visitor.http.headers.pop("Sec-Fetch-Site", None)
    return answer


async def code_of(visitor: Visitor, pkce: Pkce) -> str:
    """Return the code that the studio's own page gets without a question."""
    answer = await asked(visitor, pkce, OWN_PAGE["Sec-Fetch-Site"])
    target = httpx.URL(answer.headers["location"])
    assert str(target.copy_with(query=None)) == f"{visitor.server.url}/studio"
    return target.params["code"]


async def test_no_other_site_signs_the_studio_in_without_a_question(ann: Visitor, row: Row) -> None:
    for site in (*SITES, None):
        answer = await asked(ann, Pkce(), site)
        assert answer.status_code == 200, answer.headers
        assert "The studio of this server" in answer.text
        assert answer.headers["x-frame-options"] == "DENY"
        row(SECTION, f"a page begins the sign-in, and the browser says: {site}", "the person is asked")
    client = await ann.client_id(client_name="The studio of this server")
    ann.http.headers.update(OWN_PAGE)
    answer = await ann.authorize(client, Pkce())
    page = await ann.http.get(answer.headers["location"])
    assert "The app chose this name itself" in page.text
    row(SECTION, "an app calls itself the studio", "the person is asked, and told that nobody checked it")


async def test_answers_go_to_the_page_of_this_server_alone(
    server: SignInServer, ann: Visitor, row: Row
) -> None:
    for address in ELSEWHERE:
        target = address.format(url=server.url)
        answer = await asked(ann, Pkce(), "same-origin", redirect_uri=target)
        assert (answer.status_code, "location" in answer.headers) == (400, False), target
        row(SECTION, f"the answer is to go to {target}", "refused, on a page")


async def test_a_stolen_code_opens_nothing(server: SignInServer, ann: Visitor, row: Row) -> None:
    studio = {"redirect_uri": f"{server.url}/studio"}
    pkce = Pkce()
    code = await code_of(ann, pkce)
    registered = await ann.client_id()
    tries = {
        "without its verifier": ann.exchange(STUDIO_CLIENT, Pkce(), code, **studio),
        "by another client": ann.exchange(registered, pkce, code, **studio),
        "for another address": ann.exchange(STUDIO_CLIENT, pkce, code),
    }
    for how, attempt in tries.items():
        answer = await attempt
        assert answer.status_code == 400, answer.text
        row(SECTION, f"a stolen code is exchanged {how}", f"400, {answer.json()['error']}")
    pkce = Pkce()
    code = await code_of(ann, pkce)
    tokens = (await ann.exchange(STUDIO_CLIENT, pkce, code, **studio)).json()
    assert (await ann.http.get("/studio/person", headers=_bearer(tokens))).json() == {"name": "Ann"}
    assert (await ann.exchange(STUDIO_CLIENT, pkce, code, **studio)).status_code == 400
    assert (await ann.http.get("/studio/person", headers=_bearer(tokens))).status_code == 401
    row(SECTION, "a code is exchanged twice", "refused, and what it began ends")


async def test_a_token_opens_the_data_of_its_person_to_the_page_alone(
    server: SignInServer, ann: Visitor, row: Row
) -> None:
    pkce = Pkce()
    studio = {"redirect_uri": f"{server.url}/studio"}
    tokens = (await ann.exchange(STUDIO_CLIENT, pkce, await code_of(ann, pkce), **studio)).json()
    for path in DATA:
        assert (await ann.http.get(path)).status_code == 401, path
        row(SECTION, f"{path} with the cookie of sign-in alone", "401")
        foreign = {**_bearer(tokens), "Origin": "https://evil.example"}
        assert (await ann.http.get(path, headers=foreign)).status_code == 403, path
        row(SECTION, f"{path} with a token, from a page of another site", "403")
        in_query = f"{path}{'&' if '?' in path else '?'}access_token={tokens['access_token']}"
        assert (await ann.http.get(in_query)).status_code == 401, path
        row(SECTION, f"{path} with the token in the address", "401")
    ended = await ann.http.post(
        "/revoke", data={"client_id": STUDIO_CLIENT, "token": tokens["refresh_token"]}
    )
    assert ended.status_code == 200
    assert (await ann.http.get(DATA[0], headers=_bearer(tokens))).status_code == 401
    assert (await ann.refresh(STUDIO_CLIENT, tokens["refresh_token"])).status_code == 400
    row(SECTION, "the tokens of a page that has signed out", "ended, both of them")


async def test_the_page_takes_no_sign_in_that_others_began(
    server: SignInServer,
    ann: Visitor,
    browser: Browser,
    row: Row,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    code = await code_of(ann, Pkce())
    page = await (await browser.new_context()).new_page()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    for address in (f"?code={code}&state=x&iss={server.url}", "?error=x&error_description=<b>evil</b>"):
        await page.goto(f"{server.url}/studio{address}")
        await expect(page.get_by_role("heading", name="You are not signed in")).to_be_visible()
        assert page.url == f"{server.url}/studio#/"
        assert "evil" not in await page.content()
    assert not any(url.endswith("/token") for url in sent), "the code is not even tried"
    row(SECTION, "a link brings the code of another person's sign-in", "nobody is signed in")
    row(SECTION, "a link brings an error with markup", "its words are not shown")
    # uvicorn's own log, which has addresses with their queries, is off where the command serves.
    logged = [each.getMessage() for each in caplog.records if each.name.startswith("imagerouter_mcp.")]
    assert logged
    assert code not in " ".join(logged)
    row(SECTION, "the code in the server's log, the address bar or the history", "not there")
    await page.context.close()


def _bearer(tokens: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}
