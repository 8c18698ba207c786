"""How many are let in: one at a time by token and rate, all together by what is under way."""

import hmac
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from ipaddress import IPv6Address, ip_address

from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from imagerouter_mcp.http_app.exposure import LINKS, PROBES
from imagerouter_mcp.http_app.refusals import refusal

BURST_SECONDS = 10
"""Of the allowed rate, what may come at once."""
MAX_CLIENTS = 10_000
"""Whose rates are remembered; who was not heard of for longest is forgotten first."""
_PREFIX = 64
"""Bits of an IPv6 address that a household or a company has for itself."""


class Admission:
    """Lets a request through when it shows one of the tokens and comes not too fast.

    Args:
        app: What is guarded.
        tokens: Any of them opens; two while one is being replaced; none where nobody else reaches the server.
        per_second: Requests that each client may make, on average.
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
        # Those without a token share no budget with those who have one, though they may share an address.
        wait = self._rate.wait(f"{shown} {household(scope)}")
        if wait:
            answer = refusal(
                429, "Too many requests. Wait, then go on.", {"Retry-After": str(math.ceil(wait))}
            )
        elif not self._expected or shown or scope["path"] in PROBES or scope["path"].startswith(LINKS):
            await self._app(scope, receive, send)
            return
        else:
            answer = refusal(
                401,
                "Send the token of IMAGEROUTER_MCP_TOKEN as 'Authorization: Bearer …'.",
                {"WWW-Authenticate": "Bearer"},
            )
        await answer(scope, receive, send)

    def _shown(self, scope: Scope) -> int:
        """Which of the tokens a request shows, from 1 on; 0 for none."""
        values = Headers(scope=scope).getlist("authorization")
        shown = values[0].encode() if len(values) == 1 else b""
        # Each token is compared, so that the time taken does not tell which one came close.
        return sum(n * hmac.compare_digest(shown, each) for n, each in enumerate(self._expected, 1))


class Rate:
    """A bucket for each client, which fills at a steady rate; each request takes one measure.

    A client is remembered by one number: the time at which its bucket will be full again.

    Args:
        per_second: How many requests go in on average.
        clock: Seconds.
    """

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 1 / per_second
        self._room = max(BURST_SECONDS, self._interval)
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def wait(self, client: str) -> float:
        """Count a request.

        Returns:
            0 when it may pass; else the seconds after which the next one may.
        """
        now = self._clock()
        full_at = max(self._full_at.get(client, now), now) + self._interval
        excess = full_at - now - self._room
        # What adding and taking away again leaves of a number's last digits is no excess.
        if excess > self._interval / 1000:
            return excess
        self._full_at[client] = full_at
        self._full_at.move_to_end(client)
        if len(self._full_at) > MAX_CLIENTS:
            self._full_at.popitem(last=False)
        return 0


class Crowd:
    """Lets so many requests be under way at once, open streams among them; one more is told to wait.

    Args:
        app: What is guarded.
        most: How many.
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
            await refusal(503, "Too many requests are under way. Try again soon.", {"Retry-After": "1"})(
                scope, receive, send
            )
            return
        self._under_way += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._under_way -= 1


def household(scope: Scope) -> str:
    """Whose address it is, without the part that one client may choose for itself."""
    host = scope["client"][0] if scope.get("client") else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host[:64]
    if not isinstance(address, IPv6Address):
        return host
    return str(address.ipv4_mapped or int(address) >> (128 - _PREFIX))
