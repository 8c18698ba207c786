"""Attacks on the sign-in pages: consent, forged forms, frames, cookies, invitations."""

import asyncio
import time
from collections.abc import Callable
from contextlib import closing

import httpx
import pytest

from imagerouter_mcp.people.register import open_register
from support.refused_sign_ins import said
from support.signing_in import Pkce, SignInServer, Visitor

Row = Callable[[str, str, str], None]

pytestmark = pytest.mark.asyncio(loop_scope="module")
SECTION = "Sign-in"
EVIL = "https://evil.example"
DAY = 86_400


async def test_the_page_of_consent_is_for_the_browser_that_brought_the_request(
    ann: Visitor, mallory: Visitor, row: Row
) -> None:
    client = await ann.client_id()
    handle = await ann.consent_handle(await ann.authorize(client, Pkce()))
    row(
        SECTION,
        "the page of consent, opened in another browser",
        said(await mallory.http.get("/consent", params={"request": handle})),
    )
    row(SECTION, "another browser allows it", said(await mallory.decide(handle)))
    own = await mallory.consent_handle(await mallory.authorize(client, Pkce()))
    name = next(name for name in ann.http.cookies if handle[:16] in name)
    theirs = next(value for name, value in mallory.http.cookies.items() if own[:16] in name)
    mallory.http.cookies.set(name, theirs)
    row(SECTION, "another request's cookie under this one's name", said(await mallory.decide(handle)))
    mixed = await ann.decide(own)
    row(SECTION, "a person is led to decide about an attacker's request", said(mixed))
    async with ann.server.visitor() as stranger:
        asked = await stranger.authorize(client, Pkce())
        other = httpx.URL(asked.headers["location"]).params["request"]
        answer = await stranger.decide(other)
        assert answer.headers["location"].startswith("/sign-in?")
        row(SECTION, "somebody who is not signed in allows a client", "is asked to sign in")
    assert (await ann.decide(handle)).status_code == 303


async def test_forms_of_other_sites_do_nothing(ann: Visitor, row: Row) -> None:
    client = await ann.client_id()
    handle = await ann.consent_handle(await ann.authorize(client, Pkce()))
    for tried, headers in (
        ("with its Origin", {"Origin": EVIL}),
        ("with no Origin of its own", {"Origin": "null"}),
        ("whose Origin only begins like ours", {"Origin": f"{ann.server.url}.evil.example"}),
        ("as browsers mark it", {"Sec-Fetch-Site": "cross-site"}),
        ("of a neighbouring host", {"Sec-Fetch-Site": "same-site"}),
    ):
        row(
            SECTION,
            f"a form of another site allows a client, {tried}",
            said(await ann.decide(handle, **headers)),
        )
    sent = await ann.http.post("/consent", json={"request": handle, "decision": "allow"})
    row(SECTION, "consent sent as JSON", said(sent))
    await ann.http.get("/consent", params={"request": handle, "decision": "allow"})
    for path in ("/sign-in", "/sign-out"):
        answer = await ann.http.post(path, data={"code": ann.server.invite("Eve")}, headers={"Origin": EVIL})
        row(SECTION, f"a form of another site for {path}", said(answer))
    assert (await ann.decide(handle)).status_code == 303  # none of it decided anything
    row(SECTION, "consent by opening an address", "the page asks as before")
    row(SECTION, "a request decided twice", said(await ann.decide(handle)))


async def test_forms_of_very_many_fields_are_refused(ann: Visitor, row: Row) -> None:
    fields = {f"f{number}": "" for number in range(1001)}
    for path in ("/token", "/revoke", "/consent", "/sign-in", "/sign-out"):
        answer = await ann.http.post(path, data=fields)
        assert answer.status_code == 400
        assert "Too many fields" in answer.json()["error"]
        row(SECTION, f"a form of 1,001 fields for {path}", "400, with a sentence")


async def test_of_many_consents_at_once_each_is_given_once(ann: Visitor, row: Row) -> None:
    client = await ann.client_id()
    asked = [await ann.authorize(client, Pkce(), state=str(number)) for number in range(8)]
    handles = [await ann.consent_handle(each) for each in asked]
    decided = await asyncio.gather(*(ann.decide(handle) for handle in handles * 2))
    given = [httpx.URL(each.headers["location"]).params for each in decided if each.status_code == 303]
    assert sorted(each["state"] for each in given) == [str(number) for number in range(8)]
    assert len({each["code"] for each in given}) == 8
    row(SECTION, "8 requests of one browser, each allowed twice at once", "each gets one code, for its state")


async def test_the_page_of_consent_shows_what_a_client_says_as_text_and_in_no_frame(
    ann: Visitor, row: Row
) -> None:
    for tried, name in (
        ("a script", "<script>alert(1)</script>"),
        ("an attribute", '" autofocus onfocus="alert(1)'),
        ("a placeholder of ours", "$handle ${person}"),
        ("letters that turn the line around", "Claude\u202egnp.exe"),
        ("5,000 letters", "a" * 5_000),
    ):
        asked = await ann.authorize(await ann.client_id(client_name=name), Pkce())
        page = await ann.http.get(asked.headers["location"])
        heading = page.text.split("<h1>")[1].split("</h1>")[0]
        assert "<script" not in heading
        assert '"' not in heading
        assert "\u202e" not in heading
        assert len(heading) < 300
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        assert "unsafe" not in page.headers["content-security-policy"]
        assert page.headers["x-frame-options"] == "DENY"
        row(SECTION, f"a client's name has {tried}", "it is shown as text, shortened, in no frame")


async def test_cookies_cannot_be_fixed_read_or_kept(ann: Visitor, server: SignInServer, row: Row) -> None:
    async with server.visitor() as visitor:
        visitor.http.cookies.set("imagerouter-person", "chosen-by-an-attacker")
        answer = await visitor.accept(server.invite("Bob"))
        given = answer.headers["set-cookie"]
        assert "chosen-by-an-attacker" not in given
        assert "HttpOnly" in given
        assert "samesite=lax" in given.lower()
        row(SECTION, "the browser's cookie is set before a person signs in", "they get a new one")
        visitor.http.cookies.clear()
        visitor.http.cookies.set("imagerouter-person", "chosen-by-an-attacker")
        assert "You are signed in" not in (await visitor.http.get("/sign-in")).text
        row(SECTION, "the chosen cookie is used afterwards", "nobody is signed in")
    async with server.visitor() as visitor:
        await visitor.signed_in("Carol")
        client = await visitor.client_id()
        tokens = await visitor.tokens(client)
        with closing(open_register(server.settings)) as register:
            register.remove(server.person("Carol"))
        assert "You are signed in" not in (await visitor.http.get("/sign-in")).text
        row(SECTION, "the cookie of somebody who was removed", "nobody is signed in")
        row(SECTION, "their access token", f"{(await visitor.call(tokens['access_token'])).status_code}")
        assert (await visitor.call(tokens["access_token"])).status_code == 401
    async with server.visitor() as visitor:
        await visitor.signed_in("Dan")
        kept = dict(visitor.http.cookies)
        await visitor.http.post("/sign-out", data={"request": ""})
        visitor.http.cookies.update(kept)
        assert "You are signed in" not in (await visitor.http.get("/sign-in")).text
        row(SECTION, "a copied cookie after its browser was signed out", "nobody is signed in")
    del ann


async def test_invitations_hold_once_for_a_while_and_for_one_person(
    server: SignInServer, monkeypatch: pytest.MonkeyPatch, row: Row
) -> None:
    async with server.visitor() as visitor:
        code = server.invite("Erin")
        assert (await visitor.http.get(f"/invitation?code={code}")).status_code == 200
        assert (await visitor.http.get("/sign-in", params={"code": code})).status_code == 200
        row(SECTION, "a program that looks at links opens an invitation", "it still holds")
        at_once = await asyncio.gather(*(visitor.accept(code) for _ in range(5)))
        assert sorted(each.status_code for each in at_once) == [303, 403, 403, 403, 403]
        row(SECTION, "an invitation used five times at once", "one gets in, 403 for the others")
        row(SECTION, "an invitation used again", said(await visitor.accept(code)))
        earlier = server.invite("Erin")
        server.invite("Erin")
        row(SECTION, "an invitation after a newer one", said(await visitor.accept(earlier)))
        late = server.invite("Erin")
        monkeypatch.setattr(server.sign_in.invitations, "_clock", lambda: time.time() + 8 * DAY)
        row(SECTION, "an invitation after its days", said(await visitor.accept(late)))
        for tried, odd in (
            ("an empty code", ""),
            ("a code of 50,000 letters", "a" * 50_000),
            ("a null byte", "\0"),
        ):
            row(SECTION, f"{tried} as an invitation", said(await visitor.accept(odd)))
