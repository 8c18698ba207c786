"""Check access tokens (JWTs) that a company's own authorization server issues to apps."""

from typing import Any

from imagerouter_mcp.settings import Settings
from imagerouter_mcp.sign_in.issuer import Issuer, TokenRefusedError
from imagerouter_mcp.sign_in.vouched import is_let_in, values_of


class ScopeLackingError(Exception):
    """The token is valid but lacks a scope; `str()` says which, as a sentence."""


class NotLetInError(Exception):
    """The token is valid but does not let its person in; `str()` says why, as a sentence."""


class CompanyTokens:
    """Checks the tokens of one issuer.

    Args:
        issuer: Signs them.
        settings: What they must have, and who is let in.
        resource: The address of our MCP endpoint, which they are for unless the settings name something else.
    """

    def __init__(self, issuer: Issuer, settings: Settings, resource: str) -> None:
        self._issuer = issuer
        self._audience = settings.jwt_audience or resource
        self._scope = settings.jwt_scope
        self._rules = settings.jwt_allow

    async def claims(self, token: str) -> dict[str, Any] | None:
        """Return a token's claims about its person; None if it is not a valid token of the issuer.

        Raises:
            IssuerUnavailableError: The keys of the issuer cannot be fetched.
            ScopeLackingError: The token lacks the scope.
            NotLetInError: The operator has not let its person in.
        """
        try:
            claims = await self._issuer.verify(token, self._audience)
        except TokenRefusedError:
            return None
        if "cnf" in claims:  # valid only with a proof of possession, which this server does not ask for
            return None
        if self._scope and self._scope not in [*values_of(claims, "scope"), *values_of(claims, "scp")]:
            raise ScopeLackingError(f"This token lacks the scope {self._scope}.")
        if not is_let_in(self._rules, claims):
            raise NotLetInError("Whoever runs this server has not let you in. Ask them.")
        return claims
