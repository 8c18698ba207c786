"""Fetch the metadata and keys of a provider that signs tokens, and verify its tokens.

Its documents are fetched with the safeguards of a source image, and cached for an hour. Because providers
rotate their keys, they are fetched again when a token names an unknown one; but at most once in half a
minute, because whoever sends a token chooses that name.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import urlsplit

import anyio
import jwt

from imagerouter_mcp.fetch import Fetcher, FetchError

ALGORITHMS = (*("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"),)
"""Only algorithms with a key pair: with others, anyone who knows the public key could sign."""
CLOCK_SKEW_SECONDS = 60
FRESH_SECONDS = 3600
KEPT_SECONDS = 24 * 3600
"""Seconds that documents are used while they cannot be fetched again."""
AGAIN_SECONDS = 30
"""Seconds between fetches, whether the last one succeeded or not."""
ANSWER_BYTES = 256 * 1024
ANSWER_SECONDS = 10.0
LONGEST_TOKEN = 32_000
LONGEST_SUBJECT = 255
"""Characters that OpenID Connect allows."""
_MOST_KEYS = 10
"""Maximum number of keys to try for a token that names none."""
_KINDS = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
"""Key types by the prefix of the algorithm."""
_TYPES = (None, "jwt", "at+jwt", "application/at+jwt")
_DOCUMENTS = (
    "{origin}{path}/.well-known/openid-configuration",
    "{origin}/.well-known/oauth-authorization-server{path}",
)
"""Where a provider describes itself: OpenID Connect Discovery, RFC 8414."""


class IssuerUnavailableError(Exception):
    """The provider cannot be reached or its answer used; `str()` says why, as the end of a sentence."""


class IssuerSettingsError(IssuerUnavailableError):
    """The provider cannot be used until the operator corrects a setting, here or there."""


class TokenRefusedError(Exception):
    """A token is invalid; `str()` says why, as the end of a sentence."""


@dataclass(frozen=True, slots=True)
class _Documents:
    metadata: dict[str, Any]
    keys: list[dict[str, Any]]
    fetched_at: float


class Issuer:
    """Fetches what one provider publishes, and verifies its tokens.

    Args:
        url: Its exact address.
        fetcher: Returns the fetcher of its documents.
        clock: Returns a time in seconds.
    """

    def __init__(
        self, url: str, fetcher: Callable[[], Fetcher], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.url = url
        self._fetcher = fetcher
        self._clock = clock
        self._documents: _Documents | None = None
        self._tried_at = float("-inf")
        self._failure = IssuerUnavailableError()
        self._one_at_a_time = anyio.Lock()

    @property
    def host(self) -> str:
        """The name by which people know it."""
        return urlsplit(self.url).netloc

    async def metadata(self) -> dict[str, Any]:
        """Return the provider's metadata.

        Raises:
            IssuerUnavailableError: It cannot be fetched, or cannot be used.
        """
        return (await self._current()).metadata

    async def endpoint(self, name: str) -> str:
        """Return the address of one of the provider's endpoints.

        Args:
            name: Its name in the metadata.

        Raises:
            IssuerUnavailableError: It names none, or one without https.
        """
        return self._checked(await self.metadata(), name)

    async def ask(
        self, url: str, *, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Ask the provider; return the status and the JSON object of its answer, an empty one after a 404.

        Raises:
            IssuerUnavailableError: It does not answer with a JSON object.
            IssuerSettingsError: Its address is private, and the settings do not allow that.
        """
        try:
            status, body = await self._fetcher().ask(
                url,
                form=form,
                headers={"Accept": "application/json", **(headers or {})},
                max_bytes=ANSWER_BYTES,
                seconds=ANSWER_SECONDS,
            )
        except FetchError as error:
            if error.private:
                raise IssuerSettingsError(_PRIVATE) from None
            raise IssuerUnavailableError(error.reason) from None
        if status == HTTPStatus.NOT_FOUND:  # often a page for people
            return status, {}
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            answer = None
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise IssuerUnavailableError(f"it answers with status {status}")
        if not isinstance(answer, dict):
            raise IssuerUnavailableError(f"its answer, with status {status}, is not a JSON object")
        return status, cast("dict[str, Any]", answer)

    async def verify(self, token: str, audience: str) -> dict[str, Any]:
        """Return the claims of a valid token that the provider signed for an audience.

        Raises:
            IssuerUnavailableError: The provider's keys cannot be fetched.
            TokenRefusedError: The token is invalid.
        """
        header = _header(token)
        for key in await self._keys(header):
            try:
                claims = jwt.decode(
                    token,
                    key,
                    algorithms=[header["alg"]],
                    audience=audience,
                    issuer=self.url,
                    leeway=CLOCK_SKEW_SECONDS,
                    options={
                        "require": ["iss", "sub", "aud", "exp", "iat"],
                        "enforce_minimum_key_length": True,
                    },
                )
            except (jwt.InvalidSignatureError, jwt.InvalidKeyError):
                continue
            except (jwt.PyJWTError, ValueError, OverflowError, RecursionError) as error:
                raise TokenRefusedError(_reason(error)) from None
            subject = claims["sub"]
            if not (0 < len(subject) <= LONGEST_SUBJECT and subject.isprintable()):
                raise TokenRefusedError("its subject is empty, too long, or not printable")
            return claims
        raise TokenRefusedError("none of the provider's keys signed it")

    async def _keys(self, header: dict[str, Any]) -> list[jwt.PyJWK]:
        """Return the keys that may have signed a token, fetched again if the named one is unknown."""
        found = list(_fitting((await self._current()).keys, header))
        if not found and "kid" in header:
            found = list(_fitting((await self._current(newer=True)).keys, header))
        return found[:_MOST_KEYS]

    async def _current(self, *, newer: bool = False) -> _Documents:
        """Return the provider's documents.

        Args:
            newer: Whether to fetch them again even if the cached ones are fresh.

        Raises:
            IssuerUnavailableError: They cannot be fetched, and no usable copy is cached.
        """
        async with self._one_at_a_time:
            now, known = self._clock(), self._documents
            if known and not newer and now < known.fetched_at + FRESH_SECONDS:
                return known
            if now >= self._tried_at + AGAIN_SECONDS:
                self._tried_at = now
                try:
                    self._documents = await self._fetched(now)
                except IssuerUnavailableError as error:
                    self._failure = error
                else:
                    return self._documents
            if known and now < known.fetched_at + KEPT_SECONDS:
                return known
            raise type(self._failure)(*self._failure.args)

    async def _fetched(self, now: float) -> _Documents:
        metadata = await self._described()
        status, found = await self.ask(self._checked(metadata, "jwks_uri"))
        keys = found.get("keys")
        if status != HTTPStatus.OK or not isinstance(keys, list):
            raise IssuerUnavailableError(f"it answers with status {status} and no keys")
        objects: list[Any] = [key for key in cast("list[Any]", keys) if isinstance(key, dict)]
        return _Documents(metadata, objects, now)

    async def _described(self) -> dict[str, Any]:
        parts = urlsplit(self.url)
        where = {"origin": f"{parts.scheme}://{parts.netloc}", "path": parts.path.rstrip("/")}
        status, metadata = HTTPStatus.NOT_FOUND, dict[str, Any]()
        for address in _DOCUMENTS:
            status, metadata = await self.ask(address.format(**where))
            if status == HTTPStatus.OK:
                break
        if status != HTTPStatus.OK:
            raise IssuerSettingsError(f"it answers with status {status} when asked to describe itself")
        if metadata.get("issuer") != self.url:
            named = str(metadata.get("issuer"))[:200]
            raise IssuerSettingsError(f"it calls itself {named!r}, which is not exactly {self.url!r}")
        return metadata

    def _checked(self, metadata: dict[str, Any], name: str) -> str:
        url = metadata.get(name)
        safe = ("https://", f"http://{self.host}/") if self.url.startswith("http://") else ("https://",)
        if not isinstance(url, str) or not url.startswith(safe) or not url.isprintable():
            raise IssuerSettingsError(f"its {name} is not an https address")
        return url


_PRIVATE = "its address is private (IMAGEROUTER_ALLOW_PRIVATE_ISSUER=1 in this server's settings allows that)"


def _header(token: str) -> dict[str, Any]:
    """Return the header of a token whose signature is to be checked.

    Raises:
        TokenRefusedError: It is not a JWT, or not signed with an accepted algorithm.
    """
    if len(token) > LONGEST_TOKEN:
        raise TokenRefusedError("it is too long")
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise TokenRefusedError("it is not a signed JWT") from None
    if header.get("alg") not in ALGORITHMS:
        raise TokenRefusedError("it is not signed with one of the provider's key pairs")
    kind = header.get("typ")
    if (kind.lower() if isinstance(kind, str) else kind) not in _TYPES:
        raise TokenRefusedError("it is a token of another kind")
    return header


def _fitting(keys: list[dict[str, Any]], header: dict[str, Any]) -> Iterator[jwt.PyJWK]:
    """Yield the keys that may have signed a token with this header."""
    algorithm = str(header["alg"])
    for key in keys:
        if (
            key.get("kid") == header.get("kid", key.get("kid"))
            and key.get("kty") == _KINDS[algorithm[:2]]
            and key.get("use", "sig") == "sig"
            and key.get("alg", algorithm) == algorithm
        ):
            try:
                yield jwt.PyJWK(key, algorithm)
            except (jwt.PyJWTError, ValueError, TypeError):
                continue  # an unreadable key cannot verify a token


def _reason(error: Exception) -> str:
    """Return why a correctly signed token is refused, without quoting it."""
    reasons: dict[type[Exception], str] = {
        jwt.ExpiredSignatureError: "it has expired",
        jwt.InvalidAudienceError: "it is meant for another server",
        jwt.InvalidIssuerError: "another provider issued it",
        jwt.ImmatureSignatureError: "it is not valid yet; the provider's clock and this server's may differ",
        jwt.MissingRequiredClaimError: "it lacks one of iss, sub, aud, exp and iat",
    }
    return next((said for kind, said in reasons.items() if isinstance(error, kind)), "it cannot be read")
