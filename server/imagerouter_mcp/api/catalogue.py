"""Our searchable view of ImageRouter's model list: kept for ten minutes, shared by all callers."""

import re
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property

import anyio

from imagerouter_mcp.api.model_list import ModelEntry, parse_models
from imagerouter_mcp.errors import ImageRouterError

_LONGEST_ID = 100
"""Characters of a requested id to compare; difflib takes quadratic time."""
_TELLING_LENGTH = 3
"""Fewest characters for which finding a requested text inside an id is more than chance."""

_NICKNAMES = {
    "nano-banana": "google/gemini-2.5-flash",
    "nanobanana": "google/gemini-2.5-flash",
    "nano-banana-pro": "google/gemini-3-pro",
    "dalle-3": "openai/dall-e-3",
    "dalle3": "openai/dall-e-3",
    "sora": "openai/sora-2",
    "flux-schnell": "black-forest-labs/FLUX-1-schnell",
    "stable-diffusion-3.5": "stabilityai/sd3.5",
    "stable-diffusion-xl": "stabilityai/sdxl",
}
"""Nicknames of models whose ids are different."""


@dataclass(frozen=True)
class Listing:
    """The model list as read at one moment.

    Attributes:
        models: In the list's order; the same tuple until the list is read again.
        stale_note: A sentence for the person when the list could not be refreshed, else None.
    """

    models: tuple[ModelEntry, ...]
    stale_note: str | None = None

    def restricted(self, permits: Callable[[str], bool]) -> "Listing":
        """Return the models of the list that may be used.

        Args:
            permits: Returns whether an id may be used.
        """
        return replace(self, models=tuple(entry for entry in self.models if permits(entry.id)))

    @cached_property
    def by_id(self) -> Mapping[str, ModelEntry]:
        """Return the models by their ids; `find` knows the aliases too."""
        return {entry.id: entry for entry in self.models}

    def find(self, model_id: str) -> ModelEntry | None:
        """Return the model with this id or alias, exactly as written."""
        entry = self.by_id.get(model_id)
        return entry or next((entry for entry in self.models if model_id in entry.aliases), None)

    def meant(self, name: str) -> ModelEntry | None:
        """Return the model that a name means: an id in any case, without its vendor, or a public nickname.

        A name that fits several models means none of them.
        """
        plain = _plain(name[:_LONGEST_ID])
        full_name = _plain(_NICKNAMES.get(plain, plain))
        fitting = self._by_plain_name.get(plain) or self._by_plain_name.get(full_name) or set()
        (only,) = fitting if len(fitting) == 1 else (None,)
        return self.find(name) or (self.by_id[only] if only else None)

    @cached_property
    def _by_plain_name(self) -> Mapping[str, set[str]]:
        """Return the ids by the plain names that fit them, with and without the vendor."""
        named = defaultdict[str, set[str]](set)
        for entry in self.models:
            for name in map(_plain, (entry.id, *entry.aliases)):
                named[name].add(entry.id)
                named[_tail(name)].add(entry.id)
        return named


class Catalogue:
    """The model list, fetched when first needed and shared by all callers.

    At most one request is in flight. When the caller that fetches is cancelled, the next one in line
    fetches; a failure is shared by all who waited for it. A list that is older than `lifetime` and cannot be
    refreshed is served with a note, and the service is not asked again for `back_off` seconds.

    Args:
        fetch: Returns the parsed JSON of `GET /v1/models`.
        clock: Monotonic seconds.
        lifetime: Seconds before a list is read again.
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
        """Return the list as it was last read, without asking the service; None before the first time."""
        return self._listing

    async def models(self) -> Listing:
        """Return the list, and read it again when it is too old.

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

    @property
    def unread(self) -> str:
        """Return why the list could not be read, as a sentence; "" if it could."""
        return self._failure.what if self._failure else ""

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


def closest_ids(listing: Listing, model_id: str) -> list[str]:
    """Return up to three ids that a person may have meant by an unknown one, best first.

    Case, a missing or wrong vendor, and `_` or a space for `-` do not matter.
    """
    asked = _plain(model_id[:_LONGEST_ID])
    tail = _tail(asked)
    names = {_plain(name): entry.id for entry in listing.models for name in (entry.id, *entry.aliases)}
    tails = defaultdict[str, list[str]](list)
    for name, model in names.items():
        tails[_tail(name)].append(model)
    found = [names[asked]] if asked in names else []
    found += (model for near in get_close_matches(tail, tails) for model in tails[near])
    if "/" in asked:
        found += (names[near] for near in get_close_matches(asked, names))
    if len(asked) >= _TELLING_LENGTH:
        found += (model for name, model in names.items() if asked in name)
    return list(dict.fromkeys(found))[:3]


def _plain(name: str) -> str:
    return re.sub(r"[\s_]+", "-", name.strip().lower())


def _tail(name: str) -> str:
    """Return the part after the vendor."""
    return name.rpartition("/")[2]
