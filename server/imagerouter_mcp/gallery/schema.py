"""Open the gallery's database, migrate it, and explain its failures."""

import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.private_files import close_file, open_private, private_folder

logger = logging.getLogger(__name__)

_BUSY_SECONDS = 20.0
"""How long to wait for another process; a write takes only a few milliseconds."""
_RETRY_SECONDS = 0.02
_COMPANIONS = ("-wal", "-shm")
"""The files beside a database in WAL mode."""

_COUNTING = {
    "generations": "created_at, model, cost_usd",
    "journal": "created_at, model, state, reserved_usd, error",
}
"""The columns that a charge depends on, by table; handles never change."""


def _spent(sign: str, condition: str) -> str:
    """Return the statement that adds charges to the sums, or takes them away.

    Amounts have at most six decimals and are below 10⁶, so rounding gives the exact micro-dollars.
    """
    return f"""
        INSERT INTO spent
        SELECT CAST(created_at / 900 AS INTEGER), model, certain,
            {sign}CAST(round(usd * 1000000) AS INTEGER), {sign}1
        FROM charges WHERE {condition}
        ON CONFLICT (quarter, model, certain)
        DO UPDATE SET micro_usd = micro_usd + excluded.micro_usd, results = results + excluded.results;
    """  # noqa: S608 - our own words


def error_field(name: str) -> str:
    """Return the expression for a field of an entry's error; NULL where that is damaged."""
    return f"CASE WHEN json_valid(error) THEN json_extract(error, '$.{name}') END"


def _usd(amount: str) -> str:
    """Return the expression for an amount; NULL where it is damaged."""
    return f"CASE WHEN {amount} GLOB '[0-9]*' AND {amount} + 0 < 1000000 THEN {amount} END"


_KEEP_SUMS = "".join(
    f"""
    CREATE TRIGGER {table}_before_{event} BEFORE {event}{columns} ON {table} BEGIN
        {_spent("-", f"handle = {row}.handle")}
    END;
    CREATE TRIGGER {table}_after_{event} AFTER {event}{columns} ON {table} BEGIN
        {_spent("+", f"handle = {row}.handle")}
    END;
    """
    for table, columns_that_count in _COUNTING.items()
    for event, row, columns in (
        ("INSERT", "NEW", ""),
        ("UPDATE", "OLD", f" OF {columns_that_count}"),
        ("DELETE", "OLD", ""),
    )
)
"""The triggers that take a generation's charges away before a change and add them after it."""

_MIGRATIONS = (
    """
    CREATE TABLE generations (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        handle TEXT NOT NULL UNIQUE,
        created_at REAL NOT NULL,   -- seconds since 1970, UTC
        prompt TEXT NOT NULL,
        revised_prompt TEXT,
        model TEXT NOT NULL,
        parameters TEXT NOT NULL,   -- a JSON object
        sources TEXT NOT NULL,      -- a JSON array of strings
        cost_usd TEXT,              -- a decimal number
        latency_ms INTEGER,
        words TEXT NOT NULL         -- what a search looks at, case-folded
    );
    CREATE TABLE images (
        handle TEXT PRIMARY KEY,
        generation_id INTEGER NOT NULL REFERENCES generations (id) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        path BLOB,                  -- as the file system has it, which need not be Unicode
        url TEXT,
        media_type TEXT,
        width INTEGER,
        height INTEGER,
        bytes INTEGER,
        UNIQUE (generation_id, position)
    ) WITHOUT ROWID;
    """,
    """
    ALTER TABLE images ADD COLUMN seconds REAL;  -- of a video
    CREATE TABLE journal (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        handle TEXT NOT NULL UNIQUE,    -- the generation's, and its record's when there is one
        call TEXT NOT NULL,             -- the handle of the first generation of the same call
        fingerprint TEXT NOT NULL,      -- the same for calls that ask for the same
        owner TEXT NOT NULL,            -- the process at work on it, or the last that was
        state TEXT NOT NULL,
        told INTEGER NOT NULL,          -- 0 nothing, 1 its handle, 2 what came of it, 3 which has left
        created_at REAL NOT NULL,       -- seconds since 1970, UTC
        ended_at REAL,
        prompt TEXT NOT NULL,
        model TEXT NOT NULL,
        reserved_usd TEXT,              -- the most that it was expected to cost
        job TEXT,                       -- a JSON object: what it takes to deliver the answer
        notes TEXT NOT NULL,            -- a JSON array of strings
        error TEXT                      -- a JSON object: why there is no result
    );
    CREATE INDEX journal_call ON journal (call);
    CREATE INDEX journal_fingerprint ON journal (fingerprint);
    CREATE INDEX journal_state ON journal (state);
    CREATE INDEX generations_created_at ON generations (created_at);
    CREATE INDEX generations_model ON generations (model);
    """,
    """
    ALTER TABLE journal RENAME COLUMN told TO delivered;  -- whether somebody got what came of it
    UPDATE journal SET delivered = delivered >= 2;
    """,
    f"""
    CREATE VIEW charges AS          -- what each generation cost or may have cost, once it has ended
        SELECT generations.handle, generations.created_at, generations.model, cost_usd IS NOT NULL AS certain,
            coalesce(cost_usd, reserved_usd, 0) AS usd
        FROM generations LEFT JOIN journal USING (handle)
        UNION ALL
        SELECT handle, created_at, model,
            json_extract(error, '$.cost_usd') IS NOT NULL AND NOT coalesce(json_extract(error, '$.kept'), 0),
            coalesce(json_extract(error, '$.cost_usd'), reserved_usd)
        FROM journal WHERE reserved_usd IS NOT NULL
            AND (state = 'unknown' OR state = 'failed' AND json_extract(error, '$.charged') = 'yes');
    CREATE TABLE spent (            -- the sums of the charges, kept by the triggers below
        quarter INTEGER NOT NULL,   -- the quarter of an hour: seconds since 1970 / 900
        model TEXT NOT NULL,
        certain INTEGER NOT NULL,   -- whether the service said that it charged this
        micro_usd INTEGER NOT NULL,
        results INTEGER NOT NULL,
        PRIMARY KEY (quarter, model, certain)
    ) WITHOUT ROWID;
    {_spent("+", "true")}
    {_KEEP_SUMS}
    CREATE INDEX journal_unfinished ON journal (id)
        WHERE state IN ('preparing', 'queued', 'working', 'unknown') OR NOT delivered;
    DROP INDEX journal_state;
    CREATE INDEX journal_state ON journal (state, ended_at);
    CREATE INDEX journal_job ON journal (ended_at) WHERE job IS NOT NULL;
    """,  # noqa: S608 - our own words
    """
    ALTER TABLE images ADD COLUMN original_of TEXT; -- the handle of the picture that was made of this one
    ALTER TABLE images ADD COLUMN finishing TEXT;   -- a JSON object: what makes this one of its original
    CREATE INDEX images_original_of ON images (original_of) WHERE original_of IS NOT NULL;
    """,
    """
    ALTER TABLE journal ADD COLUMN clock TEXT;          -- which steady clock was read at the end (elapsed.py)
    ALTER TABLE journal ADD COLUMN ended_uptime REAL;   -- its seconds
    """,
    """
    CREATE INDEX images_own ON images (generation_id DESC, position, original_of) WHERE original_of IS NULL;
    CREATE INDEX images_path ON images (path) WHERE path IS NOT NULL;
    CREATE TABLE deleted (          -- of what was deleted, only this is kept
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        handle TEXT NOT NULL UNIQUE,
        deleted_at REAL NOT NULL
    );
    DROP TRIGGER generations_before_DELETE; -- who deletes a picture has paid for it all the same
    DROP TRIGGER generations_after_DELETE;
    """,
    f"""
    DROP VIEW charges;
    CREATE VIEW charges AS          -- as before, from damaged rows too: what is not known counts as reserved
        SELECT generations.handle, coalesce(generations.created_at, 0) AS created_at,
            coalesce(generations.model, '') AS model, {_usd("cost_usd")} IS NOT NULL AS certain,
            coalesce({_usd("cost_usd")}, {_usd("reserved_usd")}, 0) AS usd
        FROM generations LEFT JOIN journal USING (handle)
        UNION ALL
        SELECT handle, coalesce(created_at, 0), coalesce(model, ''),
            {_usd(error_field("cost_usd"))} IS NOT NULL AND NOT coalesce({error_field("kept")}, 0),
            coalesce({_usd(error_field("cost_usd"))}, {_usd("reserved_usd")}, 0)
        FROM journal WHERE reserved_usd IS NOT NULL
            AND (state = 'unknown' OR state = 'failed' AND coalesce({error_field("charged")}, 'yes') = 'yes');
    """,  # noqa: S608 - our own words
)
"""The statements that migrate each schema version (`PRAGMA user_version`) to the next.

Released entries never change; a new version is a new entry.
"""


def open_database(path: Path) -> sqlite3.Connection:
    """Open the gallery; create or migrate it if needed.

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
        raise gallery_error(path, error) from None
    try:
        _use_wal(connection)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.text_factory = _read_text
        _migrate(connection, path)
        _mend_sums(connection)
    except sqlite3.Error as error:
        connection.close()
        raise gallery_error(path, error) from None
    except ConfigurationError:
        connection.close()
        raise
    return connection


def _read_text(text: bytes) -> str:
    """Read a text; a damaged one must not make its whole table unreadable."""
    return text.decode(errors="replace")


def _mend_sums(connection: sqlite3.Connection) -> None:
    """Add up damaged sums anew. What was deleted from the gallery since is missing in these."""
    if connection.execute(f"SELECT 1 FROM spent WHERE {_DAMAGED_SUM} LIMIT 1").fetchone() is None:  # noqa: S608 - our own words
        return
    logger.warning(
        "Some sums of what was spent were damaged and are added up anew, without deleted pictures."
    )
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(f"DELETE FROM spent WHERE {_DAMAGED_SUM}")  # noqa: S608 - our own words
        connection.execute(
            "INSERT OR IGNORE INTO spent SELECT CAST(created_at / 900 AS INTEGER), model, certain,"
            " sum(CAST(round(usd * 1000000) AS INTEGER)), count(*) FROM charges GROUP BY 1, 2, 3"
        )


_DAMAGED_SUM = "typeof(model) != 'text' OR " + " OR ".join(
    f"typeof({column}) != 'integer'" for column in ("quarter", "certain", "micro_usd", "results")
)


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
"""What SQLite says of a file that is not, or no longer, a gallery."""


def gallery_error(path: Path, error: OSError | sqlite3.Error) -> ConfigurationError:
    """Turn a failure of the gallery into an error that says what to do."""
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    code = _primary_code(error)
    if code in _DAMAGED:
        return ConfigurationError(
            f"The gallery {path} is damaged ({reason}).",
            "Move that file away: a new gallery is started, and the pictures themselves are kept.",
        )
    if code == sqlite3.SQLITE_BUSY:
        return ConfigurationError(
            f"The gallery {path} is locked by another program ({reason}).", "Close that one, then try again."
        )
    return ConfigurationError(
        f"The gallery {path} cannot be used ({reason}).",
        "Make its folder writable, or set IMAGEROUTER_DATA_DIR to another one.",
    )


def _primary_code(error: OSError | sqlite3.Error) -> int:
    """Return SQLite's primary result code, without the extension in the higher bytes."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL mode, which the file remembers.

    The switch needs exclusive access and does not wait for it, so it fails when two processes create a new
    gallery at the same time. Try again until the busy time is over.
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
    """Return one statement after another; a trigger contains semicolons of its own."""
    statement = ""
    for part in statements.split(";")[:-1]:
        statement += f"{part};"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    if _version(connection) < len(_MIGRATIONS):
        connection.execute("BEGIN IMMEDIATE")  # one process migrates, the others wait and find it done
        try:
            for statements in _MIGRATIONS[_version(connection) :]:
                for statement in _single(statements):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")
            connection.execute("COMMIT")
        except sqlite3.Error:
            connection.execute("ROLLBACK")
            raise
    if _version(connection) > len(_MIGRATIONS):
        raise ConfigurationError(
            f"The gallery {path} was written by a newer version of imagerouter-mcp.",
            "Update imagerouter-mcp, or set IMAGEROUTER_DATA_DIR to another folder.",
        )
