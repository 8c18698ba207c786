"""Whose API key pays for a call."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from imagerouter_mcp.errors import AuthenticationError
from imagerouter_mcp.generation.calls.keys_in_use import KeyInUse


async def _as_it_is(error: AuthenticationError) -> AuthenticationError:
    return error


@dataclass(frozen=True, slots=True)
class Payer:
    """Whose key pays for a call, from the moment it begins until it has ended.

    Attributes:
        key: The key.
        refused: Called when the service does not accept the key; returns what to tell the caller.
    """

    key: KeyInUse
    refused: Callable[[AuthenticationError], Awaitable[AuthenticationError]] = _as_it_is

    @property
    def own(self) -> bool:
        """Whether it is not the operator who pays."""
        return bool(self.key.fingerprint)
