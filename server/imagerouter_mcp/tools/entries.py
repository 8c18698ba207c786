"""Models as a tool tells them: a compact object and a line each."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from imagerouter_mcp.generation.planning.prices import dollars

if TYPE_CHECKING:
    from imagerouter_mcp.api.model_list import ModelEntry, Price

MODELS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "models": {"type": "array", "items": {"type": "object"}},
        "total": {"type": "integer"},
        "notes": {"type": "array", "items": {"type": "string"}},
    },
}
"""Of the structured content: each model is {id, output, price_usd, free, takes, sizes, seconds, …}; `total`
counts all that were found, also those past the limit."""

_SIZES_SHOWN = 4


def entry_fields(entry: "ModelEntry") -> dict[str, Any]:
    """A model as JSON: what is unknown or empty is left out; prices in USD per picture or video."""
    price = entry.price
    fields: dict[str, Any] = {
        "id": entry.id,
        "output": entry.output,
        "free": entry.free or None,
        "price_usd": price and price_fields(price),
        "takes": _takes(entry),
        "sizes": list(entry.sizes),
        "seconds": list(entry.seconds),
        "released": entry.release_date,
        "score": entry.score,
    }
    return {name: value for name, value in fields.items() if value not in (None, [])}


def entry_line(entry: "ModelEntry") -> str:
    """A model in one line: its id, price, abilities, sizes, date."""
    makes = {"image": "picture", "video": "video"}[entry.output]
    parts = [
        _price(entry, makes),
        f"takes {', '.join(_takes(entry))}" if _takes(entry) else "text only",
        _sizes(entry.sizes),
        entry.release_date or "",
    ]
    return f"{entry.id}: {'; '.join(part for part in parts if part)}"


def _price(entry: "ModelEntry", makes: str) -> str:
    if entry.free:
        return f"free {makes}"
    price = entry.price
    if price is None:
        return f"price unknown, {makes}"
    return f"{price_span(price)} a {makes}"


def price_fields(price: "Price") -> dict[str, float]:
    """A price as JSON, in USD."""
    return {"low": price.low, "likely": price.likely, "high": price.high}


def price_span(price: "Price") -> str:
    """A price in words: "$0.04", or "$0.13 ($0.01 to $0.20)"."""
    if price.low == price.high:
        return dollars(price.likely)
    return f"{dollars(price.likely)} ({dollars(price.low)} to {dollars(price.high)})"


def _takes(entry: "ModelEntry") -> list[str]:
    abilities = {"images": entry.takes_image, "mask": entry.takes_mask, "quality": entry.takes_quality}
    return [name for name, able in abilities.items() if able]


def _sizes(sizes: Sequence[str]) -> str:
    if not sizes:
        return ""
    more = len(sizes) - _SIZES_SHOWN
    return ", ".join(sizes[:_SIZES_SHOWN]) + (f" and {more} more sizes" if more > 0 else "")
