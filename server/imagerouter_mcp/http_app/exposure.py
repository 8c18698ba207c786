"""Check who may reach the server, and under which names. This stops DNS rebinding by web pages."""

import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.http_app.error_response import error_response
from imagerouter_mcp.http_app.sign_in_paths import FOR_CLIENTS
from imagerouter_mcp.settings import Settings

MCP_PATH = "/mcp"
PROBES = ("/health", "/ready")
"""Paths that anybody may request, under any name; they reveal no secret."""
LINKS = ("/files/", "/uploads/")
"""Prefixes of paths that are protected by a signature, so any page may use them."""
STUDIO_PAGE = "/studio"
STUDIO_CLIENT = "studio"
"""What the page is called as a client of sign-in, where several people sign in."""
STUDIO = f"{STUDIO_PAGE}/"
"""Prefix of all other paths of the studio."""
STUDIO_FILES = f"{STUDIO}views/"
STUDIO_SESSION = f"{STUDIO}session"
STUDIO_PERSON = f"{STUDIO}person"
STUDIO_CHANGES = f"{STUDIO}changes"
STUDIO_OPEN = (STUDIO_PAGE, STUDIO, STUDIO_SESSION)
"""Paths of the studio that need no token, beside its files: the page, and where a code becomes a token."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")
EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104 - for comparison
"""Bind addresses that mean every address of the machine."""
MIN_TOKEN = 32
"""Characters that a token must have if others can reach the server."""
_HOST = re.compile(r"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[^:\[\]/@\s]+))(?::\d{1,5})?")
_OWN_SITE = ("same-origin", "none")
"""What browsers call a request of our own page, and one that a person typed."""
_NOT_THE_PAGE = (
    "Only the studio's own page may ask for this. If this is the page, IMAGEROUTER_PUBLIC_URL or "
    "IMAGEROUTER_HTTP_HOSTS must have the name that its address begins with."
)
_LOCAL_ORIGIN = re.compile(r"http://(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?")


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    return host in LOOPBACK


def holds_studio_data(path: str) -> bool:
    """Return whether a path is one of the studio's that only its own page may request."""
    return path.startswith(STUDIO) and not path.startswith(STUDIO_FILES)


def check_exposure(settings: Settings, host: str) -> None:
    """Require a long token if others can reach the server.

    Args:
        settings: The person's settings.
        host: The address to bind to.

    Raises:
        ConfigurationError: Others can reach the server, directly or through a proxy, and no token is set,
            or a short one.
    """
    if settings.people:
        _check_sign_in(settings, host)
    _check_issuers(settings)
    names = [host, *settings.http_hosts, _public_host(settings)]
    elsewhere = next((name for name in names if name and not is_loopback(name)), None)
    if settings.http_proxies:
        elsewhere = f"the proxy {settings.http_proxies[0]}"
    if elsewhere and not (settings.mcp_token or settings.people):
        raise ConfigurationError(
            f"Serving {elsewhere} without a token would let anyone who reaches it spend your credits.",
            "Set IMAGEROUTER_MCP_TOKEN to a long random value, which clients send as a bearer token, or bind "
            "to 127.0.0.1 without a public name or a proxy.",
        )
    if elsewhere and any(len(token.get_secret_value()) < MIN_TOKEN for token in settings.mcp_token):
        raise ConfigurationError(
            f"A token shorter than {MIN_TOKEN} characters does not protect {elsewhere}: it can be guessed.",
            "Set IMAGEROUTER_MCP_TOKEN to a long random value, such as the output of `openssl rand -hex 32`.",
        )


def _check_sign_in(settings: Settings, host: str) -> None:
    """Require one address for which tokens are issued, and where nobody can listen in.

    Raises:
        ConfigurationError: There is no such address.
    """
    url = settings.public_url
    parts = urlsplit(url or f"http://{host}")
    if url is None and not is_loopback(host):
        raise ConfigurationError(
            "People sign in at the one address that they all use, and it is not known.",
            "Set IMAGEROUTER_PUBLIC_URL to it, such as https://pictures.example.",
        )
    if parts.scheme != "https" and not is_loopback(parts.hostname or host):
        raise ConfigurationError(
            "Over http, others in the network could read the tokens of people who sign in.",
            "Set IMAGEROUTER_PUBLIC_URL to an https address; docs/hosting.md shows how to get one.",
        )
    if parts.path:
        raise ConfigurationError(
            "People sign in at the root of a host, and IMAGEROUTER_PUBLIC_URL has a path.",
            "Give this server a host name of its own, such as https://pictures.example.",
        )


def _check_issuers(settings: Settings) -> None:
    """Require every setting that a provider needs, above all who has access.

    Raises:
        ConfigurationError: One is missing.
    """
    ways = (
        ("OPENID", settings.openid_issuer, settings.openid_allow),
        ("JWT", settings.jwt_issuer, settings.jwt_allow),
    )
    for way, issuer, allow in ways:
        if issuer and not settings.people:
            raise ConfigurationError(
                f"IMAGEROUTER_{way}_ISSUER is set, but this server has no people.",
                "Set IMAGEROUTER_PEOPLE=1.",
            )
        if issuer and not allow:
            raise ConfigurationError(
                f"Nobody is named whom {issuer} may let in.",
                f"Set IMAGEROUTER_{way}_ALLOW to e-mail domains such as @corp.example, addresses, or claims "
                "such as groups=designers, separated by commas. Set it to everybody if every account may "
                "spend your credits.",
            )
    if settings.openid_issuer and not settings.openid_client_id:
        raise ConfigurationError(
            "The OpenID provider does not know this server without IMAGEROUTER_OPENID_CLIENT_ID.",
            "Register this server there, and set what it is called.",
        )
    if settings.openid_issuer and settings.jwt_issuer:
        raise ConfigurationError(
            "IMAGEROUTER_OPENID_ISSUER and IMAGEROUTER_JWT_ISSUER are both set.",
            "Set the first one if this server gives tokens to apps, the second one if your provider does.",
        )


class KnownNames:
    """Refuses requests for an unknown host name, or from a page of an unknown origin.

    A server bound to every address, without any name set, cannot know its names. It then accepts any `Host`,
    and the token protects it, which no page has. The `Origin` is always checked.

    Args:
        app: The application to protect.
        settings: The known names and origins.
        host: The address the server binds to.
    """

    def __init__(self, app: ASGIApp, settings: Settings, host: str) -> None:
        self._app = app
        self._local = is_loopback(host)
        public = _public_host(settings)
        names = {*settings.http_hosts, *((public,) if public else ())}
        if self._local:
            names.update(LOOPBACK)
        elif host not in EVERYWHERE:
            names.add(host.lower())
        self._names = {_bare(name) for name in names}
        self._origins = set(settings.http_origins)
        self._public_origin = _origin(settings.public_url) if settings.public_url else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if not self._knows_host(headers.getlist("host")):
            answer = error_response(
                421, "This server has another name. IMAGEROUTER_HTTP_HOSTS allows more names."
            )
        elif holds_studio_data(scope["path"]):
            if self._is_the_page(headers):
                await self._app(scope, receive, send)
                return
            answer = error_response(403, _NOT_THE_PAGE)
        elif not _is_for_any_page(scope["path"]) and not all(
            self._knows_origin(origin, headers) for origin in headers.getlist("origin")
        ):
            answer = error_response(
                403, "Pages of this origin may not call the server. IMAGEROUTER_HTTP_ORIGINS allows them."
            )
        else:
            await self._app(scope, receive, send)
            return
        await answer(scope, receive, send)

    def _knows_host(self, shown: list[str]) -> bool:
        if not self._names:
            return True
        found = _HOST.fullmatch(shown[0].lower()) if len(shown) == 1 else None
        return found is not None and (found["v6"] or found["name"].removesuffix(".")) in self._names

    def _knows_origin(self, shown: str, headers: Headers) -> bool:
        origin = shown.lower()
        is_local = self._local and _LOCAL_ORIGIN.fullmatch(origin) is not None
        return is_local or origin in self._origins or self._is_own(origin, headers)

    def _is_the_page(self, headers: Headers) -> bool:
        """Return whether a request can come from our own page; programs other than browsers pass too."""
        sites, origins = headers.getlist("sec-fetch-site"), headers.getlist("origin")
        return all(site.lower() in _OWN_SITE for site in sites) and all(
            self._is_own(origin.lower(), headers) for origin in origins
        )

    def _is_own(self, origin: str, headers: Headers) -> bool:
        """Return whether a page of this origin came from this server, under a name that is known."""
        host = headers.get("host", "").lower()
        return origin == self._public_origin or (
            bool(self._names) and origin in (f"http://{host}", f"https://{host}")
        )


def _is_for_any_page(path: str) -> bool:
    """Return whether pages of any origin may request a path: no cookie and no address protects it."""
    return path.startswith(LINKS) or path in FOR_CLIENTS


def _public_host(settings: Settings) -> str | None:
    return urlsplit(settings.public_url).hostname if settings.public_url else None


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _bare(name: str) -> str:
    return name.strip("[]").removesuffix(".")
