"""Keep a database in a file, shared by all processes of this machine."""

import sqlite3
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from imagerouter_mcp.database.elapsed import clock_name, uptime
from imagerouter_mcp.database.schema import Schema
from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.private_files import close_file, open_private, private_folder

_BUSY_SECONDS = 20.0
"""How long to wait for another process; a write takes only a few milliseconds."""
_RETRY_SECONDS = 0.02
_COMPANIONS = ("-wal", "-shm")
"""The files beside a database in WAL mode."""


class SQLiteDatabase:
    """A file, opened when first needed, and reopened if it was removed or replaced.

    All threads share one connection and one lock. SQLite writes one transaction at a time anyway, and reads
    take a millisecond; opening a connection for each call would write the log back to the database each time
    the last one closes.

    Args:
        path: The file; it and its folder are created if missing.
        schema: What it holds.
    """

    def __init__(self, path: Path, schema: Schema) -> None:
        self.path = path
        self._schema = schema
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the database. The next transaction opens it again."""
        with self._lock:
            self._close()

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection]:
        """Run a block in a transaction that reads one state of the database.

        Raises:
            ConfigurationError: It cannot be opened or read.
        """
        with self._transaction("DEFERRED") as connection:
            yield connection

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection]:
        """Run a block in a transaction; other writers wait.

        Raises:
            ConfigurationError: It cannot be opened, read or written.
        """
        with self._transaction("IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def _transaction(self, kind: str) -> Generator[sqlite3.Connection]:
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
                raise sqlite_error(self._schema, self.path, error) from None

    def _opened(self) -> sqlite3.Connection:
        if self._connection is not None and self._file != self._identity():
            self._close()
        if self._connection is None:
            self._connection = _open(self.path, self._schema)
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


def _open(path: Path, schema: Schema) -> sqlite3.Connection:
    """Open a database; create or migrate it if needed.

    WAL lets several processes read and write at the same time, and a committed transaction survives the death
    of the process. `synchronous=NORMAL` is enough for that; a power failure may lose the last records, but
    does not damage the database. WAL needs a local disk: on a network drive, processes on two machines do not
    see each other.

    Raises:
        ConfigurationError: It cannot be opened or created, is damaged, or is from a newer version.
    """
    try:
        private_folder(path.parent)
        _make_private(path)
        connection = sqlite3.connect(
            path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
    except (OSError, sqlite3.Error) as error:
        raise sqlite_error(schema, path, error) from None
    try:
        _use_wal(connection)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")  # overwrites deleted prompts
        connection.create_function("clock_name", 0, clock_name)
        connection.create_function("uptime", 0, uptime)
        connection.text_factory = _read_text
        _migrate(connection, schema, path)
        if schema.mend:
            schema.mend(connection)
    except sqlite3.Error as error:
        connection.close()
        raise sqlite_error(schema, path, error) from None
    except ConfigurationError:
        connection.close()
        raise
    return connection


def _read_text(text: bytes) -> str:
    """Read a text; a damaged one must not make its whole table unreadable."""
    return text.decode(errors="replace")


def _make_private(path: Path) -> None:
    """Create the file for this user alone; SQLite gives its companions the same permissions."""
    with suppress(FileExistsError):
        open_private(path, "xb").close()
    for file in (path, *(path.with_name(f"{path.name}{companion}") for companion in _COMPANIONS)):
        close_file(file)


_DAMAGED = (
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_ERROR,  # a table or a column is missing
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_MISMATCH,
)
"""SQLite's result codes for a file that is not, or is no longer, a database."""


def sqlite_error(schema: Schema, path: Path, error: OSError | sqlite3.Error) -> ConfigurationError:
    """Turn a failure of a database into an error that says what to do."""
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    code = _primary_code(error)
    if code in _DAMAGED:
        return ConfigurationError(f"The {schema.name} {path} is damaged ({reason}).", schema.when_damaged)
    if code == sqlite3.SQLITE_BUSY:
        return ConfigurationError(
            f"The {schema.name} {path} is locked by another program ({reason}).",
            "Close it, then try again.",
        )
    return ConfigurationError(
        f"The {schema.name} {path} cannot be used ({reason}).",
        f"Make {'room on its disk' if code == sqlite3.SQLITE_FULL else 'its folder writable'}, "
        "or set IMAGEROUTER_DATA_DIR to another one.",
    )


def _primary_code(error: OSError | sqlite3.Error) -> int:
    """Return SQLite's primary result code, without the extension in the higher bytes."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL mode, which the file remembers.

    The switch needs exclusive access and does not wait for it, so it fails when two processes create a new
    database at the same time. Try again until the busy time is over.
    """
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if _primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _single(statements: str) -> Iterator[str]:
    """Yield the statements one by one; a trigger contains semicolons of its own."""
    statement = ""
    for part in statements.split(";")[:-1]:
        statement += f"{part};"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _migrate(connection: sqlite3.Connection, schema: Schema, path: Path) -> None:
    newest = len(schema.migrations)
    if _version(connection) < newest:
        connection.execute("BEGIN IMMEDIATE")  # one process migrates, the others wait and find it done
        try:
            for statements in schema.migrations[_version(connection) :]:
                for statement in _single(statements):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {newest}")
            connection.execute("COMMIT")
        except sqlite3.Error:
            connection.rollback()  # unless SQLite has done that, as when the disk is full
            raise
    if _version(connection) > newest:
        raise ConfigurationError(
            f"The {schema.name} {path} was written by a newer version of imagerouter-mcp.",
            "Update imagerouter-mcp, or set IMAGEROUTER_DATA_DIR to another folder.",
        )
