"""The API keys that calls are paid with: the operator's, and those of people who pay with their own."""

import hashlib
from weakref import WeakValueDictionary

from pydantic import SecretStr

from imagerouter_mcp.api.client import ImageRouterClient
from imagerouter_mcp.api.rate import RateLimits
from imagerouter_mcp.errors import AuthenticationError
from imagerouter_mcp.generation.calls.pace import Pace
from imagerouter_mcp.settings import KEYS_PAGE


class KeyInUse:
    """A key, and what all calls that it pays for share.

    Args:
        client: Calls the service with the key.
        pace: The queue of its requests.
        fingerprint: Tells keys apart without being one; "" for the operator's.
    """

    def __init__(self, client: ImageRouterClient, pace: Pace, fingerprint: str = "") -> None:
        self.client = client
        self.pace = pace
        self.fingerprint = fingerprint


class KeysInUse:
    """All keys of a process. One of people's own is kept only as long as a call needs it.

    What the service said of its limit is kept until it no longer holds, whoever comes with the key next.

    Args:
        operator: Calls the service with the operator's key.
        operators_key: That key, if there is one.
        at_once: How many requests of one key may be under way.
    """

    def __init__(self, operator: ImageRouterClient, operators_key: SecretStr | None, at_once: int) -> None:
        self.operator = KeyInUse(operator, Pace(at_once, operator.rate))
        self._operators = fingerprint_of(operators_key) if operators_key else None
        self._at_once = at_once
        self._own = WeakValueDictionary[str, KeyInUse]()
        self._rates: dict[str, RateLimits] = {}
        self._stopped = False

    def of(self, key: SecretStr) -> KeyInUse:
        """Return a key as it is in use, the same for everybody who pays with it."""
        fingerprint = fingerprint_of(key)
        if fingerprint == self._operators:
            return self.operator
        return self._own.get(fingerprint) or self._begin(key, fingerprint)

    async def check(self, key: SecretStr) -> None:
        """Ask the service whether it accepts a key, which costs nothing.

        Raises:
            ImageRouterError: It does not, or it cannot be asked.
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
            key.pace.stop()

    def _begin(self, key: SecretStr, fingerprint: str) -> KeyInUse:
        self._rates = {name: rate for name, rate in self._rates.items() if name in self._own or rate.pause()}
        rate = self._rates.setdefault(fingerprint, RateLimits())
        client = self.operator.client.with_key(key, rate)
        began = self._own[fingerprint] = KeyInUse(client, Pace(self._at_once, rate), fingerprint)
        if self._stopped:
            began.pace.stop()
        return began


def fingerprint_of(key: SecretStr) -> str:
    """Return what tells a key apart, from which nobody can compute it."""
    return hashlib.sha256(f"ImageRouter key\n{key.get_secret_value()}".encode()).hexdigest()
