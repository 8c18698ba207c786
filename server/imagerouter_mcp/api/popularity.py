"""The models that most people use, as ImageRouter ranks them, and what to show without that ranking."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import anyio

from imagerouter_mcp.api.catalogue import Catalogue
from imagerouter_mcp.api.decoded import as_list, as_object
from imagerouter_mcp.api.model_list import ModelEntry, is_name
from imagerouter_mcp.api.model_search import search
from imagerouter_mcp.errors import ImageRouterError, UnexpectedResponseError

LIFETIME_SECONDS = 600.0
RETRY_SECONDS = 60.0
"""How long the substitute is used before the service is asked again."""
SUBSTITUTES = 20
_ID_FIELDS = ("model", "modelId", "model_id", "id", "name")
"""Where an item may carry the model's id; the answer's shape is not documented."""


def parse_popular(answer: object) -> list[str]:
    """Return the ids of a ranking, most popular first: an array, bare or under `json`, of ids or objects.

    Raises:
        UnexpectedResponseError: It has another shape.
    """
    ranking = as_object(answer).get("json", answer)
    read = [_item(item) for item in as_list(ranking)]
    models = [model for model in read if model is not None]
    if not isinstance(ranking, list) or (read and not models):
        raise UnexpectedResponseError(
            "ImageRouter's answer is not a ranking of models.",
            "Search the model list instead.",
        )
    return list(dict.fromkeys(models))


def honest_fallback(models: Sequence[ModelEntry], limit: int) -> list[ModelEntry]:
    """Return what to show without a ranking, which must be labelled: it is not popularity.

    These are the image models by arena score (people's blind votes between pictures), then those without a
    score; ties go to the newer, then the cheaper. Dummies are left out.
    """
    ranked = search(models, kind="image", sort="score")
    return [entry for entry in ranked if not entry.is_dummy][:limit]


def _item(item: object) -> str | None:
    if isinstance(item, str):
        return item if is_name(item) else None
    fields = as_object(item)
    names = [name for key in _ID_FIELDS if isinstance(name := fields.get(key), str) and is_name(name)]
    # A row may have a database key or a title beside the id; only the id names a vendor.
    return next((name for name in names if "/" in name), next(iter(names), None))


@dataclass(frozen=True, slots=True)
class Ranking:
    """Model ids, the most used first; where they are something else, `note` says so."""

    ids: tuple[str, ...]
    note: str | None = None


class Popularity:
    """The ranking, fetched when first needed and shared by all callers.

    Args:
        fetch: Returns the decoded JSON of the popularity operation.
        catalogue: Where the substitute comes from.
        clock: Monotonic seconds.
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
        """Return the ranking, or its substitute with a note.

        Raises:
            ImageRouterError: Neither the ranking nor the model list can be read.
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
                f"The popularity ranking could not be read ({error.what.rstrip('.')}); these are the best "
                "rated and newest models of the list instead.",
            )
        return Ranking(tuple(popular))
