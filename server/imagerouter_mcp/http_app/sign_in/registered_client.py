"""Describe clients to the SDK's handlers, with our rules for redirects and scopes."""

from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

from mcp.shared.auth import InvalidRedirectUriError, InvalidScopeError, OAuthClientInformationFull
from pydantic import AnyUrl

from imagerouter_mcp.http_app.exposure import LOOPBACK, STUDIO_CLIENT, STUDIO_PAGE

SCOPE = "pictures"
"""The scope that the tools require."""
SCOPES = (SCOPE, "offline_access")
"""Scopes that clients may ask for; the second one changes nothing, as every client gets a refresh token."""
MOST_REDIRECT_URIS = 20
LONGEST_URI = 2_000
_NEVER = frozenset(
    (
        *("about", "blob", "data", "facetime", "file", "filesystem", "ftp", "geo", "intent", "javascript"),
        *("mailto", "ms-settings", "search", "search-ms", "sms", "smb", "tel", "vbscript", "view-source"),
        *("ws", "wss"),
    )
)
"""Schemes that a browser or phone handles itself, so they belong to no program."""


class RegisteredClient(OAuthClientInformationFull):
    """A client that registered itself, or that a document describes."""

    def validate_redirect_uri(self, redirect_uri: AnyUrl | None) -> AnyUrl:
        """Return the redirect URI if the client registered it; on loopback any port will do.

        Raises:
            InvalidRedirectUriError: The client did not register it.
        """
        if redirect_uri is None:
            return super().validate_redirect_uri(None)
        asked = str(redirect_uri)
        if any(_same(str(each), asked) for each in self.redirect_uris or ()):
            return redirect_uri
        raise InvalidRedirectUriError("redirect_uri is not one that this client registered")

    def validate_scope(self, requested_scope: str | None) -> list[str]:
        """Return the scopes to grant: always `SCOPE`, and never unknown ones (RFC 6749, section 3.3).

        Raises:
            InvalidScopeError: It asks only for unknown scopes.
        """
        requested = (requested_scope or SCOPE).split()
        if requested and not set(requested) & set(SCOPES):
            raise InvalidScopeError(f"The scopes here are: {' '.join(SCOPES)}.")
        return [scope for scope in SCOPES if scope in (SCOPE, *requested)]


class StudioPage(RegisteredClient):
    """The studio's own page, a client that need not register."""

    def validate_redirect_uri(self, redirect_uri: AnyUrl | None) -> AnyUrl:
        """Return the page's address. Unlike others, it must match even the port, since people are not asked.

        Raises:
            InvalidRedirectUriError: The answer would go elsewhere.
        """
        if redirect_uri in (self.redirect_uris or ()):
            return super().validate_redirect_uri(redirect_uri)
        raise InvalidRedirectUriError("the studio may be redirected to its own page only")


def studio_page(issuer: str) -> StudioPage:
    """Return the studio's page as a client.

    Args:
        issuer: The server's own origin.
    """
    return StudioPage(
        client_id=STUDIO_CLIENT,
        client_name="The studio of this server",
        redirect_uris=[AnyUrl(issuer + STUDIO_PAGE)],
        token_endpoint_auth_method="none",  # noqa: S106 - a method's name
    )


def from_document(document: dict[str, Any]) -> RegisteredClient:
    """Return the client that a document describes, always as a public client.

    Raises:
        ValueError: The client cannot sign in here; the message ends a sentence.
    """
    fields = {
        name: document.get(name) for name in ("client_id", "client_name", "client_uri", "redirect_uris")
    }
    client = RegisteredClient.model_validate({**fields, "token_endpoint_auth_method": "none"})
    if complaint := redirects_complaint(client):
        raise ValueError(complaint)
    return client


def redirects_complaint(client: OAuthClientInformationFull) -> str | None:
    """Return why a client's redirect URIs cannot be used, as the end of a sentence, or None."""
    addresses = [str(each) for each in client.redirect_uris or ()]
    if not addresses:
        return "it has no redirect_uris"
    if len(addresses) > MOST_REDIRECT_URIS:
        return f"it has more than {MOST_REDIRECT_URIS} redirect_uris"
    return next((complaint for each in addresses if (complaint := _complaint(each))), None)


def is_loopback_redirect(uri: str) -> bool:
    """Return whether a redirect leads to a program on the person's own machine."""
    return _is_loopback(urlsplit(uri))


def with_parameters(uri: str, **parameters: str | None) -> str:
    """Add parameters to a redirect URI, keeping those it has."""
    given = {name: value for name, value in parameters.items() if value is not None}
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode(given)}"


def _complaint(uri: str) -> str | None:
    parts = urlsplit(uri)
    if len(uri) > LONGEST_URI:
        return f"a redirect URI has more than {LONGEST_URI} characters"
    if parts.fragment or "#" in uri:
        return "a redirect URI has a fragment"
    if parts.username or parts.password:
        return "a redirect URI holds a user name or a password"
    if "*" in parts.netloc:
        return "a redirect URI has a wildcard"
    if parts.scheme == "http" and not _is_loopback(parts):
        return "a redirect URI is http on another machine; it must be https"
    return f"a redirect URI is a {parts.scheme} address" if parts.scheme in _NEVER else None


def _same(registered: str, asked: str) -> bool:
    """Compare redirect URIs exactly, except for a loopback port (RFC 8252)."""
    known, wanted = urlsplit(registered), urlsplit(asked)
    if not (_is_loopback(known) and _is_loopback(wanted)):
        return registered == asked
    return wanted.username is None and _without_port(known) == _without_port(wanted)


def _is_loopback(parts: SplitResult) -> bool:
    return parts.scheme == "http" and parts.hostname in LOOPBACK


def _without_port(parts: SplitResult) -> tuple[str | None, str, str, str]:
    return parts.hostname, parts.path, parts.query, parts.fragment
