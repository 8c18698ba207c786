"""Remember the prices that callers were told, so that agreeing to one is not agreeing to a higher one."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from imagerouter_mcp.generation.planning.limits import highest_price
from imagerouter_mcp.generation.planning.plan import Plan
from imagerouter_mcp.generation.planning.request import ANY_PRICE, Order

_REMEMBERED = 1000


class NamedPrices:
    """The last price that this process named for each order."""

    def __init__(self) -> None:
        self._prices = OrderedDict[int, Decimal]()

    def note(self, order: Order, plans: Sequence[Plan]) -> None:
        """Note that a caller is told the highest price of an order's plans."""
        price = highest_price(plans)
        self._prices[_key(order)] = ANY_PRICE if price is None else price
        if len(self._prices) > _REMEMBERED:
            self._prices.popitem(last=False)

    def last(self, order: Order) -> Decimal:
        """Return the last price named for the same order; `ANY_PRICE` if none was."""
        return self._prices.get(_key(order), ANY_PRICE)


def _key(order: Order) -> int:
    """Return a key that is equal for orders of the same price, whatever their source images are."""
    return hash(tuple(replace(request, images=(), roots=()) for request in order.requests))
