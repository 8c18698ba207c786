"""Choose whose API key pays for a call."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from anyio import to_thread

from imagerouter_mcp.errors import AuthenticationError, ConfigurationError
from imagerouter_mcp.generation.calls.keys_in_use import KeyInUse, KeysInUse
from imagerouter_mcp.people.api_keys import ApiKeys, StoredKey
from imagerouter_mcp.people.person import LOCAL, Person
from imagerouter_mcp.people.sent_key import sent_key


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
        """Whether the person pays with a key of their own."""
        return bool(self.key.fingerprint)


class Payers:
    """Chooses the key that pays for a person's calls: the one in the request, their own, or the operator's.

    Args:
        person: Who asks.
        keys: Returns the keys in use.
        stored: Keeps people's own keys; None where the operator pays for all.
        required: Whether people must pay with their own keys.
        page: The address where people store theirs; "" if they do not sign in with a browser.
    """

    def __init__(
        self,
        person: Person,
        keys: Callable[[], KeysInUse],
        stored: ApiKeys | None = None,
        *,
        required: bool = False,
        page: str = "",
    ) -> None:
        self._person = person
        self._keys = keys
        self._stored = stored
        self._required = required
        self._page = page

    async def present(self) -> Payer:
        """Return whose key pays for the current request.

        Raises:
            ConfigurationError: The person must have a key of their own, or has one that cannot be used.
        """
        if sent := sent_key():
            return Payer(self._keys().of(sent), self._sent_was_refused)
        if self._person == LOCAL:
            return Payer(self._keys().operator)
        stored = await to_thread.run_sync(self._stored.find, self._person.id) if self._stored else None
        if stored is None and self._required:
            raise ConfigurationError(
                "On this server everyone pays with their own ImageRouter key, and you have not stored one.",
                self._next_step,
            )
        if stored is None:
            return Payer(self._keys().operator, _operators_was_refused)
        if stored.refused:
            raise ConfigurationError(
                "Your own API key no longer works: ImageRouter refused it. No other key is used instead.",
                self._next_step,
            )
        if stored.key is None:
            raise ConfigurationError(
                "Your own ImageRouter key cannot be decrypted. No other key is used instead.",
                self._next_step,
            )
        return Payer(self._keys().of(stored.key), partial(self._stored_was_refused, stored))

    async def operator_pays(self) -> bool:
        """Return whether a call of the current request would be paid with the operator's key."""
        try:
            return not (await self.present()).own
        except ConfigurationError:
            return False

    async def settling(self) -> Payer:
        """Return the payer for answers that a dead server left; the key is only removed from them."""
        try:
            return await self.present()
        except ConfigurationError:
            return Payer(self._keys().operator)

    @property
    def _next_step(self) -> str:
        on_the_page = f"Sign in at {self._page} and store a working key, or ask" if self._page else "Ask"
        return (
            f"{on_the_page} the operator to store one (imagerouter-mcp people keys set), or send one in the "
            "X-Api-Key header."
        )

    async def _stored_was_refused(self, stored: StoredKey, error: AuthenticationError) -> AuthenticationError:
        """Disable a stored key that the service refused."""
        if self._stored:
            await to_thread.run_sync(self._stored.refuse, self._person.id, stored)
        error.remedy = f"It is your own key, which is not used any more. {self._next_step}"
        return error

    async def _sent_was_refused(self, error: AuthenticationError) -> AuthenticationError:
        error.remedy = (
            "The request brought this key in its header X-Api-Key: send one that works. No other key pays "
            "instead."
        )
        return error


async def _operators_was_refused(error: AuthenticationError) -> AuthenticationError:
    error.remedy = "It is the key of this server's operator: tell them to replace it."
    return error
