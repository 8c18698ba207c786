"""Hold the API keys that pay for calls: the operator's, and those of people who pay with their own."""

import hashlib
from collections.abc import Callable
from weakref import WeakValueDictionary

from pydantic import SecretStr

from imagerouter_mcp.api.client import ImageRouterClient
from imagerouter_mcp.api.rate_limit import RateLimit
from imagerouter_mcp.errors import AuthenticationError
from imagerouter_mcp.generation.calls.rate_limit_wait import RateLimitWait, SharedPause
from imagerouter_mcp.generation.calls.request_queue import RequestQueue
from imagerouter_mcp.settings import KEYS_PAGE


class KeyInUse:
    """A key, and what the calls that it pays for share.

    Args:
        client: Calls the service with the key.
        queue: Its requests.
        fingerprint: Identifies the key without revealing it; "" for the operator's.
    """

    def __init__(self, client: ImageRouterClient, queue: RequestQueue, fingerprint: str = "") -> None:
        self.client = client
        self.queue = queue
        self.fingerprint = fingerprint


class KeysInUse:
    """All keys of a process. A person's own key is kept only while a call needs it.

    The rate limit that the service reported for a key is kept until it expires, for the key's next call.

    Args:
        operator: Calls the service with the operator's key.
        operators_key: That key, if there is one.
        at_once: How many requests of one key may be under way.
        shared: Returns the pause of a key that servers share; None if this is the only server.
    """

    def __init__(
        self,
        operator: ImageRouterClient,
        operators_key: SecretStr | None,
        at_once: int,
        shared: Callable[[SecretStr], SharedPause] | None = None,
    ) -> None:
        self._shared = shared
        pause = shared(operators_key) if shared and operators_key else None
        self.operator = KeyInUse(operator, RequestQueue(at_once, RateLimitWait(operator.rate_limit, pause)))
        self._operators = fingerprint_of(operators_key) if operators_key else None
        self._at_once = at_once
        self._own = WeakValueDictionary[str, KeyInUse]()
        self._rate_limits: dict[str, RateLimit] = {}
        self._stopped = False

    def of(self, key: SecretStr) -> KeyInUse:
        """Return a key in use, the same object for everybody who pays with this key."""
        fingerprint = fingerprint_of(key)
        if fingerprint == self._operators:
            return self.operator
        return self._own.get(fingerprint) or self._begin(key, fingerprint)

    async def check(self, key: SecretStr) -> None:
        """Ask the service whether it accepts a key, which costs nothing.

        Raises:
            ImageRouterError: The service refuses the key, or cannot be asked.
        """
        try:
            await self.of(key).client.check_key()
        except AuthenticationError as error:
            error.remedy = f"Copy it again from {KEYS_PAGE}. It was not stored."
            raise

    def stop(self) -> None:
        """Send nothing more, with any key."""
        self._stopped = True
        for key in (self.operator, *self._own.values()):
            key.queue.stop()

    def _begin(self, key: SecretStr, fingerprint: str) -> KeyInUse:
        self._rate_limits = {
            name: limit for name, limit in self._rate_limits.items() if name in self._own or limit.pause()
        }
        limit = self._rate_limits.setdefault(fingerprint, RateLimit())
        client = self.operator.client.with_key(key, limit)
        wait = RateLimitWait(limit, self._shared(key) if self._shared else None)
        queue = RequestQueue(self._at_once, wait)
        began = self._own[fingerprint] = KeyInUse(client, queue, fingerprint)
        if self._stopped:
            began.queue.stop()
        return began


def fingerprint_of(key: SecretStr) -> str:
    """Return a SHA-256 that identifies a key without revealing it."""
    return hashlib.sha256(f"ImageRouter key\n{key.get_secret_value()}".encode()).hexdigest()
