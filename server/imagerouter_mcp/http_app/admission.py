"""Limit access: a token and a rate for each client, and a total of requests at the same time."""

import hmac
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from ipaddress import IPv6Address, ip_address

from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from imagerouter_mcp.http_app.error_response import error_response
from imagerouter_mcp.http_app.exposure import LINKS, PROBES

BURST_SECONDS = 10
"""A client may send this many seconds' worth of its rate at once."""
MAX_CLIENTS = 10_000
"""How many clients' rates are remembered; the least recently seen is forgotten first."""
_PREFIX = 64
"""Bits of an IPv6 address that identify a household or a company."""


class Admission:
    """Passes on requests that carry a valid token and stay within the client's rate.

    Args:
        app: The application to protect.
        tokens: The valid tokens: two while one is being replaced, none if only this machine reaches the
            server.
        per_second: Requests per second that each client may make on average.
    """

    def __init__(self, app: ASGIApp, tokens: Sequence[SecretStr], per_second: float) -> None:
        self._app = app
        self._expected = [f"Bearer {token.get_secret_value()}".encode() for token in tokens]
        self._rate = Rate(per_second)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        shown = self._shown(scope)
        # Clients without a token must not use up the rate of a client with one at the same address.
        wait = self._rate.wait(f"{shown} {household(scope)}")
        if wait:
            answer = error_response(
                429, "Too many requests. Wait, then go on.", {"Retry-After": str(math.ceil(wait))}
            )
        elif not self._expected or shown or scope["path"] in PROBES or scope["path"].startswith(LINKS):
            await self._app(scope, receive, send)
            return
        else:
            answer = error_response(
                401,
                "Send the token of IMAGEROUTER_MCP_TOKEN as 'Authorization: Bearer …'.",
                {"WWW-Authenticate": "Bearer"},
            )
        await answer(scope, receive, send)

    def _shown(self, scope: Scope) -> int:
        """Return the number of the token that a request carries, counted from 1; 0 for none."""
        values = Headers(scope=scope).getlist("authorization")
        shown = values[0].encode() if len(values) == 1 else b""
        # Comparing every token keeps the time taken from telling which one came close.
        return sum(n * hmac.compare_digest(shown, each) for n, each in enumerate(self._expected, 1))


class Rate:
    """A token bucket for each client.

    One number is kept for a client: the time at which its bucket will be full again.

    Args:
        per_second: Requests per second that a client may make on average.
        clock: Returns the time in seconds.
    """

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 1 / per_second
        self._room = max(BURST_SECONDS, self._interval)
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def wait(self, client: str) -> float:
        """Count a request.

        Returns:
            0 if the request may pass; else the seconds to wait before the next one.
        """
        now = self._clock()
        full_at = max(self._full_at.get(client, now), now) + self._interval
        excess = full_at - now - self._room
        # Rounding errors are not an excess.
        if excess > self._interval / 1000:
            return excess
        self._full_at[client] = full_at
        self._full_at.move_to_end(client)
        if len(self._full_at) > MAX_CLIENTS:
            self._full_at.popitem(last=False)
        return 0


class Crowd:
    """Limits how many requests are served at the same time, open streams included.

    Args:
        app: The application to protect.
        most: The limit.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        if self._under_way >= self._most:
            await error_response(
                503, "Too many requests are under way. Try again soon.", {"Retry-After": "1"}
            )(scope, receive, send)
            return
        self._under_way += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._under_way -= 1


def household(scope: Scope) -> str:
    """Return the client's address without the part that a client can choose for itself."""
    host = scope["client"][0] if scope.get("client") else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host[:64]
    if not isinstance(address, IPv6Address):
        return host
    return str(address.ipv4_mapped or int(address) >> (128 - _PREFIX))
