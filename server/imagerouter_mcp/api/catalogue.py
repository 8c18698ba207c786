"""Our searchable view of ImageRouter's model list: kept for ten minutes, shared by all callers."""

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import cached_property, lru_cache
from heapq import nlargest
from itertools import pairwise

import anyio

from imagerouter_mcp.api.model_list import ModelEntry, parse_models
from imagerouter_mcp.errors import ImageRouterError

_ENOUGH_ALIKE = 0.6
"""The least difflib ratio of an id worth suggesting; difflib's own default for close matches."""
_COMPARED = 16
"""Names that difflib compares, chosen by the pairs of letters that they share with the one asked for."""
_CONTAINED = 0.8
"""The ratio of an id that contains what was asked: `dall-e` for `dall-e-3`."""
_LONGEST_ID = 100
"""Characters of an asked id that are compared: difflib's time grows with the square of them."""
_TELLING_LENGTH = 3
"""Characters from which that is more than chance."""


@dataclass(frozen=True)
class Listing:
    """The model list as it was read once.

    Attributes:
        models: In the list's order; the same tuple until the list is read again.
        stale_note: A sentence for the person when the list could not be refreshed, else None.
    """

    models: tuple[ModelEntry, ...]
    stale_note: str | None = None

    @cached_property
    def by_id(self) -> Mapping[str, ModelEntry]:
        """The models by their ids; `find` knows the aliases too."""
        return {entry.id: entry for entry in self.models}

    def find(self, model_id: str) -> ModelEntry | None:
        """The model of this id or alias, exactly as written."""
        entry = self.by_id.get(model_id)
        return entry or next((entry for entry in self.models if model_id in entry.aliases), None)


class Catalogue:
    """The model list, fetched when first needed and shared by all callers.

    One request is in flight at most. A caller that is cancelled while it fetches leaves the fetching to
    the next one in line; a failure is shared by those who waited for it. A list that has outlived
    `lifetime` and cannot be refreshed is served with a note, and the service is left alone for
    `back_off`.

    Args:
        fetch: Answers with the parsed JSON of `GET /v1/models`.
        clock: Seconds that never go back.
        lifetime: Seconds that a list is good for.
        back_off: Seconds after a failed refresh before the next one.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[object]],
        *,
        clock: Callable[[], float] = time.monotonic,
        lifetime: float = 600.0,
        back_off: float = 30.0,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lifetime = lifetime
        self._back_off = back_off
        self._lock = anyio.Lock()
        self._listing: Listing | None = None
        self._read_at = 0.0
        self._due_at = 0.0
        self._failures = 0
        self._failure: ImageRouterError | None = None

    def peek(self) -> Listing | None:
        """The list as last read, however old, without asking anyone; None before the first reading."""
        return self._listing

    async def models(self) -> Listing:
        """The list, read again when it is too old.

        Raises:
            ImageRouterError: It cannot be read, and there is no older one.
        """
        failures = self._failures
        if (kept := self._kept()) is not None:
            return kept
        async with self._lock:
            if (kept := self._kept()) is not None:
                return kept
            if self._failure is not None and self._failures != failures:
                raise self._failure
            return await self._refresh()

    async def known(self) -> Listing | None:
        """Return the list, or None if it cannot be read now."""
        try:
            return await self.models()
        except ImageRouterError:
            return None

    def _kept(self) -> Listing | None:
        return self._listing if self._clock() < self._due_at else None

    async def _refresh(self) -> Listing:
        try:
            listing = Listing(parse_models(await self._fetch()))
        except ImageRouterError as error:
            self._failures += 1
            if self._listing is None:
                self._failure = error
                raise
            now = self._clock()
            self._due_at = now + self._back_off
            age = f"{(now - self._read_at) / 60:.0f} min"
            note = f"The model list was read {age} ago and could not be refreshed: {error.what}"
            listing = replace(self._listing, stale_note=note)
        else:
            self._failure = None
            self._read_at = self._clock()
            self._due_at = self._read_at + self._lifetime
        self._listing = listing
        return listing


def closest_ids(listing: Listing, model_id: str, count: int = 3) -> list[str]:
    """The ids that a person may have meant by an unknown one, best first.

    Case, a missing or wrong vendor, and `_` or a space for `-` do not matter.
    """
    asked = _plain(model_id[:_LONGEST_ID])
    pairs = _pairs(asked)
    names = [(name, entry.id) for entry in listing.models for name in (entry.id, *entry.aliases)]
    promising = nlargest(_COMPARED, names, lambda named: len(pairs & _pairs(_plain(named[0]))))
    likeness = _Likeness(asked)
    ratios: dict[str, float] = {}
    for name, model in promising:
        ratios[model] = max(likeness.of(_plain(name)), ratios.get(model, 0.0))
    likely = [model for model, ratio in ratios.items() if ratio >= _ENOUGH_ALIKE]
    return sorted(likely, key=lambda model: -ratios[model])[:count]


@lru_cache(maxsize=2048)  # a few times the number of models; the letters of an id never change
def _pairs(name: str) -> frozenset[str]:
    """The pairs of neighbouring letters in a name's part after the vendor: what alike names share."""
    tail = name.rpartition("/")[2]
    return frozenset(first + second for first, second in pairwise(tail))


class _Likeness:
    """How much names are like the one asked for: difflib keeps its analysis of that one."""

    def __init__(self, asked: str) -> None:
        self._asked = asked
        self._whole = SequenceMatcher(None, "", asked, autojunk=False)
        self._tail = SequenceMatcher(None, "", asked.rpartition("/")[2], autojunk=False)

    def of(self, name: str) -> float:
        """From 0 to 1, with or without the vendors; 2 for the very name."""
        if name == self._asked:
            return 2.0
        ratio = _ratio(self._tail, name.rpartition("/")[2])
        if "/" in self._asked:
            ratio = max(ratio, _ratio(self._whole, name))
        return (
            max(ratio, _CONTAINED) if len(self._asked) >= _TELLING_LENGTH and self._asked in name else ratio
        )


def _ratio(matcher: SequenceMatcher[str], name: str) -> float:
    """The ratio where it is enough; difflib's two upper bounds are cheap."""
    matcher.set_seq1(name)
    if matcher.real_quick_ratio() < _ENOUGH_ALIKE or matcher.quick_ratio() < _ENOUGH_ALIKE:
        return 0.0
    return matcher.ratio()


def _plain(name: str) -> str:
    return re.sub(r"[\s_]+", "-", name.strip().lower())
