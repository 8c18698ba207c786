"""The server as an ASGI application: streamable HTTP at `/mcp`, health at `/health`.

Loopback is open to this machine's own clients, guarded against pages that rebind a name to it; any other
address needs a bearer token, for whoever reaches the server spends the operator's credits.
"""

import hmac
from collections.abc import Sequence

from mcp.server.transport_security import TransportSecuritySettings
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from imagerouter_mcp import __version__
from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.generation.studio import Studio
from imagerouter_mcp.server import build_server

MAX_BODY_BYTES = 40 * 2**20
"""Room for a source image as a data URI: 25 MiB are 34 MiB in base64."""
OPEN_PATHS = ("/health",)
_ANY_NAME = TransportSecuritySettings(enable_dns_rebinding_protection=False)


def build_http_app(studio: Studio, host: str) -> ASGIApp:
    """Build the application that serves one host address.

    Args:
        studio: What the tools work with; whoever opened it closes it.
        host: The address that it will be bound to.

    Raises:
        ConfigurationError: The address is not loopback and no token is set.
    """
    local, tokens = is_loopback(host), studio.settings.mcp_token
    if not local and not tokens:
        raise ConfigurationError(
            f"Serving {host} would let anyone who reaches it spend your credits.",
            "Set IMAGEROUTER_MCP_TOKEN to a long random value, which clients send as a bearer token, or bind "
            "to 127.0.0.1.",
        )
    server = build_server(studio)

    @server.custom_route("/health", methods=["GET"])
    async def health(_: Request) -> Response:  # pyright: ignore[reportUnusedFunction] - the route holds it
        return JSONResponse({"status": "ok", "version": __version__})

    app = server.streamable_http_app(
        host=host,
        max_request_body_size=MAX_BODY_BYTES,
        # Behind a token, the name by which the server is reached is the operator's choice.
        transport_security=None if local else _ANY_NAME,
    )
    return BearerToken(app, tokens) if tokens else app


def is_loopback(host: str) -> bool:
    """Whether an address is one that only this machine can reach, and whose names the SDK guards."""
    return host in ("127.0.0.1", "localhost", "::1")


class BearerToken:
    """Lets a request through when it shows one of the tokens; every other one gets 401.

    Args:
        app: What is guarded.
        tokens: Any of them opens; two while one is being replaced.
    """

    def __init__(self, app: Starlette, tokens: Sequence[SecretStr]) -> None:
        self._app = app
        self._expected = [f"Bearer {token.get_secret_value()}".encode() for token in tokens]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS and not self._knows(scope):
            refusal = JSONResponse(
                {"error": "Send the token of IMAGEROUTER_MCP_TOKEN as 'Authorization: Bearer …'."},
                status_code=401,
                headers={"WWW-Authenticate": "Bearer"},
            )
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _knows(self, scope: Scope) -> bool:
        shown = Headers(scope=scope).get("authorization", "").encode()
        # Each token is compared, so that the time taken does not tell which one came close.
        return sum(hmac.compare_digest(shown, expected) for expected in self._expected) > 0
