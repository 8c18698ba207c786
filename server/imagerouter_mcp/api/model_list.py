"""Read ImageRouter's model list in its three shapes, entry by entry, whatever is missing."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from imagerouter_mcp.api.decoded import as_list, as_object, as_usd
from imagerouter_mcp.api.facts import Facts, Output, facts_of
from imagerouter_mcp.errors import UnexpectedResponseError
from imagerouter_mcp.lines import one_line

_FREE_SUFFIX = ":free"
FREE_MAX_SIDE = 1024
"""Pixels. `:free` models refuse more in either direction, as ImageRouter's own backend showed."""
_TELLING = frozenset({"output", "providers", "supported_params", "inputs", "architecture"})
"""Every model has at least one of these fields, in each shape of the list."""
_SIZE = re.compile(r"(\d{1,5})\s*[x×*]\s*(\d{1,5})", re.IGNORECASE)
"""`WIDTHxHEIGHT` with every separator that ImageRouter accepts."""
_LONGEST_NAME = 200
"""Characters of an id, an alias or a provider; the longest real one has some 50."""
_MOST_MODELS, _MOST_NAMES = 5000, 100
"""Upper bounds on the models that are read, and on the aliases, sizes, lengths and providers of each."""
_LONGEST_VIDEO = 3600
"""Seconds; the longest real one has 20."""
_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)")


@dataclass(frozen=True, slots=True)
class Price:
    """What one picture or video costs in USD, over all providers of a model.

    Attributes:
        low: The lowest minimum.
        likely: The highest average, because ImageRouter chooses the provider. Never below `low`, although
            some averages in the list are below their own minimum.
        high: The highest maximum.
    """

    low: float
    likely: float
    high: float

    @property
    def free(self) -> bool:
        """Tell whether nothing is ever charged."""
        return self.high == 0


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model of the list. None means that the list does not tell.

    Attributes:
        id: Such as `openai/gpt-image-1.5`.
        output: What it makes.
        takes_image: Whether it takes source images (`edit` in v1).
        takes_mask: Whether a mask can limit an edit.
        takes_quality: Whether `quality` has an effect.
        takes_text: Whether it takes a prompt, as the list says; see `takes_prompt`.
        sizes: The sizes that the list names beside `auto`, as `WIDTHxHEIGHT`; empty where it names none.
        any_size: Whether the list says that it takes any size.
        seconds: The lengths of a video that the list names; empty where it names none.
        default_seconds: The length of a video when none is asked for.
        price: In USD per result.
        release_date: ISO 8601, as in 2025-11-20.
        score: Its arena score (Elo points; higher is better).
        providers: The hosts behind it, in the list's order.
        offers: What each of them charges, where the list says so.
        aliases: Other ids that ImageRouter accepts for it.
    """

    id: str
    output: Output = "image"
    takes_image: bool | None = None
    takes_mask: bool | None = None
    takes_quality: bool | None = None
    takes_text: bool | None = None
    sizes: tuple[str, ...] = ()
    any_size: bool = False
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
        """Return who made it: the part of the id before the slash, or "" without one."""
        return self.id.partition("/")[0] if "/" in self.id else ""

    @property
    def free(self) -> bool:
        """Tell whether it costs nothing, by its name or by its price."""
        return self.id.endswith(_FREE_SUFFIX) or (self.price is not None and self.price.free)

    @property
    def is_dummy(self) -> bool:
        """Tell whether it is only for trying out, such as a dummy of ImageRouter or of the sandbox."""
        return self.id.startswith(("test/", "ir/test-", "sandbox/"))

    @property
    def facts(self) -> Facts:
        """Return what is known of it beside the list."""
        return facts_of(self.id, self.providers[0] if self.providers else None, self.output)

    @property
    def takes_prompt(self) -> bool:
        """Tell whether a prompt has an effect."""
        return self.takes_text is not False and self.facts.takes_prompt

    def accepts_size(self, size: str) -> bool:
        """Tell whether `size` (`auto` or `WIDTHxHEIGHT`) may be asked for, as far as anything is known."""
        if size.strip().lower() == "auto":
            return True
        found = _SIZE.fullmatch(size.strip())
        if found is None:
            return False
        width, height = int(found[1]), int(found[2])
        if self.id.endswith(_FREE_SUFFIX) and max(width, height) > FREE_MAX_SIDE:
            return False
        if self.sizes:
            return f"{width}x{height}" in self.sizes
        return self.facts.accepts_sides(width, height)

    def lists_size(self, size: str) -> bool:
        """Tell whether the list or the data file says that the model takes this size."""
        names_sizes = self.any_size or bool(self.sizes) or self.facts.max_side is not None
        return names_sizes and self.accepts_size(size)

    @property
    def largest_size(self) -> tuple[int, int] | None:
        """Return width and height of the largest size that is known to be accepted, in pixels."""
        is_limited = self.id.endswith(_FREE_SUFFIX)
        side = FREE_MAX_SIDE if is_limited else self.facts.max_side
        return _largest(self.sizes, FREE_MAX_SIDE if is_limited else None) or ((side, side) if side else None)

    def makes_format(self, output_format: str) -> bool:
        """Tell whether the model answers this format when asked, as far as is known."""
        return self.facts.takes_output_format and self.facts.output_format in (None, output_format)

    def accepts_seconds(self, seconds: float) -> bool:
        """Tell whether a video of this length may be asked for; 0 leaves the length to the model."""
        return not seconds or not self.seconds or seconds in self.seconds


@lru_cache(maxsize=1024)  # a search asks it of every model, several times
def _largest(sizes: tuple[str, ...], longest_side: int | None) -> tuple[int, int] | None:
    """Return the largest of some sizes whose sides are not longer than a limit."""
    every = [_sides(size) for size in sizes if _SIZE.fullmatch(size)]
    accepted = [sides for sides in every if longest_side is None or max(sides) <= longest_side]
    return max(accepted, key=lambda sides: (math.prod(sides), sides), default=None)


def _sides(size: str) -> tuple[int, int]:
    width, _, height = size.partition("x")
    return int(width), int(height)


def parse_models(answer: object) -> tuple[ModelEntry, ...]:
    """Return the image and video models of a list: v1 or v2 by id, v2 or v3 as an array.

    Unknown fields are ignored. Rows that are no model, and models that only write text, are left out.

    Raises:
        UnexpectedResponseError: The answer is not a model list.
    """
    rows = [(model_id, as_object(row)) for model_id, row in as_object(answer).items()]
    listed = map(as_object, as_list(answer))
    rows += [(model_id if isinstance(model_id := row.get("id"), str) else "", row) for row in listed]
    known = [(model_id, row) for model_id, row in rows if _is_model(model_id, row)]
    if not isinstance(answer, dict | list) or (rows and not known):
        raise UnexpectedResponseError(
            "ImageRouter's answer is not a list of models.",
            "Try again later, or name a model id that you know.",
        )
    entries = (_entry(model_id, row) for model_id, row in known[:_MOST_MODELS])
    return tuple({entry.id: entry for entry in entries if entry is not None}.values())


def _is_model(model_id: str, row: Mapping[str, object]) -> bool:
    vendor, slash, name = model_id.rpartition("/")
    telling = bool(row) and (bool(slash) or not _TELLING.isdisjoint(row))
    return telling and is_name(model_id) and bool(name) and bool(vendor or not slash)


def _entry(model_id: str, row: Mapping[str, object]) -> ModelEntry | None:
    params, inputs, architecture, parameters = (
        as_object(row.get(key)) for key in ("supported_params", "inputs", "architecture", "parameters")
    )
    hosts = as_list(row.get("providers"))[:_MOST_NAMES]
    modalities = _strings(architecture.get("input_modalities"))

    def takes(modality: str) -> bool | None:
        return modality in modalities if modalities else None

    made = _strings(row.get("output")) or _strings(architecture.get("output_modalities"))
    lengths = as_list(row.get("seconds") or inputs.get("seconds") or parameters.get("seconds"))
    seconds = tuple(number for length in lengths[:_MOST_NAMES] if (number := _seconds(length)))
    default = row.get("default_seconds") or inputs.get("default_seconds") or parameters.get("default_seconds")
    sizes = _strings(row.get("sizes") or inputs.get("size") or parameters.get("size"))
    output = _output(made, has_seconds=bool(seconds))
    if output is None:
        return None
    return ModelEntry(
        id=model_id,
        output=output,
        takes_image=_yes_or_no(params.get("edit"), inputs.get("image"), takes("image")),
        takes_mask=_yes_or_no(params.get("mask"), inputs.get("mask"), takes("mask")),
        takes_quality=_yes_or_no(
            params.get("quality"), inputs.get("quality"), _choice(parameters.get("quality"))
        ),
        takes_text=_yes_or_no(params.get("text"), inputs.get("text"), takes("text")),
        sizes=() if "custom" in sizes else _sizes(sizes),
        any_size="custom" in sizes,
        seconds=seconds,
        default_seconds=_seconds(default),
        price=_price(row),
        release_date=_date(row.get("release_date")),
        score=_number(row.get("arena_score")),
        providers=tuple(_strings([as_object(host).get("id", host) for host in hosts])),
        offers=tuple(_offers(hosts)),
        aliases=tuple(dict.fromkeys((*_strings(row.get("aliases")), *facts_of(model_id).aliases))),
    )


def _output(made: list[str], *, has_seconds: bool) -> Output | None:
    """Return what a model makes; where the list does not tell, only videos have a length in seconds."""
    if "image" in made or not (made or has_seconds):
        return "image"
    return "video" if "video" in made or not made else None


def _choice(value: object) -> object:
    """Return whether a parameter can be chosen: v3 names its values, or says yes or no."""
    return True if as_list(value) else value


def _sizes(names: list[str]) -> tuple[str, ...]:
    matches = (_SIZE.fullmatch(size) for size in names)
    return tuple(f"{found[1]}x{found[2]}" for found in matches if found and int(found[1]) and int(found[2]))


def _price(row: Mapping[str, object]) -> Price | None:
    """Return the price over v1's providers, or the model's own: v2's `price`, v3's `pricing`."""
    offers = [as_object(host).get("pricing") for host in as_list(row.get("providers"))]
    spans = [span for offer in (*offers, row.get("price"), row.get("pricing")) if (span := _span(offer))]
    if not spans:
        return None
    lows, averages, highs = zip(*spans, strict=True)
    low, high = min(lows), max(highs)
    if math.isinf(high):
        return None
    return Price(low, min(max(low, *averages), high), high)


def _offers(hosts: Sequence[object]) -> Iterator[tuple[str, Price]]:
    for host in map(as_object, hosts):
        name, span = host.get("id"), _span(host.get("pricing"))
        if isinstance(name, str) and is_name(name) and span and math.isfinite(span[-1]):
            low, average, high = span
            yield name, Price(low, min(max(low, average), high), high)


def _span(offer: object) -> tuple[float, float, float] | None:
    """Read minimum, average and maximum of a number, `{value}`, `{range: {min, …}}` or `{min, …}`.

    Returns:
        Infinite ones if a given amount is impossible; None if none is given.
    """
    pricing = as_object(offer)
    inner = as_object(pricing.get("range")) or pricing
    least, average, most = (_usd(inner.get(key)) for key in ("min", "average", "max"))
    amounts = (least, average, most, _usd(pricing.get("value") if pricing else offer))
    given = [amount for amount in amounts if amount is not None]
    if not given or math.isinf(max(given)):
        return (math.inf, math.inf, math.inf) if given else None
    low = min(given) if least is None else least
    return low, low if average is None else average, max(given)


def _usd(value: object) -> float | None:
    """Return an amount; infinity for a value that is none."""
    if value is None:
        return None
    amount = as_usd(value, written=True)
    return math.inf if amount is None else float(amount)


def _date(text: object) -> str | None:
    """Return a date in ISO 8601, also for one such as "2022-04-6"."""
    found = _DATE.match(text) if isinstance(text, str) else None
    try:
        return date(*map(int, found.groups())).isoformat() if found else None
    except ValueError:
        return None


def _yes_or_no(*answers: object) -> bool | None:
    """Return the first that is true or false; None if none is."""
    return next((answer for answer in answers if isinstance(answer, bool)), None)


def _strings(value: object) -> list[str]:
    values = [value] if isinstance(value, str) else as_list(value)
    return [text for text in values[:_MOST_NAMES] if isinstance(text, str) and is_name(text)]


def is_name(text: str) -> bool:
    """Tell whether a text of the service can stand in a line as a name: short, visible, without spaces."""
    return 0 < len(text) <= _LONGEST_NAME and not re.search(r"\s", one_line(text))


def _seconds(value: object) -> float | None:
    """Return a length that a video can have."""
    number = _number(value)
    return number if number is not None and 0 < number <= _LONGEST_VIDEO else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
