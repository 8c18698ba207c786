"""Attacks on signing in at a provider, and on the tokens of a company's own authorization server."""

import json
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from jwt.utils import base64url_encode
from pydantic import SecretStr

from imagerouter_mcp.sign_in import issuer
from support.openid_provider import CLIENT, SECRET, Provider
from support.signing_in import SignInServer, Visitor, sign_in_server

Row = Callable[[str, str, str], None]

pytestmark = pytest.mark.asyncio(loop_scope="module")
LOGIN = "Signing in at a provider"
TOKENS = "Tokens of a company's own authorization server"
NOW = int(time.time())
OF_CLIENT: dict[str, Any] = {"openid_client_id": CLIENT, "openid_client_secret": SecretStr(SECRET)}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(
    tmp_path_factory: pytest.TempPathFactory, provider: Provider
) -> AsyncGenerator[SignInServer]:
    """Run a server whose people sign in there."""
    async with sign_in_server(
        tmp_path_factory.mktemp("team"),
        openid_issuer=provider.issuer,
        openid_allow=("everybody",),
        openid_name="Corp",
        allow_private_issuer=True,
        **OF_CLIENT,
    ) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def verifier(
    tmp_path_factory: pytest.TempPathFactory, provider: Provider
) -> AsyncGenerator[SignInServer]:
    """Run a server that takes the provider's tokens."""
    async with sign_in_server(
        tmp_path_factory.mktemp("company"),
        jwt_issuer=provider.issuer,
        jwt_allow=("everybody",),
        allow_private_issuer=True,
    ) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def victim(server: SignInServer, provider: Provider) -> AsyncGenerator[Visitor]:
    """Return a browser that nobody is signed in with, while the provider is honest."""
    provider.told()
    async with server.visitor() as visitor:
        yield visitor


async def _refused(visitor: Visitor, address: str) -> str:
    """Have a browser come back to an address, and return how it was refused; fail if it was let in."""
    answer = await visitor.http.get(address)
    assert answer.status_code >= 400, answer.headers
    assert "person" not in answer.headers.get("set-cookie", "")
    assert "You are signed in" not in (await visitor.http.get("/sign-in")).text
    return f"{answer.status_code}, a page: {answer.text.split('<h1>')[1].split('</h1>')[0]}"


ID_TOKENS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("half a surrogate pair as nonce", {"token": {"nonce": "\ud800"}}),
    ("no signature", {"signature": "none"}),
    ("the public key as the secret of HS256", {"signature": "hmac"}),
    ("a stranger's signature", {"signature": "stranger"}),
    ("another provider's iss", {"token": {"iss": "https://evil.example"}}),
    ("another program's aud", {"token": {"aud": "another"}}),
    ("both aud, and another program's azp", {"token": {"aud": [CLIENT, "another"], "azp": "another"}}),
    ("another sign-in's nonce", {"token": {"nonce": "another"}}),
    ("no nonce", {"token": {"nonce": None}}),
    ("an end two minutes ago", {"token": {"exp": NOW - 120}}),
    ("no end", {"token": {"exp": None}}),
)


async def test_id_tokens_count_only_for_the_sign_in_they_were_made_for(
    victim: Visitor, provider: Provider, row: Row
) -> None:
    for tried, lie in ID_TOKENS:
        provider.told(**lie)
        back = provider.authorize(await victim.begin())
        row(LOGIN, f"an ID token with {tried}", await _refused(victim, back))


ANSWERS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("iss of another provider (mix-up)", {"iss": "https://evil.example"}),
    ("no iss, which this provider always sends", {"iss": None}),
    ("an error", {"code": None, "error": "access_denied"}),
    ("an error that is a script", {"code": None, "error": "<script>alert(1)</script>"}),
    ("no code", {"code": None}),
    ("a code that the provider never gave", {"code": "guessed"}),
    ("a state that nobody began", {"state": "guessed"}),
    ("no state", {"state": None}),
    ("a state of 10,000 characters", {"state": "s" * 10_000}),
    ("a state with a line break", {"state": "a\r\nSet-Cookie: x=y"}),
)


async def test_a_browser_comes_back_only_with_the_answer_to_its_own_sign_in(
    server: SignInServer, victim: Visitor, provider: Provider, row: Row
) -> None:
    for tried, answer in ANSWERS:
        provider.told(answer=answer)
        refused = await _refused(victim, provider.authorize(await victim.begin()))
        assert "script" not in refused
        row(LOGIN, f"a browser comes back with {tried}", refused)
    provider.told()
    async with server.visitor() as mallory:
        lured = provider.authorize(await mallory.begin())
        row(
            LOGIN,
            "a victim opens where an attacker's browser was sent back to",
            await _refused(victim, lured),
        )
        mine = httpx.URL(provider.authorize(await victim.begin()))
        code = httpx.URL(lured).params["code"]
        mixed = str(mine.copy_merge_params({"code": code}))
        row(LOGIN, "an attacker's code with a victim's state", await _refused(victim, mixed))
    async with server.visitor() as person:
        back = provider.authorize(await person.begin())
        assert (await person.http.get(back)).is_redirect
        again = await person.http.get(back)
        assert again.status_code == 400
        row(LOGIN, "the same answer twice", "400")
    forged = await victim.http.post(
        "/sign-in/openid", data={"request": ""}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert forged.status_code == 403
    row(LOGIN, "a page of another site begins a sign-in", "403")
    assert (await victim.http.get("/sign-in/openid")).status_code == 405
    row(LOGIN, "a link begins a sign-in", "405")


DESCRIPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("calls itself another provider", {"issuer": "https://accounts.google.com"}),
    ("has its keys at http elsewhere", {"jwks_uri": "http://127.0.0.1:9/keys"}),
    ("has its keys in a file", {"jwks_uri": "file:///etc/passwd"}),
    ("sends browsers to a script", {"authorization_endpoint": "javascript:alert(1)"}),
    ("sends browsers to http elsewhere", {"authorization_endpoint": "http://evil.example/"}),
    ("sends browsers to an address of two lines", {"authorization_endpoint": "https://a.example/\r\nX: y"}),
)


async def test_what_a_provider_says_of_itself_leads_nowhere_else(
    victim: Visitor, provider: Provider, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("FRESH_SECONDS", "KEPT_SECONDS", "AGAIN_SECONDS"):
        monkeypatch.setattr(issuer, limit, 0)
    for tried, metadata in DESCRIPTIONS:
        provider.told(metadata=metadata)
        answer = await victim.http.post("/sign-in/openid", data={"request": ""})
        assert answer.status_code == 500, tried
        row(LOGIN, f"a provider that {tried}", "500, a page: Corp cannot sign you in here")
    for methods in (5, "none"):
        provider.told(metadata={"token_endpoint_auth_methods_supported": methods})
        assert (await victim.http.get(provider.authorize(await victim.begin()))).status_code < 500
        row(
            LOGIN,
            f"a provider that takes secrets in the way {methods!r}",
            "the sign-in goes on, or is refused",
        )
    provider.told()
    assert await victim.begin()


async def test_a_private_provider_is_not_asked_unless_it_is_allowed(
    tmp_path: Path, provider: Provider, row: Row
) -> None:
    asked = provider.asked()
    async with (
        sign_in_server(
            tmp_path, openid_issuer=provider.issuer, openid_allow=("everybody",), **OF_CLIENT
        ) as server,
        server.visitor() as visitor,
    ):
        answer = await visitor.http.post("/sign-in/openid", data={"request": ""})
    assert answer.status_code == 500
    assert "IMAGEROUTER_ALLOW_PRIVATE_ISSUER=1" in answer.text
    assert provider.asked() == asked
    row(LOGIN, "a provider at a private address", "500, and nothing is sent there")


def _public(key: rsa.RSAPrivateKey) -> dict[str, Any]:
    return RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)


BAD_CLAIMS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("another issuer", {"iss": "https://evil.example"}),
    ("our issuer with a slash more", {"iss": "ISSUER/"}),
    ("no issuer", {"iss": None}),
    ("another server's aud", {"aud": "https://elsewhere.example/mcp"}),
    ("the aud of the client (an ID token)", {"aud": CLIENT}),
    ("an aud below ours", {"aud": "SERVER/mcp/more"}),
    ("an aud that begins like ours", {"aud": "SERVER/mcp.evil.example"}),
    ("an empty aud", {"aud": ""}),
    ("no aud", {"aud": None}),
    ("an end two minutes ago", {"exp": NOW - 120}),
    ("an end that is no number", {"exp": "soon"}),
    ("an end at infinity", {"exp": float("inf")}),
    ("no end", {"exp": None}),
    ("a beginning in an hour", {"nbf": NOW + 3600}),
    ("a date in an hour", {"iat": NOW + 3600}),
    ("no date", {"iat": None}),
    ("no subject", {"sub": None}),
    ("an empty subject", {"sub": ""}),
    ("a subject that is a number", {"sub": 1}),
    ("a subject of 300 characters", {"sub": "s" * 300}),
    ("a subject with a null byte", {"sub": "ann\0"}),
    ("a key that its holder has to prove (cnf)", {"cnf": {"jkt": "a"}}),
)
BAD_HEADERS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("the kind of a logout token", {"typ": "logout+jwt"}),
    ("an extension that must be understood", {"crit": ["b64", "unknown"], "unknown": 1}),
    ("a key that is not published", {"kid": "unknown"}),
    ("a key that is a path", {"kid": "../../dev/null"}),
)


async def test_company_tokens_count_only_as_the_issuer_meant_them(
    verifier: SignInServer, provider: Provider, row: Row
) -> None:
    provider.told()

    def claims(**changes: object) -> dict[str, Any]:
        usual = {"iss": provider.issuer, "aud": verifier.resource, "sub": "ann", "iat": NOW, "exp": NOW + 900}
        said = {name: value for name, value in {**usual, **changes}.items() if value is not None}
        for name in ("iss", "aud"):
            text = str(said.get(name, "")).replace("ISSUER", provider.issuer)
            said.update({name: text.replace("SERVER", verifier.url)} if name in said else {})
        return said

    async with verifier.visitor() as visitor:

        async def refused(tried: str, token: str) -> None:
            answer = await visitor.call(token)
            assert answer.status_code == 401, tried
            row(TOKENS, f"a token with {tried}", "401")

        good = provider.token(claims())
        assert (await visitor.call(good)).status_code == 200
        for tried, changes in BAD_CLAIMS:
            await refused(tried, provider.token(claims(**changes)))
        for tried, header in BAD_HEADERS:
            await refused(tried, provider.token(claims(), **header))
        for kind, tried in (
            ("none", "no signature (alg none)"),
            ("hmac", "the public key as the secret of HS256"),
            ("stranger", "a stranger's signature under our issuer's key id"),
            ("broken", "a signature that was changed"),
        ):
            provider.told(signature=kind)
            await refused(tried, provider.token(claims()))
        head = {"kid": jwt.get_unverified_header(good)["kid"]}
        stranger = rsa.generate_private_key(65537, 2048)
        for tried, further in (
            ("the key to check it with in its header (jwk)", {"jwk": _public(stranger)}),
            ("the address of the key in its header (jku)", {"jku": "http://127.0.0.1:9/keys"}),
        ):
            await refused(tried, jwt.encode(claims(), stranger, "RS256", {**head, **further}))
        begin, body, signature = good.split(".")
        other = _payload(claims(sub="somebody-else"))
        await refused("another's claims under a good signature", f"{begin}.{other}.{signature}")
        await refused("no signature at all", f"{begin}.{body}.")
        await refused("JSON 3,000 levels deep as its header", f"{_base64('[' * 3_000)}.{body}.{signature}")
        await refused("what is not base64", "a!.b!.c!")


def _payload(claims: dict[str, Any]) -> str:
    """Return claims as the middle part of a token."""
    return _base64(json.dumps(claims))


def _base64(text: str) -> str:
    return base64url_encode(text.encode()).decode()
