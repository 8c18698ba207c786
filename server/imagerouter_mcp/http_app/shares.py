"""Divide places among clients, so that none can take them all."""

from collections import Counter


class Shares:
    """Gives a client a place as long as it has fewer than are still free.

    One client can take half of the places, two a third each, and there is always a place for another one.

    Args:
        places: How many there are.
        most: How many one client can take at most.
    """

    def __init__(self, places: int, most: int | None = None) -> None:
        self._free = places
        self._most = places if most is None else most
        self._taken = Counter[str]()

    def take(self, client: str, count: int = 1) -> bool:
        """Take places; return False, without taking any, if the client has its share already."""
        if self._taken[client] + count > min(self._free, self._most):
            return False
        self._taken[client] += count
        self._free -= count
        return True

    def give_back(self, client: str, count: int = 1) -> None:
        """Return places that were taken."""
        self._free += count
        self._taken[client] -= count
        if not self._taken[client]:
            del self._taken[client]
