"""The server as an ASGI application: MCP at `/mcp`, links at `/files` and `/uploads`, `/health` and `/ready`.

From the outside inwards a request passes the request log, the limit of simultaneous requests, the time limit
for its body, the check of host and origin, and the check of rate and token.
"""

from mcp.server.transport_security import TransportSecuritySettings
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from imagerouter_mcp.http_app.admission import Admission, Crowd
from imagerouter_mcp.http_app.arrival import Arrival
from imagerouter_mcp.http_app.downloads import add_downloads
from imagerouter_mcp.http_app.exposure import KnownNames, check_exposure
from imagerouter_mcp.http_app.probes import add_probes
from imagerouter_mcp.http_app.request_log import REQUEST_ID_HEADER, RequestLog
from imagerouter_mcp.http_app.upload_page import add_uploads
from imagerouter_mcp.server import build_server
from imagerouter_mcp.wiring import App

MAX_BODY_BYTES = 40 * 2**20
"""Enough for a source image as a data URI: 25 MiB are 34 MiB in base64."""
MAX_SESSIONS = 1000
"""Sessions of clients of the older protocol, about 50 kB each."""
_NAMES_ARE_CHECKED_BEFORE = TransportSecuritySettings(enable_dns_rebinding_protection=False)
_ALLOWED_HEADERS = (
    *("Authorization", "Last-Event-ID", "Mcp-Session-Id", "Mcp-Protocol-Version", "Mcp-Method", "Mcp-Name"),
    REQUEST_ID_HEADER,
)
_EXPOSED_HEADERS = (
    "Mcp-Session-Id",
    "Mcp-Protocol-Version",
    "WWW-Authenticate",
    "Retry-After",
    REQUEST_ID_HEADER,
)


def build_http_app(app: App, host: str) -> ASGIApp:
    """Build the application that serves one host address.

    Args:
        app: What the tools work with; the caller closes it.
        host: The address the server binds to.

    Raises:
        ConfigurationError: Others can reach the server and no token is set.
    """
    settings = app.settings
    check_exposure(settings, host)
    server = build_server(app)
    add_probes(server, app)
    if app.links:
        add_downloads(server, app, app.links)
        add_uploads(server, app, app.links)
    served: ASGIApp = server.streamable_http_app(
        host=host,
        stateless_http=settings.http_stateless,
        max_request_body_size=MAX_BODY_BYTES,
        max_sessions=MAX_SESSIONS,
        transport_security=_NAMES_ARE_CHECKED_BEFORE,
    )
    served = Admission(served, settings.mcp_token, settings.http_rate)
    if settings.http_origins:
        served = CORSMiddleware(
            served,
            allow_origins=settings.http_origins,
            allow_methods=("GET", "POST", "DELETE"),
            allow_headers=_ALLOWED_HEADERS,
            expose_headers=_EXPOSED_HEADERS,
        )
    served = KnownNames(served, settings, host)
    return RequestLog(Crowd(Arrival(served), settings.http_requests))
