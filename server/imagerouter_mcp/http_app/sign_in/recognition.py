"""Recognise people by the tokens that their clients got when they signed in."""

from anyio import to_thread

from imagerouter_mcp.apps import Apps
from imagerouter_mcp.http_app.admission import Recognition
from imagerouter_mcp.http_app.exposure import MCP_PATH
from imagerouter_mcp.http_app.sign_in.metadata_routes import challenge
from imagerouter_mcp.people.person import Person
from imagerouter_mcp.sign_in.sign_in import SignIn


def recognition(apps: Apps, sign_in: SignIn, issuer: str) -> Recognition:
    """Return how requests are recognised: by an access token, or by a token that the operator gave.

    Args:
        apps: Know the people.
        sign_in: Knows the access tokens.
        issuer: The server's own origin.
    """

    async def by_token(token: str) -> Person | None:
        shown = await to_thread.run_sync(sign_in.grants.find_access, token)
        if shown is None:
            return await apps.by_token(token)
        return await apps.find(shown.person) if shown.resource == issuer + MCP_PATH else None

    return Recognition(by_token, apps.find, challenge(issuer))
