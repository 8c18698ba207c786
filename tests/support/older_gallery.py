"""A gallery as it was before its database kept sums."""

import sqlite3


def go_back_to_version_3(connection: sqlite3.Connection) -> None:
    """Remove what later versions of the schema have added."""
    added = connection.execute(
        "SELECT type, name FROM sqlite_schema WHERE type = 'trigger' OR type != 'trigger' AND name IN"
        " ('spent', 'charges', 'journal_unfinished', 'journal_state', 'journal_job')"
    ).fetchall()
    for kind, name in added:
        connection.execute(f"DROP {kind} {name}")
    connection.execute("DROP TABLE deleted")
    for index in ("images_original_of", "images_own", "images_path"):
        connection.execute(f"DROP INDEX {index}")
    for column in ("original_of", "finishing"):
        connection.execute(f"ALTER TABLE images DROP COLUMN {column}")
    for column in ("clock", "ended_uptime", "own_key"):
        connection.execute(f"ALTER TABLE journal DROP COLUMN {column}")
    connection.execute("CREATE INDEX journal_state ON journal (state)")
    connection.execute("PRAGMA user_version = 3")
