"""Our searchable view of ImageRouter's model list: read in three shapes, kept for ten minutes."""

import math
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from difflib import SequenceMatcher
from functools import cached_property
from typing import Literal

import anyio

from imagerouter_mcp.api.wire import as_list, as_object
from imagerouter_mcp.errors import ImageRouterError, UnexpectedResponseError

Output = Literal["image", "video"]

_FREE_SUFFIX = ":free"
_FREE_SIDE = 1024
"""Pixels: `:free` models refuse more in either direction (observed on ImageRouter's own backend)."""
_TELLING = frozenset({"output", "providers", "supported_params", "inputs", "architecture"})
"""Fields of which a model has at least one, in every shape of the list."""
_SIZE = re.compile(r"(\d{1,5})\s*[x×*]\s*(\d{1,5})", re.IGNORECASE)
"""`WIDTHxHEIGHT` with every separator that ImageRouter accepts."""
_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)")
_ENOUGH_ALIKE = 0.6
"""The least difflib ratio of an id worth suggesting; difflib's own default for close matches."""
_CONTAINED = 0.8
"""The ratio of an id that contains what was asked: `dall-e` for `dall-e-3`."""
_LONGEST_ID = 100
"""Characters of an asked id that are compared: difflib's time grows with the square of them."""
_TELLING_LENGTH = 3
"""Characters from which that is more than chance."""


@dataclass(frozen=True, slots=True)
class Price:
    """What one result costs over all providers of a model, in USD per picture (per video for videos).

    Attributes:
        low: The lowest minimum.
        likely: The highest average, for ImageRouter chooses the provider; never below `low`, although
            some averages in the list are below their own minimum.
        high: The highest maximum.
    """

    low: float
    likely: float
    high: float

    @property
    def free(self) -> bool:
        """Whether nothing is ever charged."""
        return self.high == 0


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model of the list. None means "not told": the list says neither yes nor no.

    Attributes:
        id: Such as `openai/gpt-image-1.5`.
        output: What it makes.
        takes_image: Whether it works on source images (`edit` in v1).
        takes_mask: Whether an edit can be limited by a mask; v3 does not tell.
        takes_quality: Whether `quality` has an effect; v3 does not tell.
        takes_text: Whether it takes a prompt; v1 and v2 rarely tell.
        sizes: The sizes it accepts beside `auto`, as `WIDTHxHEIGHT`; empty means any.
        seconds: The lengths of a video that it accepts; empty means any, or no video.
        default_seconds: The length of a video when none is asked for.
        price: USD per result.
        release_date: ISO 8601, as in 2025-11-20.
        score: Its arena score (Elo points; higher is better).
        providers: The hosts behind it, in the list's order.
        offers: What each of them charges, where told.
        aliases: Other ids that ImageRouter resolves to this one.
    """

    id: str
    output: Output = "image"
    takes_image: bool | None = None
    takes_mask: bool | None = None
    takes_quality: bool | None = None
    takes_text: bool | None = None
    sizes: tuple[str, ...] = ()
    seconds: tuple[float, ...] = ()
    default_seconds: float | None = None
    price: Price | None = None
    release_date: str | None = None
    score: float | None = None
    providers: tuple[str, ...] = ()
    offers: tuple[tuple[str, Price], ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def vendor(self) -> str:
        """Who made it: the id's part before the slash, empty without one."""
        return self.id.partition("/")[0] if "/" in self.id else ""

    @property
    def free(self) -> bool:
        """Whether it costs nothing, by its name or by its price."""
        return self.id.endswith(_FREE_SUFFIX) or (self.price is not None and self.price.free)

    @property
    def is_dummy(self) -> bool:
        """Whether it only answers with a fixed result, for trying out."""
        return self.id.startswith(("test/", "ir/test-"))

    def accepts_size(self, size: str) -> bool:
        """Whether `size` (`auto` or `WIDTHxHEIGHT`) can be asked of this model."""
        if size.strip().lower() == "auto":
            return True
        found = _SIZE.fullmatch(size.strip())
        if found is None:
            return False
        width, height = int(found[1]), int(found[2])
        if self.id.endswith(_FREE_SUFFIX) and max(width, height) > _FREE_SIDE:
            return False
        return not self.sizes or f"{width}x{height}" in self.sizes


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
    likeness = _Likeness(asked)
    ratios = {
        entry.id: max(likeness.of(_plain(name)) for name in (entry.id, *entry.aliases))
        for entry in listing.models
    }
    likely = [id_ for id_, ratio in ratios.items() if ratio >= _ENOUGH_ALIKE]
    return sorted(likely, key=lambda id_: -ratios[id_])[:count]


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


def parse_models(answer: object) -> tuple[ModelEntry, ...]:
    """The image and video models of a model list: v1 or v2 by id, v2 or v3 as an array.

    Unknown fields are ignored; what is no model, or a model that only writes text, is left out.

    Raises:
        UnexpectedResponseError: The answer as a whole is no model list.
    """
    rows = [(model_id, as_object(row)) for model_id, row in as_object(answer).items()]
    rows += [(str(row.get("id") or ""), row) for row in map(as_object, as_list(answer))]
    known = [(model_id, row) for model_id, row in rows if _is_model(model_id, row)]
    if not isinstance(answer, dict | list) or (rows and not known):
        raise UnexpectedResponseError(
            "ImageRouter's answer is not a list of models.",
            "Try again later, or name a model id that you know.",
        )
    entries = (_entry(model_id, row) for model_id, row in known)
    return tuple({entry.id: entry for entry in entries if entry is not None}.values())


def _is_model(model_id: str, row: Mapping[str, object]) -> bool:
    return bool(model_id and row) and ("/" in model_id or not _TELLING.isdisjoint(row))


def _entry(model_id: str, row: Mapping[str, object]) -> ModelEntry | None:
    params, inputs, architecture = (
        as_object(row.get(key)) for key in ("supported_params", "inputs", "architecture")
    )
    hosts = as_list(row.get("providers"))
    taken = _strings(architecture.get("input_modalities"))
    made = _strings(row.get("output")) or _strings(architecture.get("output_modalities"))
    lengths = as_list(row.get("seconds") or inputs.get("seconds"))
    seconds = tuple(number for length in lengths if (number := _number(length)) is not None)
    output = _output(made, has_seconds=bool(seconds))
    if output is None:
        return None
    return ModelEntry(
        id=model_id,
        output=output,
        takes_image=_told(params.get("edit"), inputs.get("image"), "image" in taken if taken else None),
        takes_mask=_told(params.get("mask"), inputs.get("mask")),
        takes_quality=_told(params.get("quality"), inputs.get("quality")),
        takes_text=_told(params.get("text"), inputs.get("text"), "text" in taken if taken else None),
        sizes=_sizes(_strings(row.get("sizes") or inputs.get("size"))),
        seconds=seconds,
        default_seconds=_number(row.get("default_seconds") or inputs.get("default_seconds")),
        price=_price(row),
        release_date=_date(row.get("release_date")),
        score=_number(row.get("arena_score")),
        providers=tuple(_strings([as_object(host).get("id", host) for host in hosts])),
        offers=tuple(_offers(hosts)),
        aliases=tuple(_strings(row.get("aliases"))),
    )


def _output(made: list[str], *, has_seconds: bool) -> Output | None:
    """What a model makes; where the list does not tell, only a video has a length in seconds."""
    if "image" in made or not (made or has_seconds):
        return "image"
    return "video" if "video" in made or not made else None


def _sizes(told: list[str]) -> tuple[str, ...]:
    if "custom" in told:
        return ()
    matches = (_SIZE.fullmatch(size) for size in told)
    return tuple(f"{found[1]}x{found[2]}" for found in matches if found)


def _price(row: Mapping[str, object]) -> Price | None:
    """The price over v1's providers, else of the model: v2's `price`, v3's `pricing`."""
    offers = [as_object(host).get("pricing") for host in as_list(row.get("providers"))]
    spans = [span for offer in (*offers, row.get("price"), row.get("pricing")) if (span := _span(offer))]
    if not spans:
        return None
    lows, averages, highs = zip(*spans, strict=True)
    low, high = min(lows), max(highs)
    return Price(low, min(max(low, *averages), high), high)


def _offers(hosts: Sequence[object]) -> Iterator[tuple[str, Price]]:
    for host in map(as_object, hosts):
        name, span = host.get("id"), _span(host.get("pricing"))
        if isinstance(name, str) and span:
            low, average, high = span
            yield name, Price(low, min(max(low, average), high), high)


def _span(offer: object) -> tuple[float, float, float] | None:
    """Minimum, average and maximum of a number, `{value}`, `{range: {min, …}}` or `{min, …}`."""
    pricing = as_object(offer)
    inner = as_object(pricing.get("range")) or pricing
    least, average, most = (_number(inner.get(key)) for key in ("min", "average", "max"))
    amounts = (least, average, most, _number(pricing.get("value", offer)))
    told = [amount for amount in amounts if amount is not None]
    if not told or min(told) < 0:
        return None
    low = min(told) if least is None else least
    return low, low if average is None else average, max(told)


def _date(text: object) -> str | None:
    """A date in ISO 8601, also from such as "2022-04-6"."""
    found = _DATE.match(text) if isinstance(text, str) else None
    try:
        return date(*map(int, found.groups())).isoformat() if found else None
    except ValueError:
        return None


def _told(*answers: object) -> bool | None:
    """The first plain yes or no."""
    return next((answer for answer in answers if isinstance(answer, bool)), None)


def _strings(value: object) -> list[str]:
    values = [value] if isinstance(value, str) else as_list(value)
    return [text for text in values if isinstance(text, str) and text]


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
