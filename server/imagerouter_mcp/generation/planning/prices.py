"""Estimate what a call may cost."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from imagerouter_mcp.money import dollars, usd

if TYPE_CHECKING:
    from imagerouter_mcp.api.model_list import ModelEntry


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a result may cost in USD, by the model list: over all providers of its model."""

    low: Decimal
    likely: Decimal
    high: Decimal

    def __str__(self) -> str:
        """Return it for a sentence that says "it costs …"."""
        if self.high == 0:
            return "nothing"
        if self.low == self.high:
            return dollars(self.likely)
        return f"about {dollars(self.likely)} ({dollars(self.low)} to {dollars(self.high)})"


def estimate(entry: "ModelEntry | None") -> Estimate | None:
    """Return what one result of a model may cost; None if the list does not say."""
    if entry is None:
        return None
    if entry.free:
        return Estimate(Decimal(), Decimal(), Decimal())
    price = entry.price
    return Estimate(usd(price.low), usd(price.likely), usd(price.high)) if price else None


def total(estimates: Iterable[Estimate | None]) -> Estimate | None:
    """Add up estimates; None if one of them is unknown."""
    low = likely = high = Decimal()
    for each in estimates:
        if each is None:
            return None
        low, likely, high = low + each.low, likely + each.likely, high + each.high
    return Estimate(low, likely, high)


def price_words(entry: "ModelEntry") -> str:
    """Return a model's price for a sentence: "about $0.04"."""
    if entry.free:
        return "free"
    return f"about {dollars(entry.price.likely)}" if entry.price else "price unknown"
