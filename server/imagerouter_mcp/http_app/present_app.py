"""Have each request work with the App of the person who sent it."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from imagerouter_mcp.apps import Apps, TooManyPeopleError
from imagerouter_mcp.http_app.admission import PERSON
from imagerouter_mcp.http_app.error_response import error_response
from imagerouter_mcp.http_app.request_log import person_id


class PresentApp:
    """Makes the App of a request's person the present one while the request is answered.

    Args:
        app: The application that answers.
        apps: Give each person an App.
    """

    def __init__(self, app: ASGIApp, apps: Apps) -> None:
        self._app = app
        self._apps = apps

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        person = scope.get(PERSON)
        if person is None:
            await self._app(scope, receive, send)
            return
        person_id.set(person.id)  # for the log, which resets it
        try:
            async with self._apps.using(person):
                await self._app(scope, receive, send)
        except TooManyPeopleError as error:
            await _refused(error)(scope, receive, send)


def refuse_too_many(app: Starlette) -> None:
    """Have an application answer as `PresentApp` does if a link's person finds no room.

    Args:
        app: The application; no request has reached it yet.
    """
    app.add_exception_handler(TooManyPeopleError, _answered)


async def _answered(_: Request, error: Exception) -> Response:
    return _refused(error)


def _refused(error: Exception) -> Response:
    return error_response(503, str(error), {"Retry-After": "10"})
