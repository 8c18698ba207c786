"""Use a PostgreSQL database that several servers share, with each person's rows kept apart.

It works behind a pooler that lends a connection for one transaction only: what a transaction needs is set
within it, and neither prepared statements nor LISTEN are used.

Statements are written for SQLite. They run here too, because `COMMON` gives PostgreSQL the few SQLite
functions that they use.
"""

import logging
import re
import threading
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NoReturn

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool, PoolTimeout

from imagerouter_mcp.database.schema import Schema
from imagerouter_mcp.errors import ConfigurationError

CONNECTIONS = 10
"""Maximum number of concurrent transactions; each takes a few milliseconds."""
_REACHED_SECONDS = 15.0
"""Upper bound on waiting for a connection: a restarted database is back by then."""
_LOCK_SECONDS = 20
"""Upper bound on waiting for other writers of the same person."""
_FIRST_SECONDS = 5
"""Upper bound on the first connection, which shows whether the address is right."""
_IDLE_SECONDS = 30
"""Seconds that a server suspended in a transaction may keep other writers waiting."""
_QUIET_SECONDS = 60.0
_PLACE = re.compile(r"\?(\d*)")

COMMON = Schema(
    "database",
    (
        """
        CREATE FUNCTION instr(text, text) RETURNS integer LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
            RETURN strpos($1, $2);
        CREATE FUNCTION json_each(text) RETURNS TABLE (value text) LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
            AS 'SELECT json_array_elements_text($1::json)';
        CREATE FUNCTION json_extract(text, text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
            RETURN jsonb_path_query_first($1::jsonb, $2::jsonpath) #>> '{}';
        CREATE FUNCTION json_valid(text) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
            RETURN true;  -- the tables admit nothing else
        CREATE FUNCTION clock_name() RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
            RETURN 'database';
        CREATE FUNCTION uptime() RETURNS double precision LANGUAGE sql VOLATILE
            RETURN extract(epoch FROM clock_timestamp());
        CREATE TABLE replicas (                 -- the servers at work, for leases.py
            name text PRIMARY KEY,
            expires_at timestamptz NOT NULL
        );
        """,
        """
        CREATE TABLE key_pauses (               -- until when keys must wait, for rate_limit_pauses.py
            name text PRIMARY KEY,
            ends_at timestamptz NOT NULL
        );
        """,
    ),
    "Restore it from a backup.",
)
"""What each of our databases holds besides the tables of its schemas."""


class _OnceAMinute(logging.Filter):
    """Let a logger report once a minute: the pool reports each attempt to connect."""

    def __init__(self) -> None:
        super().__init__()
        self._spoke_at = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        now = time.monotonic()
        if record.levelno < logging.WARNING or now < self._spoke_at + _QUIET_SECONDS:
            return False
        self._spoke_at = now
        return True


logging.getLogger("psycopg.pool").addFilter(_OnceAMinute())


class PostgresServer:
    """A PostgreSQL database and this process's connections to it, opened when first needed.

    Args:
        url: Its address, with user and password: `postgresql://…`.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: ConnectionPool[psycopg.Connection[tuple[Any, ...]]] | None = None
        self._lock = threading.Lock()
        self._of_thread = threading.local()
        """`connection`: the one on which this thread is writing what belongs to all people."""
        self._migrated: set[str] = set()

    @property
    def name(self) -> str:
        """Its name in messages: database and machine, without user and password."""
        try:
            parts = conninfo_to_dict(self._url)
        except psycopg.ProgrammingError:
            return "of IMAGEROUTER_DATABASE_URL"
        host, database = (parts.get(part) for part in ("host", "dbname"))
        return f"{database or 'postgres'} at {host or 'localhost'}"

    def close(self) -> None:
        """Close all connections. The next transaction opens them again."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool:
            pool.close()

    def prepare(self, schema: Schema) -> None:
        """Create or migrate what a database holds, unless this process has done so already.

        Raises:
            ConfigurationError: It cannot be done, the role sees every person's rows, or a newer version wrote
                the tables.
        """
        with self._lock:
            if schema.name in self._migrated:
                return
        with self.transaction() as connection:
            refuse_powerful_role(connection, self.name)
            connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('imagerouter-mcp', 0))")
            for each in dict.fromkeys((COMMON, schema)):
                _migrate(connection, each, self.name)
        with self._lock:
            self._migrated.add(schema.name)

    @contextmanager
    def transaction(self, *, reading: bool = False) -> Generator[psycopg.Connection[tuple[Any, ...]]]:
        """Run a block in a transaction.

        Args:
            reading: Whether it only reads, and sees one state of the database.

        Raises:
            ConfigurationError: The database cannot be reached or used.
        """
        try:
            with self._opened().connection(_REACHED_SECONDS) as connection:
                connection.read_only = reading
                connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ if reading else None
                yield connection
        except (psycopg.Error, PoolTimeout) as error:
            _explain(self.name, error)

    @contextmanager
    def transaction_of(
        self, person: str, *, reading: bool = False
    ) -> Generator[psycopg.Connection[tuple[Any, ...]]]:
        """Run a block in a transaction for one person.

        If this thread is already writing what belongs to all people, the block joins that transaction: those
        who wait for it to end may have taken every other connection.

        Args:
            person: Whose; "" for what belongs to all people.
            reading: Whether it only reads, and sees one state of the database.

        Raises:
            ConfigurationError: The database cannot be reached or used.
        """
        outer = getattr(self._of_thread, "connection", None)
        if person and outer:
            yield outer
            return
        with self.transaction(reading=reading) as connection:
            if not person and not reading:
                self._of_thread.connection = connection
            try:
                yield connection
            finally:
                if not person and not reading:
                    self._of_thread.connection = None

    def _opened(self) -> ConnectionPool[psycopg.Connection[tuple[Any, ...]]]:
        with self._lock:
            if self._pool is None:
                psycopg.connect(
                    self._url, connect_timeout=_FIRST_SECONDS
                ).close()  # unlike the pool, it says why
                self._pool = ConnectionPool(
                    self._url,
                    kwargs={"prepare_threshold": None, "cursor_factory": psycopg.RawCursor},
                    min_size=1,
                    max_size=CONNECTIONS,
                    reconnect_timeout=_REACHED_SECONDS,  # its pauses double until then, when they begin anew
                    check=self._check,
                    open=True,
                    name="imagerouter-mcp",
                )
            return self._pool

    def _check(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        """Check a connection before it is used; if it is lost, such as by a restart, the others are too.

        The pool by itself would find out about one after another, and wait longer each time.
        """
        try:
            ConnectionPool.check_connection(connection)
        except psycopg.Error:
            self._opened().check()
            raise


class PostgresDatabase:
    """What one person has in a PostgreSQL database.

    Args:
        server: The database.
        schema: What it holds.
        person: Whose rows are seen and written; "" where the tables belong to all people.
        alone: Whether nothing else uses the server, so that closing this closes its connections.
    """

    def __init__(
        self, server: PostgresServer, schema: Schema, person: str = "", *, alone: bool = False
    ) -> None:
        self._server = server
        self._alone = alone
        self._schema = schema
        self._person = person
        self._turn = threading.Lock()

    def close(self) -> None:
        """Close the server's connections, unless others use them. The next transaction opens them again."""
        if self._alone:
            self._server.close()

    @contextmanager
    def reading(self) -> Generator["_Statements"]:
        """Run a block in a transaction that reads one state of the database.

        Raises:
            ConfigurationError: The database cannot be reached or used.
        """
        self._server.prepare(self._schema)
        with self._server.transaction_of(self._person, reading=True) as connection:
            connection.execute("SELECT set_config('imagerouter.person', $1, true)", [self._person])
            yield _Statements(connection)

    @contextmanager
    def writing(self) -> Generator["_Statements"]:
        """Run a block in a transaction; others who write for the same person wait.

        Raises:
            ConfigurationError: The database cannot be reached or used.
        """
        self._server.prepare(self._schema)
        # One at a time here, so that a process has no more than one connection that waits for a lock.
        if not self._turn.acquire(timeout=_LOCK_SECONDS):
            raise ConfigurationError(
                f"The database {self._server.name} is locked by other calls.", "Try again in a minute."
            )
        try:
            with self._server.transaction_of(self._person) as connection:
                connection.execute(_BEFORE_WRITING, [self._person, f"{self._schema.name} {self._person}"])
                yield _Statements(connection)
        finally:
            self._turn.release()


_BEFORE_WRITING = f"""
    SELECT set_config('imagerouter.person', $1, true), set_config('lock_timeout', '{_LOCK_SECONDS}s', true),
        set_config('synchronous_commit', 'on', true),
        set_config('idle_in_transaction_session_timeout', '{_IDLE_SECONDS}s', true),
        pg_advisory_xact_lock(hashtextextended($2, 0))
""".encode()


class _Statements:
    """A connection that takes statements with question marks."""

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> psycopg.Cursor[tuple[Any, ...]]:
        """Run a statement."""
        return self._connection.execute(_numbered(statement), _storable(values))

    def executemany(
        self, statement: str, values: Iterable[Sequence[Any]], /
    ) -> psycopg.Cursor[tuple[Any, ...]]:
        """Run a statement once for each of some values."""
        cursor = self._connection.cursor()
        cursor.executemany(_numbered(statement), [_storable(each) for each in values])
        return cursor


@lru_cache
def _numbered(statement: str) -> bytes:
    """Convert a statement's placeholders to PostgreSQL's: `?` and `?1` become `$1`."""
    place = 0

    def number(found: re.Match[str]) -> str:
        nonlocal place
        place += 1
        return f"${found[1] or place}"

    return _PLACE.sub(number, statement).encode()


def _storable(values: Sequence[Any]) -> list[Any]:
    """Replace the character NUL, which PostgreSQL does not store in texts."""
    return [each.replace("\0", "\ufffd") if isinstance(each, str) else each for each in values]


def refuse_powerful_role(connection: psycopg.Connection[tuple[Any, ...]], name: str) -> None:
    """Refuse a role that bypasses row-level security.

    Raises:
        ConfigurationError: The role bypasses it.
    """
    role = connection.execute(
        "SELECT rolname FROM pg_roles WHERE rolname = current_user AND (rolsuper OR rolbypassrls)"
    ).fetchone()
    if role:
        raise ConfigurationError(
            f"The role {role[0]} may read and change every person's rows in the database {name}.",
            "Name a role in IMAGEROUTER_DATABASE_URL that is neither superuser nor BYPASSRLS.",
        )


def _migrate(connection: psycopg.Connection[tuple[Any, ...]], schema: Schema, name: str) -> None:
    """Migrate a schema, within a transaction that holds the lock for it."""
    (known,) = connection.execute("SELECT to_regclass('schema_versions')").fetchone() or (None,)
    if known is None:
        connection.execute("CREATE TABLE schema_versions (name text PRIMARY KEY, version integer NOT NULL)")
    found = connection.execute(
        "SELECT version FROM schema_versions WHERE name = $1", [schema.name]
    ).fetchone()
    version, migrations = found[0] if found else 0, schema.postgres or schema.migrations
    if version > len(migrations):
        raise newer_version(schema, name)
    for statements in migrations[version:]:
        connection.execute(statements.encode())
    connection.execute(
        "INSERT INTO schema_versions VALUES ($1, $2)"
        " ON CONFLICT (name) DO UPDATE SET version = excluded.version",
        [schema.name, len(migrations)],
    )


def newer_version(schema: Schema, name: str) -> ConfigurationError:
    """Return the error for tables that a newer version wrote."""
    return ConfigurationError(
        f"The {schema.name} in the database {name} was written by a newer version of imagerouter-mcp.",
        "Update imagerouter-mcp on this machine too.",
    )


_UNREACHED = "Check that it is running and that IMAGEROUTER_DATABASE_URL is right, then try again."
_REMEDIES = {
    "authentication failed": "Correct the user name or the password in IMAGEROUTER_DATABASE_URL.",
    "No space left on device": "Make room on the disk of the database.",
    "too many c": "Let the database take more connections (max_connections), or run fewer servers.",
    "does not exist": "Create it as docs/hosting.md shows, or correct its name in IMAGEROUTER_DATABASE_URL.",
}
"""What to do about some of PostgreSQL's reasons for refusing a connection or a statement."""


def _explain(name: str, error: Exception) -> NoReturn:
    """Raise an error that says what to do about a failure of the database."""
    told = str(error).strip().partition("\n")[0] or type(error).__name__
    reason = " ".join(told.removeprefix("connection failed: ").split())
    if isinstance(error, psycopg.errors.LockNotAvailable):
        raise ConfigurationError(
            f"The database {name} is locked by another server ({reason}).", "Try again in a minute."
        ) from None
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        raise ConfigurationError(
            f"The database {name} cannot be reached ({reason}).",
            next((remedy for said, remedy in _REMEDIES.items() if said in reason), _UNREACHED),
        ) from None
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        raise ConfigurationError(
            f"The database {name} cannot be used ({reason}).",
            "Have the operator make its role the owner of the database, as docs/hosting.md shows.",
        ) from None
    raise ConfigurationError(
        f"The database {name} cannot be used ({reason}).",
        "Have the operator look at its tables and at the rights of its role.",
    ) from None
