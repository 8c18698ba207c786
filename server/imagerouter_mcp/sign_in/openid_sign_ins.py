"""Store sign-ins at an OpenID provider from our page until the browser comes back, once."""

import time
from collections.abc import Callable

from imagerouter_mcp.database.schema import Database
from imagerouter_mcp.sign_in.authorization_requests import DECIDE_SECONDS, MOST_WAITING, Asked
from imagerouter_mcp.sign_in.secrets_kept import digest


class OpenIdSignIns:
    """Keeps sign-ins, each bound to the browser that began it.

    Args:
        database: Where they are stored.
        clock: Returns the time in seconds since 1970.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def keep(self, asked: Asked, request: str) -> None:
        """Keep a sign-in.

        Args:
            asked: Its handle, and the secret of the browser.
            request: The handle of the client's request that it is for; empty if there is none.
        """
        now = int(self._clock())
        with self._database.writing() as connection:
            connection.execute("DELETE FROM openid_sign_ins WHERE expires_at <= ?", (now,))
            connection.execute(
                "DELETE FROM openid_sign_ins WHERE handle IN (SELECT handle FROM openid_sign_ins"
                " ORDER BY expires_at DESC, handle LIMIT 1000 OFFSET ?)",
                (MOST_WAITING - 1,),
            )
            connection.execute(
                "INSERT INTO openid_sign_ins (handle, browser, request, expires_at) VALUES (?, ?, ?, ?)",
                (digest(asked.handle), digest(asked.browser), request, now + DECIDE_SECONDS),
            )

    def take(self, asked: Asked) -> str | None:
        """Use up a sign-in; return the handle of the request that it is for, or None if it is unknown."""
        with self._database.writing() as connection:
            found = connection.execute(
                "DELETE FROM openid_sign_ins WHERE handle = ? AND browser = ? AND expires_at > ?"
                " RETURNING request",
                (digest(asked.handle), digest(asked.browser), int(self._clock())),
            ).fetchone()
        return str(found[0]) if found else None
