"""Limit requests from people who have not signed in yet, per client and in total."""

from starlette.requests import Request

from imagerouter_mcp.http_app.admission import Rate
from imagerouter_mcp.http_app.household import household

IN_TOTAL = 20
"""Limit of all clients together, as a multiple of one client's."""


class Limit:
    """Limits requests per client and in total.

    Args:
        per_second: Requests per second that one client may send.
    """

    def __init__(self, per_second: float) -> None:
        self._each = Rate(per_second)
        self._all = Rate(per_second * IN_TOTAL)

    def refuses(self, request: Request, client: str = "") -> bool:
        """Count a request; return whether it exceeds the limit."""
        key = f"{household(request.scope.get('client'))} {client[:200]}"
        return bool(self._each.wait(key) or self._all.wait("all"))
