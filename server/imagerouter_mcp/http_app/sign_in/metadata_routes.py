"""Serve the documents that tell clients where and how to sign in (RFC 8414, RFC 9728)."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from imagerouter_mcp.http_app.exposure import MCP_PATH
from imagerouter_mcp.http_app.sign_in.registered_client import SCOPE, SCOPES
from imagerouter_mcp.http_app.sign_in_paths import (
    AUTHORIZE,
    REGISTER,
    RESOURCE_METADATA,
    RESOURCE_METADATA_ROOT,
    REVOKE,
    SERVER_METADATA,
    TOKEN,
)

_HEADERS = {"Cache-Control": "public, max-age=300"}
"""Hosts cache what they discover for about five minutes."""
_METHODS = ["none", "client_secret_post"]


def metadata_routes(issuer: str) -> list[Route]:
    """Return the metadata routes of a server that issues tokens itself.

    Args:
        issuer: The server's own origin.
    """
    return [
        *resource_routes(issuer, issuer, SCOPE),
        Route(SERVER_METADATA, _fixed(server_metadata(issuer)), methods=["GET"]),
    ]


def resource_routes(origin: str, authorization_server: str, scope: str | None) -> list[Route]:
    """Return the routes that tell clients which authorization server issues tokens.

    Args:
        origin: The server's own origin.
        authorization_server: The address of the authorization server.
        scope: The scope that tokens must have, if any.
    """
    resource = _fixed(resource_metadata(origin, authorization_server, scope))
    return [Route(path, resource, methods=["GET"]) for path in (RESOURCE_METADATA, RESOURCE_METADATA_ROOT)]


def server_metadata(issuer: str) -> dict[str, Any]:
    """Return the metadata of this authorization server.

    `client_secret_basic` is left out: the SDK's handler requires `client_id` in the form too, and clients
    that authenticate in the header do not send it there.
    """
    return {
        "issuer": issuer,
        "authorization_endpoint": issuer + AUTHORIZE,
        "token_endpoint": issuer + TOKEN,
        "registration_endpoint": issuer + REGISTER,
        "revocation_endpoint": issuer + REVOKE,
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": _METHODS,
        "revocation_endpoint_auth_methods_supported": _METHODS,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "client_id_metadata_document_supported": True,
    }


def resource_metadata(origin: str, authorization_server: str, scope: str | None) -> dict[str, Any]:
    """Return the metadata of our MCP endpoint, with its authorization server."""
    return {
        "resource": origin + MCP_PATH,
        "authorization_servers": [authorization_server],
        **({"scopes_supported": [scope]} if scope else {}),
        "bearer_methods_supported": ["header"],
        "resource_name": "ImageRouter pictures",
    }


def challenge(origin: str, scope: str | None, error: str = "") -> str:
    """Return the `WWW-Authenticate` that tells a client to sign in, and where (RFC 6750, RFC 9728).

    Args:
        origin: The server's own origin.
        scope: The scope that the token must have, if any.
        error: The error code if a token was sent and rejected.
    """
    said = {"error": error, "scope": scope, "resource_metadata": origin + RESOURCE_METADATA}
    return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in said.items() if value)


def _fixed(document: dict[str, Any]) -> Any:  # noqa: ANN401 - a route's endpoint
    async def answer(_: Request) -> Response:
        return JSONResponse(document, headers=_HEADERS)

    return answer
