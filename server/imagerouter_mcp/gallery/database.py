"""The database of a person's gallery, shared by all of that person's servers."""

import sqlite3
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from imagerouter_mcp.gallery.schema import gallery_error, open_database


class Database:
    """`gallery.sqlite3`, opened when first needed, and reopened if its file was removed or replaced.

    All threads share one connection and one lock. SQLite writes one transaction at a time anyway, and reads
    take a millisecond; opening a connection for each call would write the log back to the database each time
    the last one closes.

    Args:
        data_dir: The folder of the database; created if missing.
    """

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / "gallery.sqlite3"
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the database. The next transaction opens it again."""
        with self._lock:
            self._close()

    @contextmanager
    def transaction(self, kind: str = "DEFERRED") -> Generator[sqlite3.Connection]:
        """Run a block in a transaction; the kind `IMMEDIATE` takes the write lock at its start.

        Raises:
            ConfigurationError: The gallery cannot be opened, read or written.
        """
        with self._lock:
            connection = self._opened()
            try:
                connection.execute(f"BEGIN {kind}")
                try:
                    yield connection
                except BaseException:
                    connection.rollback()
                    raise
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                if connection.in_transaction:  # such as after a commit that failed because the disk is full
                    connection.rollback()
                raise gallery_error(self.path, error) from None

    def _opened(self) -> sqlite3.Connection:
        if self._connection is not None and self._file != self._identity():
            self._close()
        if self._connection is None:
            self._connection = open_database(self.path)
            self._file = self._identity()
        return self._connection

    def _close(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None

    def _identity(self) -> tuple[int, int] | None:
        """Identify the file at the path; None if there is none."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino
