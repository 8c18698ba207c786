"""Limit requests before anybody has signed in: by client, and in total."""

from starlette.requests import Request

from imagerouter_mcp.http_app.admission import Rate
from imagerouter_mcp.http_app.household import household

IN_TOTAL = 20
"""Factor between the limit of all clients together and that of one."""


class Limit:
    """Limits requests by client and in total.

    Args:
        per_second: Requests per second of one client.
    """

    def __init__(self, per_second: float) -> None:
        self._each = Rate(per_second)
        self._all = Rate(per_second * IN_TOTAL)

    def refuses(self, request: Request, client: str = "") -> bool:
        """Count a request; return whether it exceeds the limit."""
        key = f"{household(request.scope.get('client'))} {client[:200]}"
        return bool(self._each.wait(key) or self._all.wait("all"))
