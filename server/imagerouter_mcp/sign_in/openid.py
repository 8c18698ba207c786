"""Sign people in at an OpenID provider: authorization code, PKCE, nonce, ID token."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any
from urllib.parse import quote_plus, urlencode

from imagerouter_mcp.lines import one_line
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.sign_in.issuer import ALGORITHMS, Issuer, IssuerSettingsError, TokenRefusedError
from imagerouter_mcp.sign_in.secrets_kept import new_secret
from imagerouter_mcp.sign_in.vouched import is_let_in, vouched_name
from imagerouter_mcp.sign_in.waiting import Asked

_EMAIL = {"email", "email_verified"}
"""Claims that are only used together."""
_LONGEST_REASON = 60
_OF_SETTINGS = {
    *("invalid_client", "unauthorized_client", "invalid_scope", "unsupported_response_type"),
    *("invalid_request", "redirect_uri_mismatch"),
}
"""A provider's errors that another try by the person cannot fix."""
_WHAT_TO_CORRECT = (
    "the client id, the client secret, the scope, or the redirect address that is registered there is wrong"
)


class OpenIdProvider:
    """Sends browsers to a provider, and checks the answers that they bring back.

    Args:
        issuer: The provider.
        settings: The client id and secret at the provider, and who is let in.
        callback: The address to which browsers return.
    """

    def __init__(self, issuer: Issuer, settings: Settings, callback: str) -> None:
        self.issuer = issuer
        self.name = settings.openid_name or issuer.host
        self._client = settings.openid_client_id or ""
        secret = settings.openid_client_secret
        self._secret = secret.get_secret_value() if secret else ""
        self._scope = settings.openid_scope
        self._rules = settings.openid_allow
        self._callback = callback

    async def address(self, asked: Asked) -> str:
        """Return the address at which a browser signs in.

        Args:
            asked: The sign-in. Its handle becomes `state`; its browser's secret makes nonce and verifier.

        Raises:
            IssuerUnavailableError: The provider's metadata cannot be fetched.
        """
        endpoint = await self.issuer.endpoint("authorization_endpoint")
        challenge = _base64(hashlib.sha256(_derived(asked, "verifier").encode()).digest())
        asking = {
            "response_type": "code",
            "client_id": self._client,
            "redirect_uri": self._callback,
            "scope": self._scope,
            "state": asked.handle,
            "nonce": _derived(asked, "nonce"),
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asking)}"

    async def claims(self, asked: Asked, answer: Mapping[str, str]) -> dict[str, Any]:
        """Return the provider's claims about the person who signed in.

        Args:
            asked: The sign-in.
            answer: The parameters with which the browser came back.

        Raises:
            IssuerUnavailableError: The provider cannot be asked.
            IssuerSettingsError: It refuses this server, or what this server asks for.
            TokenRefusedError: It did not sign anybody in, or its answer is not for this sign-in.
        """
        metadata = await self.issuer.metadata()
        expected = [self.issuer.url]
        if not metadata.get("authorization_response_iss_parameter_supported"):
            expected.append("")
        if answer.get("iss", "") not in expected:
            raise TokenRefusedError("the answer came from another provider")
        if "code" not in answer:
            raise _refusal(answer.get("error", "no code"), "")
        tokens = await self._tokens(metadata, asked, answer["code"])
        claims = await self.issuer.verify(str(tokens.get("id_token", "")), self._client)
        if not hmac.compare_digest(
            str(claims.get("nonce")).encode(errors="replace"), _derived(asked, "nonce").encode()
        ):
            raise TokenRefusedError("its token is for another sign-in")
        if claims.get("azp", self._client) != self._client:
            raise TokenRefusedError("its token is for another program")
        return await self._completed(metadata, claims, str(tokens.get("access_token", "")))

    async def check(self) -> None:
        """Ask the provider whether it knows this server, without anybody signing in.

        It sends a made-up code: a provider refuses an unknown client before it looks at the code.

        Raises:
            IssuerUnavailableError: The provider cannot be asked.
            IssuerSettingsError: Its metadata cannot be used, or it refuses this server.
        """
        metadata = await self.issuer.metadata()
        await self.issuer.endpoint("authorization_endpoint")
        signed = metadata.get("id_token_signing_alg_values_supported", ALGORITHMS)
        if not isinstance(signed, Sequence) or not any(each in signed for each in ALGORITHMS):
            raise IssuerSettingsError("it does not sign its tokens with a key pair")
        with suppress(TokenRefusedError):
            await self._tokens(metadata, Asked(), new_secret())

    def lets_in(self, claims: Mapping[str, Any]) -> bool:
        """Return whether the operator's rules let a person in."""
        return is_let_in(self._rules, claims)

    async def _tokens(self, metadata: dict[str, Any], asked: Asked, code: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._callback,
            "code_verifier": _derived(asked, "verifier"),
            "client_id": self._client,
        }
        headers = dict[str, str]()
        if self._secret:
            methods = metadata.get("token_endpoint_auth_methods_supported")
            if (
                not isinstance(methods, list) or "client_secret_basic" in methods
            ):  # the default (OpenID Connect Discovery)
                named = f"{quote_plus(self._client)}:{quote_plus(self._secret)}"
                headers["Authorization"] = f"Basic {base64.b64encode(named.encode()).decode()}"
            else:
                form["client_secret"] = self._secret
        endpoint = await self.issuer.endpoint("token_endpoint")
        status, tokens = await self.issuer.ask(endpoint, form=form, headers=headers)
        if status != HTTPStatus.OK:
            raise _refusal(str(tokens.get("error", status)), " in place of a token")
        return tokens

    async def _completed(
        self, metadata: dict[str, Any], claims: dict[str, Any], token: str
    ) -> dict[str, Any]:
        """Add the claims of the userinfo endpoint if the ID token's alone do not let a person in."""
        is_complete = self.lets_in(claims) and vouched_name(claims)
        if is_complete or not (metadata.get("userinfo_endpoint") and token):
            return claims
        endpoint = await self.issuer.endpoint("userinfo_endpoint")
        status, further = await self.issuer.ask(endpoint, headers={"Authorization": f"Bearer {token}"})
        if status != HTTPStatus.OK or further.get("sub") != claims["sub"]:
            return claims
        if not claims.keys() >= _EMAIL:  # whether an address is verified must come from the same source
            claims = {name: value for name, value in claims.items() if name not in _EMAIL}
        return {**further, **claims}


def _refusal(error: str, instead: str) -> TokenRefusedError | IssuerSettingsError:
    """Return what a provider's error means.

    Args:
        error: The OAuth error code.
        instead: What was expected, as the end of the clause.
    """
    said = f"it answers with {one_line(error, _LONGEST_REASON)!r}{instead}"
    if error not in _OF_SETTINGS:
        return TokenRefusedError(said)
    return IssuerSettingsError(f"{said}; {_WHAT_TO_CORRECT}")


def _derived(asked: Asked, purpose: str) -> str:
    """Derive a secret of a sign-in from its browser's secret, so that it need not be stored."""
    return _base64(hmac.digest(asked.browser.encode(), f"openid {purpose}".encode(), "sha256"))


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")
