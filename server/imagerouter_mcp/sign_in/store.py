"""Share what every store of sign-in has: the database and the time."""

import time
from collections.abc import Callable

from imagerouter_mcp.database.schema import Database


class Store:
    """A store in the database of sign-in.

    Args:
        database: Where everything is stored; secrets as hashes only.
        clock: Returns the time in seconds since 1970.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def _now(self) -> int:
        return int(self._clock())
