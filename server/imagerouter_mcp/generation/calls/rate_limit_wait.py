"""Wait after a 429, or once the rate limit is used up; share the pause with other servers."""

import logging
from typing import Protocol

import anyio
from anyio import to_thread

from imagerouter_mcp.api.rate_limit import RateLimit
from imagerouter_mcp.errors import ConfigurationError

logger = logging.getLogger(__name__)


class SharedPause(Protocol):
    """The pause of one key, shared by several servers.

    Its methods raise `ConfigurationError` if the shared state cannot be reached.
    """

    def left(self) -> float:
        """Return the seconds until another request may be sent; 0 when it may be sent now."""
        ...

    def extend(self, seconds: float, /) -> None:
        """Keep all servers from sending anything for some seconds."""
        ...


class RateLimitWait:
    """How long the requests of one key have to wait.

    Args:
        limit: The key's rate limit, as far as it is known.
        shared: The pause shared with other servers; None if this is the only one.
    """

    def __init__(self, limit: RateLimit, shared: SharedPause | None = None) -> None:
        self._limit = limit
        self._shared = shared

    async def left(self) -> float:
        """Return the seconds until another request may be sent; 0 when it may be sent now.

        Raises:
            ConfigurationError: The shared pause cannot be read.
        """
        own = self._limit.pause()
        return max(own, await to_thread.run_sync(self._shared.left)) if self._shared else own

    async def share(self) -> None:
        """Make other servers wait too if the service asked for a pause; a failure is only logged."""
        if self._shared and (pause := self._limit.pause()):
            with anyio.CancelScope(shield=True):
                try:
                    await to_thread.run_sync(self._shared.extend, pause)
                except ConfigurationError as error:
                    logger.warning("Other servers were not told to wait %.0f s: %s", pause, error)
