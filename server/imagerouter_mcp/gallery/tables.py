"""The gallery's tables: what was made, what is being made, and the sums of what was spent."""

import logging
from pathlib import Path

from imagerouter_mcp.database.schema import Connection, Schema
from imagerouter_mcp.database.sqlite import SQLiteDatabase
from imagerouter_mcp.gallery.error_fields import error_field
from imagerouter_mcp.gallery.postgres_tables import POSTGRES_MIGRATIONS

logger = logging.getLogger(__name__)

_COUNTING = {
    "generations": "created_at, model, cost_usd",
    "journal": "created_at, model, state, reserved_usd, error",
}
"""The columns that a charge depends on, by table; handles never change."""


def _spent(sign: str, condition: str, group_by: str) -> str:
    """Return the statement that adds charges to the sums, or takes them away.

    Amounts have at most six decimals and are below 10⁶, so rounding gives the exact micro-dollars.

    Args:
        sign: Plus or minus.
        condition: Which charges.
        group_by: The columns that have sums of their own within a quarter of an hour.
    """
    return f"""
        INSERT INTO spent
        SELECT CAST(created_at / 900 AS INTEGER), {group_by},
            {sign}CAST(round(usd * 1000000) AS INTEGER), {sign}1
        FROM charges WHERE {condition}
        ON CONFLICT (quarter, {group_by})
        DO UPDATE SET micro_usd = micro_usd + excluded.micro_usd, results = results + excluded.results;
    """  # noqa: S608 - our own words


def _usd(amount: str) -> str:
    """Return the expression for an amount; NULL where it is damaged."""
    return f"CASE WHEN {amount} GLOB '[0-9]*' AND {amount} + 0 < 1000000 THEN {amount} END"


def _keep_sums(group_by: str) -> str:
    """Return the triggers that take a generation's charges away before a change and add them after it."""
    return "".join(
        f"""
    CREATE TRIGGER {table}_before_{event} BEFORE {event}{columns} ON {table} BEGIN
        {_spent("-", f"handle = {row}.handle", group_by)}
    END;
    CREATE TRIGGER {table}_after_{event} AFTER {event}{columns} ON {table} BEGIN
        {_spent("+", f"handle = {row}.handle", group_by)}
    END;
    """
        for table, columns_that_count in _COUNTING.items()
        for event, row, columns in (
            ("INSERT", "NEW", ""),
            ("UPDATE", "OLD", f" OF {columns_that_count}"),
            ("DELETE", "OLD", ""),
        )
    )


_NO_SUM_IS_TAKEN_BACK = """
    DROP TRIGGER generations_before_DELETE; -- who deletes a picture has paid for it all the same
    DROP TRIGGER generations_after_DELETE;
"""

_TRIGGERS = [
    (table, when, event)
    for table, events in (("generations", ("INSERT", "UPDATE")), ("journal", ("INSERT", "UPDATE", "DELETE")))
    for event in events
    for when in ("before", "after")
]
"""Those that keep the sums."""

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
    {_spent("+", "true", "model, certain")}
    {_keep_sums("model, certain")}
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
    f"""
    CREATE INDEX images_own ON images (generation_id DESC, position, original_of) WHERE original_of IS NULL;
    CREATE INDEX images_path ON images (path) WHERE path IS NOT NULL;
    CREATE TABLE deleted (          -- of what was deleted, only this is kept
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        handle TEXT NOT NULL UNIQUE,
        deleted_at REAL NOT NULL
    );
    {_NO_SUM_IS_TAKEN_BACK}
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
    f"""
    ALTER TABLE journal ADD COLUMN own_key INTEGER NOT NULL DEFAULT 0;  -- whether the person's own key pays
    {"".join(f"DROP TRIGGER {table}_{when}_{event};" for table, when, event in _TRIGGERS)}
    DROP VIEW charges;
    CREATE VIEW charges AS          -- as before, with whose key paid
        SELECT generations.handle, coalesce(generations.created_at, 0) AS created_at,
            coalesce(generations.model, '') AS model, {_usd("cost_usd")} IS NOT NULL AS certain,
            coalesce({_usd("cost_usd")}, {_usd("reserved_usd")}, 0) AS usd,
            coalesce(own_key = 1, 0) AS own_key
        FROM generations LEFT JOIN journal USING (handle)
        UNION ALL
        SELECT handle, coalesce(created_at, 0), coalesce(model, ''),
            {_usd(error_field("cost_usd"))} IS NOT NULL AND NOT coalesce({error_field("kept")}, 0),
            coalesce({_usd(error_field("cost_usd"))}, {_usd("reserved_usd")}, 0), own_key = 1
        FROM journal WHERE reserved_usd IS NOT NULL
            AND (state = 'unknown' OR state = 'failed' AND coalesce({error_field("charged")}, 'yes') = 'yes');
    ALTER TABLE spent RENAME TO spent_before;
    CREATE TABLE spent (
        quarter INTEGER NOT NULL,
        model TEXT NOT NULL,
        certain INTEGER NOT NULL,
        own_key INTEGER NOT NULL,   -- whether the person's own key paid it
        micro_usd INTEGER NOT NULL,
        results INTEGER NOT NULL,
        PRIMARY KEY (quarter, model, certain, own_key)
    ) WITHOUT ROWID;
    INSERT INTO spent SELECT quarter, model, certain, 0, micro_usd, results FROM spent_before;
    DROP TABLE spent_before;
    {_keep_sums("model, certain, own_key")}
    {_NO_SUM_IS_TAKEN_BACK}
    """,  # noqa: S608 - our own words
)


def _mend_sums(connection: Connection) -> None:
    """Add up damaged sums again; they then lack what has been deleted from the gallery."""
    if connection.execute(f"SELECT 1 FROM spent WHERE {_DAMAGED_SUM} LIMIT 1").fetchone() is None:  # noqa: S608 - our own words
        return
    logger.warning(
        "Some sums of what was spent were damaged and are added up anew, without deleted pictures."
    )
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(f"DELETE FROM spent WHERE {_DAMAGED_SUM}")  # noqa: S608 - our own words
    connection.execute(
        "INSERT OR IGNORE INTO spent SELECT CAST(created_at / 900 AS INTEGER), model, certain, own_key,"
        " sum(CAST(round(usd * 1000000) AS INTEGER)), count(*) FROM charges GROUP BY 1, 2, 3, 4"
    )
    connection.execute("COMMIT")


_DAMAGED_SUM = "typeof(model) != 'text' OR " + " OR ".join(
    f"typeof({column}) != 'integer'" for column in ("quarter", "certain", "own_key", "micro_usd", "results")
)


SCHEMA = Schema(
    "gallery",
    _MIGRATIONS,
    "Move that file away: a new gallery is started, and the pictures themselves are kept.",
    _mend_sums,
    POSTGRES_MIGRATIONS,
)


def gallery_database(data_dir: Path) -> SQLiteDatabase:
    """Return the database of a person's gallery, shared by all of that person's servers.

    Args:
        data_dir: The folder of its file.
    """
    return SQLiteDatabase(data_dir / "gallery.sqlite3", SCHEMA)
