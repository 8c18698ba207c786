"""Tell which servers are alive: each holds a lease in the database, timed by the database's clock alone."""

import logging
import secrets
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta

from imagerouter_mcp.database.elapsed import uptime
from imagerouter_mcp.database.postgres import COMMON, PostgresServer
from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.events import LeaseRenewed, tell_metrics

logger = logging.getLogger(__name__)

_RENEWALS = 4
"""Renewals within the time that a lease lasts."""


class Leases:
    """The servers that work on one database, including this one.

    A thread renews this server's lease. The database decides at each step what the server may do, so a server
    that was suspended, or could not renew its lease, does no harm when it goes on.

    Args:
        server: The database.
        seconds: How long a server may be silent before others take over its calls.
    """

    def __init__(self, server: PostgresServer, seconds: float) -> None:
        self._server = server
        self._seconds = seconds
        self._renewed_at = 0.0
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._renewing: threading.Thread | None = None
        self.name = f"{socket.gethostname()[:40]}-{secrets.token_hex(8)}"

    def hold(self) -> str:
        """Take this server's lease, and keep it until `release` or the end of the process.

        A lease that its thread failed to renew is renewed here, so nothing is sent without one.

        Returns:
            This server's unique name.

        Raises:
            ConfigurationError: The database cannot be reached.
        """
        with self._lock:
            if self._renewing is None or uptime() - self._renewed_at > self._seconds / 2:
                self._renew()
            if self._renewing is None:
                self._ending.clear()
                self._renewing = threading.Thread(target=self._keep, name="lease", daemon=True)
                self._renewing.start()
        return self.name

    def release(self) -> None:
        """Give up this server's lease, so that others can take over its calls at once."""
        with self._lock:
            if self._renewing is None:
                return
            self._ending.set()
            self._renewing.join()
            self._renewing = None
        try:
            with self._server.transaction() as connection:
                connection.execute("DELETE FROM replicas WHERE name = $1", [self.name])
        except ConfigurationError as error:
            logger.warning("The lease of this server ends in %.0f s: %s", self._seconds, error)

    @contextmanager
    def has_ended(self, name: str) -> Generator[bool]:
        """Yield whether a server's lease has ended."""
        self._server.prepare(COMMON)
        with self._server.transaction(reading=True) as connection:
            found = connection.execute(
                "SELECT 1 FROM replicas WHERE name = $1 AND expires_at > clock_timestamp()", [str(name)]
            ).fetchone()
        yield found is None

    def sweep(self, older_than: timedelta) -> None:
        """Delete servers whose lease ended this long ago."""
        self._server.prepare(COMMON)
        with self._server.transaction() as connection:
            connection.execute("DELETE FROM replicas WHERE expires_at < clock_timestamp() - $1", [older_than])

    def _keep(self) -> None:
        while not self._ending.wait(self._seconds / _RENEWALS):
            try:
                self._renew()
            except ConfigurationError as error:
                logger.warning("The lease of this server was not renewed: %s", error)
                tell_metrics(LeaseRenewed(outcome="failed"))

    def _renew(self) -> None:
        self._server.prepare(COMMON)
        began = uptime()
        with self._server.transaction() as connection:
            connection.execute(
                "INSERT INTO replicas VALUES ($1, clock_timestamp() + $2) ON CONFLICT (name)"
                " DO UPDATE SET expires_at = excluded.expires_at",
                [self.name, timedelta(seconds=self._seconds)],
            )
        self._renewed_at = began
        tell_metrics(LeaseRenewed(outcome="ok"))
