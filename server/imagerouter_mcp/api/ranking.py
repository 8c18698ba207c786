"""The service's popularity ranking, kept for a while; without it, an honest substitute that says so."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio

from imagerouter_mcp.api.catalogue import Catalogue
from imagerouter_mcp.api.popularity import honest_fallback, parse_popular
from imagerouter_mcp.errors import ImageRouterError, UnexpectedResponseError

LIFETIME_SECONDS = 600.0
RETRY_SECONDS = 60.0
"""How long the substitute serves before the service is asked again."""
SUBSTITUTES = 20


@dataclass(frozen=True, slots=True)
class Ranking:
    """Model ids, the most used first; `note` says when they are something else than that."""

    ids: tuple[str, ...]
    note: str | None = None


class Popularity:
    """The ranking, asked for once and shared by all callers.

    Args:
        fetch: Answers with the decoded JSON of the popularity operation.
        catalogue: Where the substitute comes from.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[object]],
        catalogue: Catalogue,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._catalogue = catalogue
        self._clock = clock
        self._lock = anyio.Lock()
        self._kept: Ranking | None = None
        self._due = 0.0

    async def ranking(self) -> Ranking:
        """The ranking, or its substitute with a note.

        Raises:
            ImageRouterError: Neither the ranking nor the model list can be had.
        """
        async with self._lock:
            if self._kept is None or self._clock() >= self._due:
                self._kept = await self._read()
                self._due = self._clock() + (RETRY_SECONDS if self._kept.note else LIFETIME_SECONDS)
            return self._kept

    async def known_ids(self) -> tuple[str, ...]:
        """Return the most used models or their substitute; none if neither can be read now."""
        try:
            return (await self.ranking()).ids
        except ImageRouterError:
            return ()

    async def _read(self) -> Ranking:
        try:
            popular = parse_popular(await self._fetch())
            if not popular:
                raise UnexpectedResponseError(
                    "ImageRouter's ranking is empty.", "Search the model list instead."
                )
        except ImageRouterError as error:
            listing = await self._catalogue.models()
            substitutes = honest_fallback(listing.models, SUBSTITUTES)
            return Ranking(
                tuple(entry.id for entry in substitutes),
                f"The popularity ranking could not be had ({error.what.rstrip('.')}); these are the best "
                "rated and newest models of the list instead.",
            )
        return Ranking(tuple(model.id for model in popular))
