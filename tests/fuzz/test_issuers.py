"""What a provider may answer when people sign in: it lets somebody in, or is refused."""

import base64
import json
from collections.abc import Awaitable, Callable, Generator
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import anyio
import httpcore
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from hypothesis import strategies as st
from jwt.algorithms import OKPAlgorithm, RSAAlgorithm
from pydantic import SecretStr
from starlette.responses import RedirectResponse

from imagerouter_mcp.addresses import Network, Policy
from imagerouter_mcp.database.sqlite import SQLiteDatabase
from imagerouter_mcp.fetch import Fetcher
from imagerouter_mcp.people.people_tables import PEOPLE
from imagerouter_mcp.people.register import People
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.sign_in.company_tokens import CompanyTokens, NotLetInError, ScopeLackingError
from imagerouter_mcp.sign_in.issuer import Issuer, IssuerUnavailableError, TokenRefusedError
from imagerouter_mcp.sign_in.openid import OpenIdProvider
from imagerouter_mcp.sign_in.vouched import verified_address, vouched_name
from imagerouter_mcp.sign_in.waiting import Asked
from support.broken_json import anything, mutated
from support.visible import is_visible

Fuzz = Callable[..., None]

USUAL = 40
ISSUER = "https://id.example/tenant"
CLIENT, AUDIENCE = "pictures", "https://pictures.example/mcp"
KEY = Ed25519PrivateKey.generate()
RSA = RSAAlgorithm.to_jwk(RSAPublicNumbers(65537, 2**2048 - 1).public_key(), as_dict=True)
"""A public key without a private one: nothing is signed with it."""
PUBLISHED: dict[str, Any] = {
    "keys": [{**RSA, "kid": "rsa"}, {**OKPAlgorithm.to_jwk(KEY.public_key(), as_dict=True), "kid": "ed"}]
}
METADATA: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://id.example/authorize",
    "token_endpoint": "https://id.example/token",
    "userinfo_endpoint": "https://id.example/userinfo",
    "jwks_uri": "https://id.example/keys",
    "token_endpoint_auth_methods_supported": ["client_secret_basic"],
    "authorization_response_iss_parameter_supported": True,
}
HEADER: dict[str, Any] = {"alg": "EdDSA", "kid": "ed", "typ": "JWT"}
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "sub": "ann-1",
    "exp": 4_000_000_000,
    "iat": 1_700_000_000,
    "email": "ann@corp.example",
    "email_verified": True,
    "name": "Ann",
    "groups": ["artists"],
    "scope": "pictures openid",
}
TOKENS = {"access_token": "at", "token_type": "Bearer"}
SETTINGS = Settings(
    openid_issuer=ISSUER,
    openid_client_id=CLIENT,
    openid_client_secret=SecretStr("a secret"),
    openid_allow=("@corp.example", "groups=artists", "a.b=c"),
    jwt_scope="pictures",
    jwt_allow=("@corp.example", "groups=artists"),
)


class Answering(httpcore.AsyncNetworkBackend):
    """A network on which each connection gets the next of these answers, whatever it asks."""

    def __init__(self, answers: list[bytes]) -> None:
        self._left = answers

    async def connect_tcp(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:  # noqa: ANN401, D102 - httpcore's
        body = self._left.pop(0) if self._left else b"{}"
        head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        return httpcore.AsyncMockStream([head, body])

    async def resolve(self, *_: object) -> list[str]:
        """Return the one address of every name."""
        return ["93.184.216.34"]


def encoded(value: object) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def in_token(part: object) -> str:
    return base64.urlsafe_b64encode(encoded(part)).decode().rstrip("=")


def signed(header: object, claims: object) -> str:
    begun = f"{in_token(header)}.{in_token(claims)}"
    return f"{begun}.{in_token(KEY.sign(begun.encode()))}"


def completed(claims: object, **others: str) -> object:
    return {**others, **cast("dict[str, Any]", claims)} if isinstance(claims, dict) else claims


def mostly(right: dict[str, Any]) -> st.SearchStrategy[Any]:
    odd = st.sampled_from([b"", b"[", b"\xff", b"[" * 9000, b'{"a":' * 990 + b"1" + b"}" * 990])
    values = anything | st.sampled_from(["\ud800", "\r\nX: y", "https://\ud800/", "https://a\n/"])
    return st.just(right) | mutated([right], values) | anything | odd


def let_in_or_refuse(answers: list[bytes], ask: Callable[[Issuer], Awaitable[None]]) -> None:
    """Ask an issuer that gives these answers; a refusal is short, and can be shown."""

    async def run() -> None:
        network = Answering(answers)
        async with aclosing(Fetcher(Policy(), 5, Network(network.resolve, network))) as fetcher:
            try:
                await ask(Issuer(ISSUER, lambda: fetcher))
            except (IssuerUnavailableError, TokenRefusedError, NotLetInError, ScopeLackingError) as error:
                assert len(str(error).encode()) < 1000  # noqa: PT017 - either outcome is right

    anyio.run(run)


def joins(people: People, claims: dict[str, Any]) -> None:
    """See that the person of these claims can be added, under a name that can be shown."""
    person = people.vouched_for(claims["iss"], claims["sub"], vouched_name(claims))
    assert person is not None
    assert is_visible(person.name)
    verified_address(claims).encode()


@pytest.fixture
def people(tmp_path: Path) -> Generator[People]:
    with closing(People(SQLiteDatabase(tmp_path / "people.sqlite3", PEOPLE))) as people:
        yield people


def test_any_answers_of_a_provider_sign_somebody_in_or_are_refused(fuzz: Fuzz, people: People) -> None:
    def attempt(drawn: tuple[Any, ...]) -> None:
        metadata, keys, header, claims, tokens, further = drawn
        answers = [encoded(metadata), encoded(keys)]

        async def ask(issuer: Issuer) -> None:
            provider = OpenIdProvider(issuer, SETTINGS, "https://pictures.example/callback")
            asked = Asked()
            address = await provider.address(asked)
            assert RedirectResponse(address).headers["location"].isprintable()
            nonce = parse_qs(urlsplit(address).query)["nonce"][-1]
            said = completed(claims, aud=CLIENT, nonce=nonce)
            answers.extend([encoded({"id_token": signed(header, said)} | tokens), encoded(further)])
            found = await provider.claims(asked, {"code": "c", "iss": ISSUER})
            provider.lets_in(found)
            joins(people, found)

        let_in_or_refuse(answers, ask)

    parts = (METADATA, PUBLISHED, HEADER, CLAIMS)
    tokens = mutated([TOKENS], anything | st.just("\ud800")).filter(lambda each: isinstance(each, dict))
    fuzz(st.tuples(*map(mostly, parts), tokens, mostly(CLAIMS)), attempt, usual=USUAL)


def test_any_token_of_a_company_lets_somebody_in_or_is_refused(fuzz: Fuzz, people: People) -> None:
    def attempt(drawn: tuple[Any, ...]) -> None:
        keys, header, claims, other = drawn
        token = other or signed(header, completed(claims, aud=AUDIENCE))

        async def ask(issuer: Issuer) -> None:
            found = await CompanyTokens(issuer, SETTINGS, AUDIENCE).claims(token)
            if found is not None:
                joins(people, found)

        let_in_or_refuse([encoded(METADATA), encoded(keys)], ask)

    others = st.none() | st.text() | st.just(signed(HEADER, CLAIMS)[:-3])
    fuzz(st.tuples(*map(mostly, (PUBLISHED, HEADER, CLAIMS)), others), attempt, usual=USUAL)
