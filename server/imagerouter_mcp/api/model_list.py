"""ImageRouter's model list, as it arrives: read in three shapes, entry by entry, whatever is missing."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from imagerouter_mcp.api.decoded import as_list, as_object
from imagerouter_mcp.errors import UnexpectedResponseError

Output = Literal["image", "video"]

_FREE_SUFFIX = ":free"
FREE_MAX_SIDE = 1024
"""Pixels: `:free` models refuse more in either direction (observed on ImageRouter's own backend)."""
_TELLING = frozenset({"output", "providers", "supported_params", "inputs", "architecture"})
"""Fields of which a model has at least one, in every shape of the list."""
_SIZE = re.compile(r"(\d{1,5})\s*[x×*]\s*(\d{1,5})", re.IGNORECASE)
"""`WIDTHxHEIGHT` with every separator that ImageRouter accepts."""
_LONGEST_NAME = 200
"""Characters of an id, an alias or a provider; the longest real one has some 50."""
_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)")


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
        if self.id.endswith(_FREE_SUFFIX) and max(width, height) > FREE_MAX_SIDE:
            return False
        return not self.sizes or f"{width}x{height}" in self.sizes

    def accepts_seconds(self, seconds: float) -> bool:
        """Whether a video of that length can be asked of this model; 0 leaves the length to it."""
        return not seconds or not self.seconds or seconds in self.seconds


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
    return is_name(model_id) and bool(row) and ("/" in model_id or not _TELLING.isdisjoint(row))


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
    return [text for text in values if isinstance(text, str) and is_name(text)]


def is_name(text: str) -> bool:
    """Whether a text of the service may stand in a line as a name: short, and without breaks."""
    return 0 < len(text) <= _LONGEST_NAME and text.isprintable() and not re.search(r"\s", text)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
