"""Redirect within the server without naming its scheme and host, which a proxy may have changed."""

from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class RelativeRedirects:
    """Shortens the redirect from a path with a slash too many to its path and query.

    Behind a proxy that ends TLS, an absolute one would have clients send a token or a signature over http.

    Args:
        app: Redirects with absolute addresses of its own.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""

        async def shortening(message: Message) -> None:
            if message.get("status") == HTTPStatus.TEMPORARY_REDIRECT:
                headers = MutableHeaders(scope=message)
                own = urlsplit(headers["location"])._replace(scheme="", netloc="")
                headers["location"] = own.geturl()
            await send(message)

        await self._app(scope, receive, shortening)
