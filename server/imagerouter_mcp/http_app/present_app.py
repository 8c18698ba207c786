"""Have each request work with the App of the person who sent it."""

from starlette.types import ASGIApp, Receive, Scope, Send

from imagerouter_mcp.apps import Apps
from imagerouter_mcp.http_app.admission import PERSON
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
        async with self._apps.using(person):
            await self._app(scope, receive, send)
