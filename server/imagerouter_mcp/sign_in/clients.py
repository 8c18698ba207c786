"""Store the clients that registered themselves (RFC 7591). Many register again for each connection."""

from imagerouter_mcp.sign_in.store import Store

UNUSED_SECONDS = 24 * 3600
"""Seconds that a client stays registered if no person has let it in."""
USED_SECONDS = 90 * 24 * 3600
"""Seconds that a client stays registered after its last use."""
MOST_UNUSED = 5_000
"""Maximum number of unused clients; the oldest above it are deleted, so that a flood cannot fill the disk."""
RENEWED_AFTER_SECONDS = 3600
"""Seconds between two updates of a client's last use."""


class Clients(Store):
    """Stores what clients registered."""

    def add(self, client: str, metadata: str) -> None:
        """Store a new client, and delete expired ones.

        Args:
            client: Its id.
            metadata: A JSON object that describes it.

        Raises:
            ConfigurationError: The database cannot be used.
        """
        now = self._now()
        with self._database.writing() as connection:
            connection.execute(
                "DELETE FROM clients WHERE used_at IS NULL AND registered_at <= ? OR used_at <= ?",
                (now - UNUSED_SECONDS, now - USED_SECONDS),
            )
            connection.execute(
                "DELETE FROM clients WHERE id IN (SELECT id FROM clients WHERE used_at IS NULL"
                " ORDER BY registered_at DESC, id LIMIT 1000 OFFSET ?)",
                (MOST_UNUSED - 1,),
            )
            connection.execute(
                "INSERT INTO clients (id, metadata, registered_at) VALUES (?, ?, ?)", (client, metadata, now)
            )

    def find(self, client: str) -> str | None:
        """Return what a client registered; None if it is unknown or expired."""
        now = self._now()
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT metadata FROM clients WHERE id = ? AND coalesce(used_at > ?, registered_at > ?)",
                (client, now - USED_SECONDS, now - UNUSED_SECONDS),
            ).fetchone()
        return str(found[0]) if found else None

    def note_use(self, client: str) -> None:
        """Note that a client is in use, which keeps it registered."""
        now = self._now()
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE clients SET used_at = ? WHERE id = ? AND (used_at IS NULL OR used_at <= ?)",
                (now, client, now - RENEWED_AFTER_SECONDS),
            )
