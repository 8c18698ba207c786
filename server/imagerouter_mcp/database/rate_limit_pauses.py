"""Share between servers until when a key must wait after a 429, by the database's clock alone."""

import hashlib
import hmac
from datetime import timedelta

from pydantic import SecretStr

from imagerouter_mcp.database.postgres import COMMON, PostgresServer


class KeyPause:
    """The pause of one key. Its methods raise `ConfigurationError` if the database cannot be reached.

    Args:
        server: The database.
        secret: Known to all servers but not to the database, so that its rows do not reveal keys.
        key: The key.
    """

    def __init__(self, server: PostgresServer, secret: bytes, key: SecretStr) -> None:
        self._server = server
        said = f"ImageRouter key\n{key.get_secret_value()}".encode()
        self._name = hmac.digest(secret, said, hashlib.sha256).hex()

    def left(self) -> float:
        """Return the seconds until another request may be sent; 0 when it may be sent now."""
        self._server.prepare(COMMON)
        with self._server.transaction(reading=True) as connection:
            found = connection.execute(
                "SELECT extract(epoch FROM ends_at - clock_timestamp())::double precision"
                " FROM key_pauses WHERE name = $1",
                [self._name],
            ).fetchone()
        return max(0.0, found[0]) if found else 0.0

    def extend(self, seconds: float) -> None:
        """Keep all servers from sending for some seconds; delete pauses that are over."""
        self._server.prepare(COMMON)
        with self._server.transaction() as connection:
            connection.execute(
                "DELETE FROM key_pauses WHERE name IN ("
                "SELECT name FROM key_pauses WHERE ends_at < clock_timestamp() FOR UPDATE SKIP LOCKED)"
            )
            connection.execute(
                "INSERT INTO key_pauses VALUES ($1, clock_timestamp() + $2) ON CONFLICT (name)"
                " DO UPDATE SET ends_at = greatest(key_pauses.ends_at, excluded.ends_at)",
                [self._name, timedelta(seconds=seconds)],
            )
