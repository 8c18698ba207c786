"""Answer the SDK's authorization handlers from the stores of `sign_in/`."""

import re
from collections.abc import Callable
from typing import TypeVar

from anyio import to_thread
from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    AuthorizeError,
    OAuthAuthorizationServerProvider,
    RefreshToken,
    RegistrationError,
    TokenError,
)
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from pydantic import AnyUrl

from imagerouter_mcp.http_app.exposure import MCP_PATH, STUDIO_CLIENT
from imagerouter_mcp.http_app.sign_in.registered_client import (
    SCOPE,
    RegisteredClient,
    from_document,
    redirects_complaint,
    studio_page,
)
from imagerouter_mcp.http_app.sign_in_paths import CONSENT
from imagerouter_mcp.sign_in.authorization_requests import AuthorizationRequest
from imagerouter_mcp.sign_in.client_documents import DocumentError, is_document_address
from imagerouter_mcp.sign_in.grants import Shown, Tokens
from imagerouter_mcp.sign_in.sign_in import SignIn
from imagerouter_mcp.sign_in.waiting import Asked

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
"""A SHA-256 in base64url (RFC 7636)."""
LONGEST_STATE = 4_000
LONGEST_METADATA = 16_000

T = TypeVar("T", AccessToken, RefreshToken)
SecretOf = Callable[[str], str]
"""Derives a client's secret from its id, so that no secret has to be stored."""


class AuthorizationServer(OAuthAuthorizationServerProvider[AuthorizationCode, RefreshToken, AccessToken]):
    """Answers the SDK's handlers.

    Args:
        sign_in: The stores.
        resource: The address of our MCP endpoint; tokens are issued for no other.
        secret_of: Derives a client's secret from its id.
        asked: Handle and browser secret for the next authorization request; None if nobody is asked.
        by_own_page: Whether our own page sent that request.
    """

    def __init__(
        self,
        sign_in: SignIn,
        resource: str,
        secret_of: SecretOf,
        asked: Asked | None = None,
        *,
        by_own_page: bool = False,
    ) -> None:
        self._sign_in = sign_in
        self._resource = resource
        self._secret_of = secret_of
        self._asked = asked
        self._by_own_page = by_own_page

    def asking(self, asked: Asked, *, by_own_page: bool) -> "AuthorizationServer":
        """Return a copy for one authorization request; a person decides it unless our own page sent it."""
        return AuthorizationServer(
            self._sign_in, self._resource, self._secret_of, asked, by_own_page=by_own_page
        )

    async def described_client(self, client_id: str) -> RegisteredClient:
        """Return the client whose id is a document's address.

        Raises:
            DocumentError: The document cannot be used.
        """
        try:
            return from_document(await self._sign_in.documents.find(client_id))
        except ValueError as error:
            reason = str(error)
            raise DocumentError(
                reason
                if "\n" not in reason
                else "it does not describe a client"  # pydantic's has several lines
            ) from None

    async def get_client(self, client_id: str) -> RegisteredClient | None:
        """Return a client, or None."""
        if client_id == STUDIO_CLIENT:
            return studio_page(self._resource.removesuffix(MCP_PATH))
        if is_document_address(client_id):
            try:
                return await self.described_client(client_id)
            except DocumentError:
                return None
        metadata = await to_thread.run_sync(self._sign_in.clients.find, client_id)
        if metadata is None:
            return None
        client = RegisteredClient.model_validate_json(metadata)
        if client.token_endpoint_auth_method != "none":  # noqa: S105 - a method's name
            client.client_secret = self._secret_of(client_id)
        return client

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        """Keep a client that registers itself.

        Raises:
            RegistrationError: Its redirect URIs cannot be used, or its metadata is too long.
        """
        if complaint := redirects_complaint(client_info):
            raise RegistrationError("invalid_redirect_uri", f"The client is refused: {complaint}.")
        metadata = client_info.model_dump_json(exclude_none=True, exclude={"client_secret"})
        if len(metadata) > LONGEST_METADATA:
            raise RegistrationError(
                "invalid_client_metadata", f"The metadata has more than {LONGEST_METADATA} characters."
            )
        if client_info.client_secret:
            client_info.client_secret = self._secret_of(client_info.client_id)
        client_info.client_secret_expires_at = 0
        await to_thread.run_sync(self._sign_in.clients.add, client_info.client_id, metadata)

    async def authorize(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:
        """Store a client's request, and return the address of the page where the person decides.

        Raises:
            AuthorizeError: The request is invalid.
        """
        if self._asked is None:
            raise AuthorizeError("server_error", "No browser is known for this request.")
        if params.resource is not None and not is_same_resource(params.resource, self._resource):
            raise AuthorizeError("invalid_target", f"Tokens are issued for {self._resource} only.")
        if not _CHALLENGE.fullmatch(params.code_challenge):
            raise AuthorizeError("invalid_request", "code_challenge must be a SHA-256 in base64url.")
        if len(params.state or "") > LONGEST_STATE:
            raise AuthorizeError("invalid_request", f"state has more than {LONGEST_STATE} characters.")
        request = AuthorizationRequest(
            client=client.client_id,
            redirect_uri=str(params.redirect_uri),
            redirect_uri_given=params.redirect_uri_provided_explicitly,
            state=params.state,
            scopes=tuple(params.scopes or ()),
            challenge=params.code_challenge,
            resource=self._resource,
            by_own_page=self._by_own_page,
        )
        await to_thread.run_sync(self._sign_in.requests.keep, self._asked, request)
        return consent_address(self._asked)

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> AuthorizationCode | None:
        """Return an authorization code's content, or None."""
        code = await to_thread.run_sync(self._sign_in.grants.find_code, authorization_code, client.client_id)
        if code is None:
            return None
        request = code.request
        return AuthorizationCode(
            code=authorization_code,
            scopes=list(request.scopes),
            expires_at=code.expires_at,
            client_id=request.client,
            code_challenge=request.challenge,
            redirect_uri=AnyUrl(request.redirect_uri),
            redirect_uri_provided_explicitly=request.redirect_uri_given,
            resource=request.resource,
            subject=code.person,
        )

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        """Exchange a code for tokens.

        Raises:
            TokenError: Another request used the code first.
        """
        tokens = await to_thread.run_sync(self._sign_in.grants.exchange_code, authorization_code.code)
        return await self._given(client, tokens)

    async def load_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: str
    ) -> RefreshToken | None:
        """Return what a refresh token grants, or None."""
        shown = await to_thread.run_sync(self._sign_in.grants.find_refresh, refresh_token, client.client_id)
        return _granting(RefreshToken, refresh_token, shown) if shown else None

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        """Exchange a refresh token for a successor and an access token.

        Raises:
            TokenError: It has ended meanwhile, or the access token would lack the scope that the tools need.
        """
        if SCOPE not in scopes:
            raise TokenError(
                "invalid_scope", f"A token without the scope {SCOPE} cannot be used for anything here."
            )
        tokens = await to_thread.run_sync(
            self._sign_in.grants.exchange_refresh, refresh_token.token, client.client_id, tuple(scopes)
        )
        return await self._given(client, tokens)

    async def load_access_token(self, token: str) -> AccessToken | None:
        """Return what an access token grants, or None."""
        shown = await to_thread.run_sync(self._sign_in.grants.find_access, token)
        return _granting(AccessToken, token, shown) if shown else None

    async def revoke_token(self, token: AccessToken | RefreshToken) -> None:
        """End the grant that a token belongs to."""
        await to_thread.run_sync(self._sign_in.grants.revoke, token.token)

    async def _given(self, client: OAuthClientInformationFull, tokens: Tokens | None) -> OAuthToken:
        if tokens is None:
            raise TokenError("invalid_grant", "It has already been used. Sign in again.")
        await to_thread.run_sync(self._sign_in.clients.note_use, client.client_id)
        return OAuthToken(
            access_token=tokens.access,
            expires_in=tokens.expires_in,
            refresh_token=tokens.refresh,
            scope=" ".join(tokens.scopes),
        )


def consent_address(asked: Asked) -> str:
    """Return the address of the page where a person decides a request."""
    return f"{CONSENT}?request={asked.handle}"


def is_same_resource(asked: str, ours: str) -> bool:
    """Return whether a client's resource is ours; some clients append a slash."""
    return asked.removesuffix("/") == ours


def _granting(kind: type[T], token: str, shown: Shown) -> T:
    return kind(
        token=token,
        client_id=shown.client,
        scopes=list(shown.scopes),
        expires_at=shown.expires_at,
        resource=shown.resource,
        subject=shown.person,
    )
