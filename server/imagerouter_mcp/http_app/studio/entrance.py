"""Let a browser in: exchange the code of its link for a token, once."""

import math

from anyio import to_thread
from mcp.server import MCPServer
from starlette.requests import Request
from starlette.responses import Response

from imagerouter_mcp.apps import Apps
from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.http_app.admission import PERSON, Rate
from imagerouter_mcp.http_app.browser_sessions import IDLE_SECONDS, BrowserSessions
from imagerouter_mcp.http_app.error_response import error_response
from imagerouter_mcp.http_app.exposure import STUDIO_PERSON, STUDIO_SESSION
from imagerouter_mcp.http_app.household import household
from imagerouter_mcp.http_app.studio.one_time_codes import OneTimeCodes, Verdict
from imagerouter_mcp.http_app.studio.small_json import answer, read_object
from imagerouter_mcp.people.person import LOCAL

TRIES_PER_SECOND = 0.5
"""Of each address; five at once."""
_ANOTHER = (
    "For another one, press Enter where imagerouter-mcp studio runs, or type imagerouter-mcp studio --link "
    "on the server's machine."
)
_REFUSALS: dict[Verdict, str] = {
    "used": "This link has been used already, and works only once. If it was not you who used it, end the "
    f"server. {_ANOTHER}",
    "expired": f"This link is more than ten minutes old. {_ANOTHER}",
    "wrong": f"This link is incomplete, or not from this server. {_ANOTHER}",
}


def add_entrance(server: MCPServer[Apps], apps: Apps, codes: OneTimeCodes, sessions: BrowserSessions) -> None:
    """Add `/studio/session`, and `/studio/person`, which tells who is signed in.

    Args:
        server: The server being built.
        apps: Know which folders callers may not learn.
        codes: Redeems the code of each link.
        sessions: Gives the tokens.
    """
    tries = Rate(TRIES_PER_SECOND)

    @server.custom_route(STUDIO_PERSON, methods=["GET"])
    async def person(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction] - the route holds it
        return answer({"name": request.scope[PERSON].name})

    @server.custom_route(STUDIO_SESSION, methods=["POST"])
    async def enter(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction] - the route holds it
        wait = tries.wait(household(request.scope.get("client")))
        if wait:
            again = {"Retry-After": str(math.ceil(wait))}
            return error_response(429, "Too many links were tried. Wait, then open the link again.", again)
        brought = await read_object(request)
        try:
            verdict = await to_thread.run_sync(codes.redeem, str((brought or {}).get("code", "")))
        except ConfigurationError as error:
            return error_response(507, apps.settings.for_callers(f"{error.what} {error.remedy}"))
        if verdict != "good":
            return error_response(403, _REFUSALS[verdict])
        return answer({"token": sessions.open(LOCAL.id), "expires_in": IDLE_SECONDS})
