"""Describe models of the catalogue in results, as structured content and in a line each."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from imagerouter_mcp.money import dollars
from imagerouter_mcp.tools.structured import Content, Usd

if TYPE_CHECKING:
    from imagerouter_mcp.api.model_list import ModelEntry, Price
    from imagerouter_mcp.generation.planning.prices import Estimate

_SIZES_SHOWN = 4


class PriceRange(Content):
    """A price or an estimate in USD, over all providers."""

    low: Usd
    likely: Usd
    high: Usd


class ListedModel(Content):
    """A model; prices are per picture or video."""

    id: str
    rank: int | None = None
    output: str | None = None
    free: bool | None = None
    price_usd: PriceRange | None = None
    takes: list[str] | None = None
    sizes: list[str] | None = None
    seconds: list[float] | None = None
    released: str | None = None
    score: float | None = None


class ModelsContent(Content):
    """Some models; `total` counts all that were found, also those beyond the limit."""

    models: list[ListedModel]
    total: int
    notes: list[str]


def model_fields(entry: "ModelEntry") -> dict[str, Any]:
    """Return the fields of a `ListedModel`; what is unknown or does not apply is None."""
    return {
        "id": entry.id,
        "output": entry.output,
        "free": entry.free or None,
        "price_usd": price_range(entry.price),
        "takes": _takes(entry) or None,
        "sizes": list(entry.sizes) or None,
        "seconds": list(entry.seconds) or None,
        "released": entry.release_date,
        "score": entry.score,
    }


def listed_model(entry: "ModelEntry") -> ListedModel:
    """Return a model as structured content."""
    return ListedModel(**model_fields(entry))


def model_line(entry: "ModelEntry") -> str:
    """Return a model in one line: its id, price, abilities, sizes, date."""
    makes = {"image": "picture", "video": "video"}[entry.output]
    parts = [
        _price(entry, makes),
        f"takes {', '.join(_takes(entry))}" if _takes(entry) else "text only",
        _sizes(entry.sizes),
        entry.release_date or "",
    ]
    return f"{entry.id}: {'; '.join(part for part in parts if part)}"


def price_range(price: "Price | Estimate | None") -> PriceRange | None:
    """Return a price or an estimate as structured content."""
    if price is None:
        return None
    return PriceRange.model_validate({"low": price.low, "likely": price.likely, "high": price.high})


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


def _sizes(sizes: Sequence[str]) -> str:
    if not sizes:
        return ""
    more = len(sizes) - _SIZES_SHOWN
    if more <= 0:
        return ", ".join(sizes)
    return f"{', '.join(sizes[:_SIZES_SHOWN])} and {more} more size{'s' if more > 1 else ''}"
