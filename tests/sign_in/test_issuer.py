"""What is known of a provider that signs tokens: for how long, and which of its tokens are valid."""

import time
from collections.abc import AsyncGenerator
from typing import Any

import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from imagerouter_mcp.addresses import Policy
from imagerouter_mcp.fetch import Fetcher
from imagerouter_mcp.sign_in.issuer import (
    Issuer,
    IssuerSettingsError,
    IssuerUnavailableError,
    TokenRefusedError,
)
from support.openid_provider import Provider

pytestmark = pytest.mark.asyncio(loop_scope="module")
MINUTE, HOUR, DAY = 60, 3600, 24 * 3600
DESCRIPTION = "/.well-known/openid-configuration"


class Clock:
    """A clock that a test sets."""

    now = 5.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands still."""
    return Clock()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fetcher() -> AsyncGenerator[Fetcher]:
    """Return what fetches from this machine."""
    fetcher = Fetcher(Policy(allow_private=True), 5)
    yield fetcher
    await fetcher.aclose()


@pytest.fixture
def issuer(provider: Provider, fetcher: Fetcher, clock: Clock) -> Issuer:
    """Return a provider that is honest, and of which nothing is known yet."""
    provider.told()
    return Issuer(provider.issuer, lambda: fetcher, clock)


def claims(provider: Provider, **changes: object) -> dict[str, Any]:
    """Return what a good token says, but for some changes."""
    now = int(time.time())
    return {"iss": provider.issuer, "aud": "us", "sub": "ann-1", "iat": now, "exp": now + 300, **changes}


def asked(provider: Provider) -> int:
    """Return how often the provider was asked to describe itself."""
    return provider.asked().get(DESCRIPTION, 0)


async def test_its_documents_are_fetched_once_an_hour(
    issuer: Issuer, provider: Provider, clock: Clock
) -> None:
    before = asked(provider)
    for passed in (0, HOUR - 1):
        clock.now += passed
        assert (await issuer.metadata())["issuer"] == provider.issuer
    assert asked(provider) == before + 1
    clock.now += 1
    await issuer.metadata()
    assert asked(provider) == before + 2


async def test_while_it_is_down_its_documents_are_used_for_a_day_and_it_is_asked_twice_a_minute(
    issuer: Issuer, provider: Provider, clock: Clock
) -> None:
    await issuer.metadata()
    provider.told(down=[DESCRIPTION])
    before = asked(provider)
    clock.now += DAY - 1
    for _ in range(3):
        await issuer.metadata()
    assert asked(provider) == before + 1
    clock.now += 1
    with pytest.raises(IssuerUnavailableError, match="status 503"):  # what it said a second ago
        await issuer.metadata()
    provider.told()
    clock.now += 28
    with pytest.raises(IssuerUnavailableError, match="status 503"):
        await issuer.metadata()
    assert asked(provider) == before + 1
    clock.now += 1
    assert await issuer.metadata()


async def test_one_that_is_described_wrongly_is_not_asked_again_at_once(
    issuer: Issuer, provider: Provider
) -> None:
    provider.told(metadata={"issuer": f"{provider.issuer}/"})
    before = asked(provider)
    for _ in range(2):
        with pytest.raises(IssuerSettingsError, match="which is not exactly"):
            await issuer.metadata()
    assert asked(provider) == before + 1


async def test_it_may_describe_itself_as_an_authorization_server_of_several(
    provider: Provider, fetcher: Fetcher, clock: Clock
) -> None:
    provider.told()
    tenant = Issuer(f"{provider.issuer}/tenant", lambda: fetcher, clock)
    assert (await tenant.metadata())["issuer"] == tenant.url
    nobody = Issuer(f"{provider.issuer}/no/body", lambda: fetcher, clock)
    with pytest.raises(IssuerSettingsError, match="status 404 when asked to describe itself"):
        await nobody.metadata()


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"exp": -30}, ""),
        ({"exp": -200}, "expired"),
        ({"iat": 30}, ""),
        ({"iat": 200}, "not valid yet"),
        ({"nbf": 200}, "not valid yet"),
        ({"sub": "s" * 255}, ""),
        ({"sub": "s" * 256}, "its subject"),
        ({"sub": ""}, "its subject"),
        ({"sub": "ann\n1"}, "its subject"),
        ({"aud": ["others"]}, "another server"),
        ({"iss": "https://elsewhere.example"}, "another provider"),
    ],
    ids=str,
)
async def test_a_token_is_valid_for_its_time_its_person_and_its_server(
    issuer: Issuer, provider: Provider, changes: dict[str, Any], refusal: str
) -> None:
    now = int(time.time())
    said = {name: now + value if isinstance(value, int) else value for name, value in changes.items()}
    token = provider.token(claims(provider, **said))
    if refusal:
        with pytest.raises(TokenRefusedError, match=refusal):
            await issuer.verify(token, "us")
    else:
        assert (await issuer.verify(token, "us")).items() >= said.items()


@pytest.mark.parametrize("typ", [None, "JWT", "at+jwt", "application/AT+JWT"])
async def test_access_tokens_of_each_kind_are_known(
    issuer: Issuer, provider: Provider, typ: str | None
) -> None:
    assert await issuer.verify(provider.token(claims(provider), typ=typ), "us")


OWN = ec.generate_private_key(ec.SECP256R1())
PUBLIC = ECAlgorithm.to_jwk(OWN.public_key(), as_dict=True)


def _another() -> dict[str, Any]:
    return ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key(), as_dict=True)


@pytest.mark.parametrize(
    ("keys", "named", "valid"),
    [
        ([PUBLIC], None, True),
        ([PUBLIC], "one", False),
        ([{**PUBLIC, "kid": "one"}], "one", True),
        ([{**PUBLIC, "kid": "one"}], None, True),
        ([{**PUBLIC, "kid": "two"}], "one", False),
        ([{**PUBLIC, "use": "sig", "alg": "ES256"}], None, True),
        ([{**PUBLIC, "use": "enc"}], None, False),
        ([{**PUBLIC, "alg": "ES384"}], None, False),
        ([{**PUBLIC, "kty": "RSA"}], None, False),
        (["no key", {**PUBLIC, "x": "?"}, {**PUBLIC, "crv": "another"}, PUBLIC], None, True),
        ([*(_another() for _ in range(9)), PUBLIC], None, True),
        ([*(_another() for _ in range(10)), PUBLIC], None, False),
    ],
    ids=[
        *("alone", "unnamed", "named", "token without a name", "another name", "for this", "for secrecy"),
        *("for another algorithm", "of another kind", "beside unreadable ones", "tenth", "eleventh"),
    ],
)
async def test_a_token_is_checked_with_the_keys_that_may_have_signed_it(
    issuer: Issuer, provider: Provider, keys: list[Any], named: str | None, *, valid: bool
) -> None:
    provider.told(keys=keys)
    token = jwt.encode(claims(provider), OWN, "ES256", headers={"kid": named} if named else {})
    if valid:
        assert (await issuer.verify(token, "us"))["sub"] == "ann-1"
    else:
        with pytest.raises(TokenRefusedError, match="none of the provider's keys"):
            await issuer.verify(token, "us")


async def test_an_unknown_key_is_looked_for_once_in_half_a_minute(
    issuer: Issuer, provider: Provider, clock: Clock
) -> None:
    await issuer.metadata()
    provider.told(keys=[{**PUBLIC, "kid": "new"}])
    token = jwt.encode(claims(provider), OWN, "ES256", headers={"kid": "new"})
    clock.now += 29
    with pytest.raises(TokenRefusedError):
        await issuer.verify(token, "us")
    clock.now += 1
    assert await issuer.verify(token, "us")
