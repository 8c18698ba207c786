"""Serve the sign-in paths ahead of the token check, since clients have no token yet."""

from mcp.server.transport_security import RequestBodyLimitMiddleware
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from imagerouter_mcp.apps import Apps
from imagerouter_mcp.gallery.signed_links import Links
from imagerouter_mcp.http_app.error_response import error_response, explain_refusals
from imagerouter_mcp.http_app.exposure import MCP_PATH
from imagerouter_mcp.http_app.sign_in.cookies import Cookies
from imagerouter_mcp.http_app.sign_in.limit import Limit
from imagerouter_mcp.http_app.sign_in.metadata_routes import metadata_routes, resource_routes
from imagerouter_mcp.http_app.sign_in.oauth_routes import oauth_routes
from imagerouter_mcp.http_app.sign_in.openid_routes import OpenIdRoutes
from imagerouter_mcp.http_app.sign_in.own_key_pages import OwnKeyPages
from imagerouter_mcp.http_app.sign_in.pages import file_routes
from imagerouter_mcp.http_app.sign_in.person_routes import NameOf, PersonRoutes
from imagerouter_mcp.http_app.sign_in.provider import AuthorizationServer, SecretOf
from imagerouter_mcp.http_app.sign_in_paths import CALLBACK, FOR_CLIENTS, SIGN_IN_PATHS
from imagerouter_mcp.sign_in.openid import OpenIdProvider

MOST_BODY_BYTES = 64 * 1024
PAGES_PER_SECOND = 10.0
"""Pages per second that one network may open, with bursts of a hundred."""


class SignInApp:
    """Serves sign-in, and passes everything else on.

    Args:
        app: Serves everything else.
        routes: The sign-in routes.
    """

    def __init__(self, app: ASGIApp, routes: list[Route]) -> None:
        self._app = app
        self._pages = Limit(PAGES_PER_SECOND)
        routed = Starlette(routes=routes)
        explain_refusals(routed)
        self._router: ASGIApp = RequestBodyLimitMiddleware(routed, MOST_BODY_BYTES)
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
                429, "Too many requests. Wait a moment, then continue.", {"Retry-After": "10"}
            )
            await refusal(scope, receive, send)
        else:
            await self._router(scope, receive, send)


def with_sign_in(app: ASGIApp, apps: Apps, links: Links) -> SignInApp:
    """Return an application that serves sign-in in front of another one.

    Args:
        app: The other application.
        apps: The people's Apps.
        links: Holds the server's own origin and the secret that clients' secrets are derived from.
    """
    settings = apps.settings
    if settings.jwt_issuer:
        return SignInApp(app, resource_routes(links.base_url, settings.jwt_issuer, settings.jwt_scope))
    return SignInApp(app, _routes(apps, links))


def _routes(apps: Apps, links: Links) -> list[Route]:
    """Return the routes of a server that issues tokens itself."""
    issuer, shared = links.base_url, apps.operator.shared
    cookies = Cookies(secure=issuer.startswith("https://"))
    server = AuthorizationServer(shared.sign_in, issuer + MCP_PATH, _secrets(links))
    provider = OpenIdProvider(shared.issuer, shared.settings, issuer + CALLBACK) if shared.issuer else None
    provided = provider.name if provider else None
    persons = PersonRoutes(
        shared.sign_in, server, issuer, cookies, _names(apps), provider=provided, own_keys=_own_keys(apps)
    )
    routes = [
        *metadata_routes(issuer),
        *oauth_routes(server, issuer, issuer + MCP_PATH, cookies),
        *persons.routes,
        *file_routes(),
    ]
    if provider and shared.people:
        sign_ins = shared.sign_in.openid_sign_ins
        routes += OpenIdRoutes(provider, sign_ins, shared.people, persons, cookies).routes
    return routes


def _secrets(links: Links) -> SecretOf:
    return lambda client: links.derive(f"client secret\n{client}").hex()


def _own_keys(apps: Apps) -> OwnKeyPages | None:
    shared = apps.operator.shared
    if shared.api_keys is None:
        return None
    return OwnKeyPages(shared.api_keys, lambda: shared.keys, required=apps.settings.own_keys == "required")


def _names(apps: Apps) -> NameOf:
    async def name_of(person: str) -> str | None:
        found = await apps.find(person)
        return found.name if found else None

    return name_of
