"""Describe models of the catalogue in results, as structured content and in a line each."""

from decimal import Decimal
from typing import TYPE_CHECKING, NotRequired, TypedDict

from imagerouter_mcp.money import dollars, usd

if TYPE_CHECKING:
    from imagerouter_mcp.api.model_list import ModelEntry, Price
    from imagerouter_mcp.generation.planning.prices import Estimate

_SIZES_SHOWN = 4


class PriceRange(TypedDict):
    """A price or an estimate in USD, over all providers."""

    low: Decimal
    likely: Decimal
    high: Decimal


class ListedModel(TypedDict):
    """A model; prices are per picture or video."""

    id: str
    rank: NotRequired[int]
    output: NotRequired[str]
    free: NotRequired[bool | None]
    price_usd: NotRequired[PriceRange | None]
    does: NotRequired[str | None]
    takes: NotRequired[list[str] | None]
    sizes: NotRequired[list[str] | None]
    largest_size: NotRequired[str | None]
    seconds: NotRequired[list[float] | None]
    released: NotRequired[str | None]
    score: NotRequired[float | None]


class ModelsContent(TypedDict):
    """Some models; `total` counts all that were found, also those beyond the limit."""

    models: list[ListedModel]
    total: int
    notes: list[str]


def listed_model(entry: "ModelEntry") -> ListedModel:
    """Return a model as structured content; what is unknown or does not apply is None."""
    return {
        "id": entry.id,
        "output": entry.output,
        "free": entry.free or None,
        "price_usd": price_range(entry.price),
        "does": entry.facts.does or None,
        "takes": _takes(entry) or None,
        "sizes": list(entry.sizes) or None,
        "largest_size": _largest(entry) or None,
        "seconds": list(entry.seconds) or None,
        "released": entry.release_date,
        "score": entry.score,
    }


def model_line(entry: "ModelEntry") -> str:
    """Return a model in one line: its id, price, what it does, abilities, sizes, lengths, date."""
    makes = {"image": "picture", "video": "video"}[entry.output]
    parts = [
        _price(entry, makes),
        entry.facts.does,
        f"takes {', '.join(_takes(entry))}" if _takes(entry) else "text only",
        _sizes(entry),
        f"{', '.join(f'{length:g}' for length in entry.seconds)} s" if entry.seconds else "",
        entry.release_date or "",
    ]
    return f"{entry.id}: {'; '.join(part for part in parts if part)}"


def price_range(price: "Price | Estimate | None") -> PriceRange | None:
    """Return a price or an estimate as structured content."""
    if price is None:
        return None
    return {"low": usd(price.low), "likely": usd(price.likely), "high": usd(price.high)}


def price_span(price: "Price") -> str:
    """Return a price in words: "$0.04", or "$0.13 ($0.01 to $0.20)"."""
    if price.low == price.high:
        return dollars(price.likely)
    return f"{dollars(price.likely)} ({dollars(price.low)} to {dollars(price.high)})"


def _price(entry: "ModelEntry", makes: str) -> str:
    if entry.free:
        return f"free {makes}"
    if entry.price is None:
        return f"price unknown, {makes}"
    return f"{price_span(entry.price)} a {makes}"


def _takes(entry: "ModelEntry") -> list[str]:
    abilities = {"images": entry.takes_image, "mask": entry.takes_mask, "quality": entry.takes_quality}
    return [name for name, able in abilities.items() if able]


def _largest(entry: "ModelEntry") -> str:
    return "x".join(map(str, entry.largest_size or ()))


def _sizes(entry: "ModelEntry") -> str:
    """Return the first sizes of a model and the largest one."""
    more = len(entry.sizes) - _SIZES_SHOWN
    up_to = f"up to {_largest(entry)}" if _largest(entry) and not 0 < len(entry.sizes) <= _SIZES_SHOWN else ""
    if not entry.sizes:
        return up_to
    listed = ", ".join(entry.sizes[:_SIZES_SHOWN])
    return f"{listed} and {more} more size{'s' if more > 1 else ''}, {up_to}" if more > 0 else listed
