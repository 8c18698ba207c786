"""Who may reach the server, and by which names: no page in a browser that rebinds a name to it."""

import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.http_app.refusals import refusal
from imagerouter_mcp.settings import Settings

PROBES = ("/health", "/ready")
"""Paths that anybody may ask, by whatever name: they tell no secret."""
LINKS = ("/files/", "/uploads/")
"""Beginnings of paths whose signature is what lets in, from whatever page it is used."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")
EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104 - it is compared with
"""What stands for every address of the machine."""
_HOST = re.compile(r"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[^:\[\]/@\s]+))(?::\d{1,5})?")
_LOCAL_ORIGIN = re.compile(r"http://(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?")


def is_loopback(host: str) -> bool:
    """Whether an address is one that only this machine can reach."""
    return host in LOOPBACK


def check_exposure(settings: Settings, host: str) -> None:
    """Make sure that whoever may spend the credits has to show a token.

    Args:
        settings: What the person set.
        host: The address to bind to.

    Raises:
        ConfigurationError: Others may reach the server, directly or through a proxy, and no token is set.
    """
    if settings.mcp_token:
        return
    names = [host, *settings.http_hosts, _public_host(settings)]
    elsewhere = next((name for name in names if name and not is_loopback(name)), None)
    if settings.http_proxies:
        elsewhere = f"the proxy {settings.http_proxies[0]}"
    if elsewhere:
        raise ConfigurationError(
            f"Serving {elsewhere} would let anyone who reaches it spend your credits.",
            "Set IMAGEROUTER_MCP_TOKEN to a long random value, which clients send as a bearer token, or bind "
            "to 127.0.0.1, without a public name or a proxy.",
        )


class KnownNames:
    """Refuses what is addressed to another name, or comes from a page of another origin.

    Bound to every address without any name being set, the server cannot know its names: there any `Host` will
    do, and the token guards it, which no page has. The `Origin` is checked in every case.

    Args:
        app: What is guarded.
        settings: Names and origins.
        host: The address that the server is bound to.
    """

    def __init__(self, app: ASGIApp, settings: Settings, host: str) -> None:
        self._app = app
        self._local = is_loopback(host)
        public = _public_host(settings)
        names = {*settings.http_hosts, *((public,) if public else ())}
        if self._local:
            names.update(LOOPBACK)
        elif host not in EVERYWHERE:
            names.add(host.lower())
        self._names = {_bare(name) for name in names}
        self._origins = set(settings.http_origins)
        if settings.public_url:
            self._origins.add(_origin(settings.public_url))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if not self._knows_host(headers.getlist("host")):
            answer = refusal(421, "This server has another name. IMAGEROUTER_HTTP_HOSTS allows more names.")
        elif not scope["path"].startswith(LINKS) and not all(
            map(self._knows_origin, headers.getlist("origin"))
        ):
            answer = refusal(
                403, "Pages of this origin may not call the server. IMAGEROUTER_HTTP_ORIGINS allows them."
            )
        else:
            await self._app(scope, receive, send)
            return
        await answer(scope, receive, send)

    def _knows_host(self, shown: list[str]) -> bool:
        if not self._names:
            return True
        found = _HOST.fullmatch(shown[0].lower()) if len(shown) == 1 else None
        return found is not None and (found["v6"] or found["name"].removesuffix(".")) in self._names

    def _knows_origin(self, shown: str) -> bool:
        origin = shown.lower()
        return origin in self._origins or (self._local and _LOCAL_ORIGIN.fullmatch(origin) is not None)


def _public_host(settings: Settings) -> str | None:
    return urlsplit(settings.public_url).hostname if settings.public_url else None


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _bare(name: str) -> str:
    return name.strip("[]").removesuffix(".")
