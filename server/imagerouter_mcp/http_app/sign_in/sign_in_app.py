"""Serve the paths of sign-in. Whoever requests them has no token yet, so they come before what needs one."""

from mcp.server.transport_security import RequestBodyLimitMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from imagerouter_mcp.apps import Apps
from imagerouter_mcp.gallery.signed_links import Links
from imagerouter_mcp.http_app.error_response import error_response
from imagerouter_mcp.http_app.exposure import MCP_PATH
from imagerouter_mcp.http_app.sign_in.cookies import Cookies
from imagerouter_mcp.http_app.sign_in.limit import Limit
from imagerouter_mcp.http_app.sign_in.metadata_routes import metadata_routes
from imagerouter_mcp.http_app.sign_in.oauth_routes import oauth_routes
from imagerouter_mcp.http_app.sign_in.openid_routes import OpenIdRoutes
from imagerouter_mcp.http_app.sign_in.pages import file_routes
from imagerouter_mcp.http_app.sign_in.person_routes import NameOf, PersonRoutes
from imagerouter_mcp.http_app.sign_in.provider import AuthorizationServer, SecretOf
from imagerouter_mcp.http_app.sign_in_paths import CALLBACK, FOR_CLIENTS, SIGN_IN_PATHS
from imagerouter_mcp.sign_in.openid import OpenIdProvider
from imagerouter_mcp.sign_in.sign_in import SignIn
from imagerouter_mcp.wiring import Shared

MOST_BODY_BYTES = 64 * 1024
PAGES_PER_SECOND = 10.0
"""That one network may open; a hundred at once."""


class SignInApp:
    """Serves sign-in, and passes everything else on.

    Args:
        app: What serves everything else.
        apps: Know the people.
        sign_in: The stores.
        links: Know the server's own origin, and the secret from which those of clients are made.
    """

    def __init__(self, app: ASGIApp, apps: Apps, sign_in: SignIn, links: Links) -> None:
        self._app = app
        self._pages = Limit(PAGES_PER_SECOND)
        issuer = links.base_url
        cookies = Cookies(secure=issuer.startswith("https://"))
        server = AuthorizationServer(sign_in, issuer + MCP_PATH, _secrets(links))
        provider = _provider(apps.operator.shared, issuer)
        provided = provider.name if provider else None
        persons = PersonRoutes(sign_in, server, issuer, cookies, _names(apps), provider=provided)
        router = Router(
            [
                *metadata_routes(issuer),
                *oauth_routes(server, issuer, issuer + MCP_PATH, cookies),
                *persons.routes,
                *_openid_routes(provider, apps.operator.shared, persons, cookies),
                *file_routes(),
            ]
        )
        self._router: ASGIApp = RequestBodyLimitMiddleware(router, MOST_BODY_BYTES)
        self._for_clients = CORSMiddleware(
            self._router,
            allow_origins="*",
            allow_methods=("GET", "POST"),
            allow_headers=("Authorization", "Content-Type", "Mcp-Protocol-Version"),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or pass it on."""
        if scope["type"] != "http" or scope["path"] not in SIGN_IN_PATHS:
            await self._app(scope, receive, send)
        elif scope["path"] in FOR_CLIENTS:
            await self._for_clients(scope, receive, send)
        elif self._pages.refuses(Request(scope)):
            refusal = error_response(
                429, "Too many pages were opened. Wait, then go on.", {"Retry-After": "10"}
            )
            await refusal(scope, receive, send)
        else:
            await self._router(scope, receive, send)


def _secrets(links: Links) -> SecretOf:
    return lambda client: links.derive(f"client secret\n{client}").hex()


def _provider(shared: Shared, issuer: str) -> OpenIdProvider | None:
    return OpenIdProvider(shared.issuer, shared.settings, issuer + CALLBACK) if shared.issuer else None


def _openid_routes(
    provider: OpenIdProvider | None, shared: Shared, persons: PersonRoutes, cookies: Cookies
) -> list[Route]:
    if provider is None or shared.people is None:
        return []
    return OpenIdRoutes(provider, shared.sign_in.openid_sign_ins, shared.people, persons, cookies).routes


def _names(apps: Apps) -> NameOf:
    async def name_of(person: str) -> str | None:
        found = await apps.find(person)
        return found.name if found else None

    return name_of
