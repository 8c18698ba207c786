"""Amounts in USD, as people read them."""

from decimal import Decimal

_LEAST = Decimal("0.000001")


def dollars(amount: float | Decimal) -> str:
    """Write an amount with as many digits as matter, at least two: $0.04, $0.0006, $1.75."""
    digits = f"{amount:.6f}".rstrip("0")
    whole, _, fraction = digits.partition(".")
    return f"${whole}.{fraction:0<2}"


def usd(amount: float | Decimal) -> Decimal:
    """Return an amount of money as a decimal, to the micro-dollar, so that sums and limits are exact.

    What is more than nothing stays so: many small prices must reach a budget.
    """
    rounded = Decimal(f"{amount:.6f}")
    return max(rounded, _LEAST) if amount > 0 else rounded
