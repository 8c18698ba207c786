"""Prices: what a call may cost, and how an amount is written."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imagerouter_mcp.money import dollars

if TYPE_CHECKING:
    from imagerouter_mcp.api.model_list import ModelEntry


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a call may cost in USD, by the catalogue: over all providers of its model, for all pictures."""

    low: float
    likely: float
    high: float

    def __str__(self) -> str:
        """As in "it costs …"."""
        if self.high == 0:
            return "nothing"
        if self.low == self.high:
            return dollars(self.likely)
        return f"about {dollars(self.likely)} ({dollars(self.low)} to {dollars(self.high)})"


def estimate(entry: "ModelEntry | None", count: int = 1) -> Estimate | None:
    """What `count` pictures of a model may cost; None when the list does not tell."""
    if entry is None:
        return None
    if entry.free:
        return Estimate(0, 0, 0)
    price = entry.price
    return Estimate(price.low * count, price.likely * count, price.high * count) if price else None


def price_words(entry: "ModelEntry") -> str:
    """A model's price for a sentence: "about $0.04"."""
    if entry.free:
        return "free"
    return f"about {dollars(entry.price.likely)}" if entry.price else "price unknown"
