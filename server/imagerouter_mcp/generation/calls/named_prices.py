"""Prices that a caller was told, so that an agreement to one of them is none to a higher one."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from imagerouter_mcp.generation.planning.limits import highest_price
from imagerouter_mcp.generation.planning.plan import Plan
from imagerouter_mcp.generation.planning.request import ANY_PRICE, Order

_REMEMBERED = 1000


class NamedPrices:
    """The last price that was named for what an order asks for, in this process."""

    def __init__(self) -> None:
        self._prices = OrderedDict[int, Decimal]()

    def note(self, order: Order, plans: Sequence[Plan]) -> None:
        """Note that the highest price of an order's plans is told."""
        price = highest_price(plans)
        self._prices[_key(order)] = ANY_PRICE if price is None else price
        if len(self._prices) > _REMEMBERED:
            self._prices.popitem(last=False)

    def last(self, order: Order) -> Decimal:
        """Return the last price that was named for the same; any price if none was."""
        return self._prices.get(_key(order), ANY_PRICE)


def _key(order: Order) -> int:
    """Return what is equal for orders of the same price, whatever pictures they change."""
    return hash(tuple(replace(request, images=(), roots=()) for request in order.requests))
