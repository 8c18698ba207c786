"""Take the ImageRouter key out of a request that brings one, before anything else can keep it."""

from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from imagerouter_mcp.http_app.admission import PERSON
from imagerouter_mcp.http_app.error_response import error_response
from imagerouter_mcp.people.sent_key import brought
from imagerouter_mcp.settings import key_complaint

KEY_HEADER = "X-Api-Key"
_NAME = KEY_HEADER.lower().encode()


class SentKeys:
    """Has the key in a request's header pay for what the request asks for.

    Args:
        app: The application that answers.
        allowed: Whether people may pay with their own keys; if not, such a request is refused.
    """

    def __init__(self, app: ASGIApp, *, allowed: bool) -> None:
        self._app = app
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on without the key, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        keys = Headers(scope=scope).getlist(KEY_HEADER)
        scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0].lower() != _NAME]}
        if keys and scope.get(PERSON) and (complaint := self._complaint(keys)):
            await error_response(400, complaint)(scope, receive, send)
            return
        with brought(SecretStr(keys[0]) if keys and self._allowed else None):
            await self._app(scope, receive, send)

    def _complaint(self, keys: list[str]) -> str:
        if not self._allowed:
            return (
                f"Leave out {KEY_HEADER}: here the operator's ImageRouter key pays, and yours was not used."
            )
        if len(keys) > 1:
            return f"Send the header {KEY_HEADER} once."
        wrong = key_complaint(keys[0]) if keys[0] else "is empty"
        return f"The key in {KEY_HEADER} {wrong}. Send an ImageRouter key, or leave it out." if wrong else ""
