"""Amounts in USD, as people read them."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

MOST_USD = Decimal(10**6)
"""No amount of one generation reaches it; see `api/wire.py`."""
MOST_BUDGET_USD = 10**9
"""The highest budget or limit that can be set."""
_LEAST = Decimal("0.000001")


def dollars(amount: float | Decimal) -> str:
    """Write an amount with as many digits as matter, at least two: $0.04, $0.0006, $1.75."""
    digits = f"{amount:.6f}".rstrip("0")
    whole, _, fraction = digits.partition(".")
    return f"${whole}.{fraction:0<2}"


def usd(amount: float | Decimal) -> Decimal:
    """Return an amount of money as a decimal, to the micro-dollar, so that sums and limits are exact.

    A positive amount never becomes zero: many small prices must add up to a budget.
    """
    rounded = Decimal(f"{amount:.6f}")
    return max(rounded, _LEAST) if amount > 0 else rounded


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent on one day, or in a month up to that day, in the person's time zone.

    Attributes:
        usd: The most that may be spent.
        last: The last day.
        period: Whether it is a budget of this day or of its month.
        own: Whether it is one person's own, beside the budget of all people, which only counts what the
            operator's API key pays.
        others_usd: What other people have committed of it; None if there are none.
    """

    usd: Decimal
    last: date
    period: Literal["day", "month"] = "day"
    own: bool = False
    others_usd: Decimal | None = None

    @property
    def first(self) -> date:
        """Return the first day."""
        return self.last if self.period == "day" else self.last.replace(day=1)


@dataclass(frozen=True, slots=True)
class Exceeded:
    """What a call does not fit into.

    Attributes:
        budget: The budget; None if too many calls are under way.
        committed: What the person has spent or reserved of it, or may have spent, in USD.
    """

    budget: Budget | None
    committed: Decimal = Decimal()
