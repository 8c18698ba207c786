"""Store what waits for a person's decision, each bound to the browser that began it, to be taken once."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from imagerouter_mcp.database.schema import Database
from imagerouter_mcp.sign_in.secrets_kept import digest, new_secret
from imagerouter_mcp.sign_in.store import Store

DECIDE_SECONDS = 15 * 60
"""Seconds that a person may take to decide, here or at an OpenID provider."""
MOST_WAITING = 10_000
"""Maximum number of rows in a table; beyond it, the oldest are deleted."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request's handle, and the secret of the browser that brought it."""

    handle: str = field(default_factory=new_secret)
    browser: str = field(default_factory=new_secret)


class Waiting(Store):
    """Keeps texts until a person has decided; only the browser that brought one gets it back.

    Args:
        table: The table, one of our own.
        database: Where it is.
        clock: Returns the time in seconds since 1970.
    """

    def __init__(self, table: str, database: Database, clock: Callable[[], float] = time.time) -> None:
        super().__init__(database, clock)
        self._table = table

    def keep(self, asked: Asked, text: str) -> None:
        """Keep a text."""
        now = self._now()
        with self._database.writing() as connection:
            connection.execute(f"DELETE FROM {self._table} WHERE expires_at <= ?", (now,))  # noqa: S608 - our own words
            connection.execute(
                f"DELETE FROM {self._table} WHERE handle IN (SELECT handle FROM {self._table}"  # noqa: S608 - as above
                " ORDER BY expires_at DESC, handle LIMIT 1000 OFFSET ?)",
                (MOST_WAITING - 1,),
            )
            connection.execute(
                f"INSERT INTO {self._table} (handle, browser, request, expires_at) VALUES (?, ?, ?, ?)",  # noqa: S608 - as above
                (digest(asked.handle), digest(asked.browser), text, now + DECIDE_SECONDS),
            )

    def find(self, asked: Asked) -> str | None:
        """Return a waiting text, or None if there is none for this browser."""
        with self._database.reading() as connection:
            found = connection.execute(
                f"SELECT request FROM {self._table} WHERE {_ASKED}",  # noqa: S608 - as above
                self._values(asked),
            ).fetchone()
        return str(found[0]) if found else None

    def take(self, asked: Asked) -> str | None:
        """Return a text and delete it; of several concurrent calls, only one gets it."""
        with self._database.writing() as connection:
            found = connection.execute(
                f"DELETE FROM {self._table} WHERE {_ASKED} RETURNING request",  # noqa: S608 - as above
                self._values(asked),
            ).fetchone()
        return str(found[0]) if found else None

    def _values(self, asked: Asked) -> tuple[str, str, int]:
        return digest(asked.handle), digest(asked.browser), self._now()


_ASKED = "handle = ? AND browser = ? AND expires_at > ?"
