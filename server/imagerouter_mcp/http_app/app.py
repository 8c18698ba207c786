"""The server as an ASGI application: MCP at `/mcp`, the studio, links at `/files` and `/uploads`, probes.

From the outside inwards a request passes the request log, the check of host and origin, the check of rate and
token, the limits of bodies and of requests at the same time, the end of streams, and the limit of sessions.
`connections.py` comes before all of them.
"""

from mcp.server.transport_security import TransportSecuritySettings
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from imagerouter_mcp.apps import Apps
from imagerouter_mcp.http_app.admission import Admission, Recognition
from imagerouter_mcp.http_app.browser_sessions import BrowserSessions
from imagerouter_mcp.http_app.connections import connection_limit
from imagerouter_mcp.http_app.downloads import add_downloads
from imagerouter_mcp.http_app.draining import Draining
from imagerouter_mcp.http_app.error_response import explain_refusals
from imagerouter_mcp.http_app.exposure import KnownNames, check_exposure
from imagerouter_mcp.http_app.json_bodies import MAX_BODY_BYTES, JsonBodies
from imagerouter_mcp.http_app.listening import Listening
from imagerouter_mcp.http_app.present_app import PresentApp, refuse_too_many
from imagerouter_mcp.http_app.probes import add_probes
from imagerouter_mcp.http_app.relative_redirects import RelativeRedirects
from imagerouter_mcp.http_app.request_ids import RequestIds
from imagerouter_mcp.http_app.request_log import REQUEST_ID_HEADER, RequestLog
from imagerouter_mcp.http_app.sent_keys import KEY_HEADER, SentKeys
from imagerouter_mcp.http_app.sessions import Sessions
from imagerouter_mcp.http_app.studio.opening_links import studio_codes
from imagerouter_mcp.http_app.studio.routes import add_studio
from imagerouter_mcp.http_app.upload_page import Arrivals, add_uploads
from imagerouter_mcp.server import build_server

_NAMES_ARE_CHECKED_BEFORE = TransportSecuritySettings(enable_dns_rebinding_protection=False)
_ALLOWED_HEADERS = (
    *("Authorization", "Last-Event-ID", "Mcp-Session-Id", "Mcp-Protocol-Version", "Mcp-Method", "Mcp-Name"),
    REQUEST_ID_HEADER,
    KEY_HEADER,
)
_EXPOSED_HEADERS = (
    "Mcp-Session-Id",
    "Mcp-Protocol-Version",
    "WWW-Authenticate",
    "Retry-After",
    REQUEST_ID_HEADER,
)


def build_http_app(
    apps: Apps,
    host: str,
    *,
    studio_only: bool = False,
    draining: Draining | None = None,
) -> ASGIApp:
    """Build the application that serves one host address.

    Args:
        apps: What the tools work with; the caller closes them.
        host: The address the server binds to.
        studio_only: Whether only browsers that were let into the studio have access.
        draining: Tells when the server is about to end.

    Raises:
        ConfigurationError: Others can reach the server, and no token is set or a short one.
    """
    settings = apps.settings
    check_exposure(settings, host)
    server = build_server(apps)
    sessions, arrivals = BrowserSessions(), Arrivals()
    add_studio(server, apps, studio_codes(settings), sessions, arrivals)
    if not studio_only:
        add_probes(server, apps, draining or Draining(0))
    if apps.links:
        add_downloads(server, apps, apps.links)
        add_uploads(server, apps, apps.links, arrivals)
    routed = server.streamable_http_app(
        host=host,
        stateless_http=settings.http_stateless,
        max_request_body_size=MAX_BODY_BYTES,
        max_sessions=None,  # `Sessions` limits them
        transport_security=_NAMES_ARE_CHECKED_BEFORE,
    )
    explain_refusals(routed)
    refuse_too_many(routed)
    # Each request needs a connection, and some are to be free for those that wait.
    most = min(settings.http_requests, connection_limit() // 2)
    answering = Sessions(RequestIds(RelativeRedirects(routed)))
    served: ASGIApp = JsonBodies(Listening(answering), most)
    served = Admission(
        SentKeys(PresentApp(served, apps), allowed=settings.own_keys != "no"),
        settings.mcp_token,
        settings.http_rate,
        sessions,
        people=_recognition(apps),
        studio_only=studio_only,
    )
    if settings.http_origins:
        served = CORSMiddleware(
            served,
            allow_origins=settings.http_origins,
            allow_methods=("GET", "POST", "DELETE"),
            allow_headers=_ALLOWED_HEADERS,
            expose_headers=_EXPOSED_HEADERS,
        )
    if settings.people and apps.links:
        from imagerouter_mcp.http_app.sign_in.sign_in_app import with_sign_in  # noqa: PLC0415 - few servers need it

        served = with_sign_in(served, apps, apps.links)
    served = KnownNames(served, settings, host)
    return RequestLog(served)


def _recognition(apps: Apps) -> Recognition | None:
    """Return how several people are recognised, or None if there is only one."""
    if not apps.settings.people or apps.links is None:
        return None
    from imagerouter_mcp.http_app.sign_in.recognition import recognition  # noqa: PLC0415 - few servers need it

    return recognition(apps, apps.links.base_url)
