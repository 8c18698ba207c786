"""Copy a gallery from its file into another database, and its files into an object store.

Files come first, each read back and compared. The records follow in one transaction, so a gallery is copied
whole or not at all, and a run that was killed can be repeated. Nothing at the source is changed.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from imagerouter_mcp.database.schema import Connection, Database
from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.gallery.kept_files import KeptFiles
from imagerouter_mcp.gallery.rows import storable_json
from imagerouter_mcp.money import MOST_USD

_AT_ONCE = 500
"""Rows per batch."""
TABLES = {
    "generations": "handle, created_at, prompt, revised_prompt, model, parameters, sources, cost_usd,"
    " latency_ms, words",
    "journal": "handle, call, fingerprint, owner, state, delivered, created_at, ended_at, prompt, model,"
    " reserved_usd, job, notes, error, own_key",
    "deleted": "handle, deleted_at",
    "spent": "quarter, model, certain, own_key, micro_usd, results",
}
"""Tables and columns that are copied unchanged, in this order; `images` follow `generations`."""
_KINDS = {
    "generations": "The record of a result",
    "images": "The record of a picture or video",
    "journal": "The history of a request",
    "deleted": "The record of a deletion",
    "spent": "A sum of what was spent",
}
"""What to call a row of each table."""
IMAGE = "handle, position, path, url, media_type, width, height, bytes, seconds, original_of, finishing"
_LATEST = datetime.max.replace(tzinfo=UTC).timestamp()


@dataclass(slots=True)
class Transferred:
    """What was copied.

    Attributes:
        rows: How many rows of each table.
        files: How many files are in the object store now.
        bytes: Their total size.
        left: A sentence for everything that could not be copied.
    """

    rows: dict[str, int] = field(default_factory=dict[str, int])
    files: int = 0
    bytes: int = 0
    left: list[str] = field(default_factory=list[str])


def transfer_gallery(source: Database, target: Database, kept: KeptFiles) -> Transferred | None:
    """Copy a gallery; return None, without a change, if the target has one already.

    Args:
        source: The gallery's database.
        target: The same person's database elsewhere.
        kept: Keeps the files; without an object store they stay where they are.

    Raises:
        ConfigurationError: A database cannot be used, or the object store cannot be written to.
    """
    done = Transferred()
    if _has_rows(target):
        return None
    keys = _put_files(source, kept, done) if kept.objects else {}
    with source.reading() as reading, target.writing() as writing:
        for table, columns in TABLES.items():
            if table == "spent":  # triggers filled it above, without what was deleted
                writing.execute("DELETE FROM spent")
            done.rows[table] = _copy(reading, writing, table, columns, done)
            if table == "generations":
                done.rows["images"] = _copy_images(reading, writing, keys, done)
    return done


def untransferred(source: Database, target: Database) -> int:
    """Return how many generations the target does not have, such as ones made after the copy."""
    with source.reading() as reading, target.reading() as there:
        found = {handle for (handle,) in reading.execute("SELECT handle FROM generations")}
        found -= {handle for (handle,) in there.execute("SELECT handle FROM generations")}
        return len(found - {handle for (handle,) in there.execute("SELECT handle FROM deleted")})


def _has_rows(target: Database) -> bool:
    with target.reading() as connection:
        return any(connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in TABLES)  # noqa: S608 - our own words


def _put_files(source: Database, kept: KeptFiles, done: Transferred) -> dict[str, Path]:
    """Put all existing files into the object store; return their keys by the pictures' handles."""
    keys: dict[str, Path] = {}
    with source.reading() as connection:
        found = connection.execute(
            "SELECT handle, path FROM images WHERE typeof(path) IN ('blob', 'text')"
        ).fetchall()
    for handle, stored in found:
        path = Path(os.fsdecode(stored))
        if not path.is_file():
            done.left.append(f"The file of {handle} is not at {path}.")
            continue
        try:
            keys[handle] = kept.put(path, handle)
        except OSError as error:
            raise ConfigurationError(
                f"The file of {handle} could not be put into the object store: {error.strerror or error}.",
                "Run it again: files that are stored already are not sent again.",
            ) from None
        done.files += 1
        done.bytes += path.stat().st_size
    return keys


def _copy(reading: Connection, writing: Connection, table: str, columns: str, done: Transferred) -> int:
    order = "quarter" if table == "spent" else "id"
    rows = reading.execute(f"SELECT {columns} FROM {table} ORDER BY {order}")  # noqa: S608 - our own words
    names = columns.split(", ")
    places = ", ".join("?" * len(names))
    insert = f"INSERT INTO {table} ({columns}) VALUES ({places})"  # noqa: S608 - our own words
    return _write(writing, insert, _readable(names, rows, table, done))


def _copy_images(reading: Connection, writing: Connection, keys: dict[str, Path], done: Transferred) -> int:
    rows = reading.execute(
        f"SELECT {IMAGE}, generations.handle AS generation FROM images JOIN generations"  # noqa: S608 - our own words
        " ON generations.id = generation_id ORDER BY generation_id, position".replace(
            "handle, ", "images.handle, ", 1
        )
    )
    names = [*IMAGE.split(", "), "generation"]
    places = ", ".join(f"?{place + 1}" for place in range(len(names) - 1))
    insert = (
        f"INSERT INTO images ({IMAGE}, generation_id) SELECT {places}, id FROM generations"  # noqa: S608 - our own words
        f" WHERE handle = ?{len(names)}"
    )
    path = names.index("path")
    moved = (
        (*row[:path], os.fsencode(keys[row[0]]) if row[0] in keys else row[path], *row[path + 1 :])
        for row in _readable(names, rows, "images", done)
    )
    return _write(writing, insert, moved)


def _write(writing: Connection, insert: str, rows: Iterator[Sequence[Any]]) -> int:
    count = 0
    while batch := list(islice(rows, _AT_ONCE)):
        writing.executemany(insert, batch)
        count += len(batch)
    return count


def _readable(
    names: Sequence[str], rows: Iterable[Sequence[Any]], table: str, done: Transferred
) -> Iterator[Sequence[Any]]:
    """Yield rows with values that every database takes; report damaged rows."""
    for row in rows:
        try:
            yield [_value(name, value) for name, value in zip(names, row, strict=True)]
        except (TypeError, ValueError, ArithmeticError, RecursionError):
            done.left.append(f"{_KINDS[table]} is damaged and was left out: {str(row[0])[:40]!r}.")


def _value(name: str, value: Any) -> Any:  # noqa: ANN401 - whatever a damaged file has
    """Return a value in its column's type.

    Raises:
        TypeError: It has another type.
        ValueError: It cannot be parsed, or the column does not hold it.
        ArithmeticError: It is not a number of this kind.
        RecursionError: It is nested too deeply.
    """
    return None if value is None else _READ.get(name, _text)(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _amount(value: Any) -> str:  # noqa: ANN401 - as above
    return str(_within(Decimal(value), 0, MOST_USD))


def _time(value: Any) -> float:  # noqa: ANN401 - as above
    return _within(value + 0, 0, _LATEST)


def _place(value: Any) -> int:  # noqa: ANN401 - as above
    if value != int(value):  # rounded, it could be another picture's
        raise ValueError
    return _within(int(value), 0, 2**31)


def _whole_number(value: Any) -> int:  # noqa: ANN401 - as above
    return _within(int(value), -(2**53), 2**53)


def _error(value: object) -> str:
    fields = json.loads(_text(value))
    json.dumps(fields, allow_nan=False)  # raises ValueError for infinities and NaN, which are no JSON
    return storable_json(fields)


def _within(value: Any, least: Any, most: Any) -> Any:  # noqa: ANN401 - numbers of three kinds
    if not least <= value < most:  # nor is NaN
        raise ValueError
    return value


_READ: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("delivered", "certain", "own_key"), bool),
    **dict.fromkeys(("cost_usd", "reserved_usd"), _amount),
    **dict.fromkeys(("created_at", "ended_at", "deleted_at", "seconds"), _time),
    **dict.fromkeys(("latency_ms", "width", "height", "bytes", "quarter"), _whole_number),
    **dict.fromkeys(("micro_usd", "results"), _whole_number),
    "position": _place,
    "path": os.fsencode,
    "error": _error,
}
"""How the values of columns are read that are not texts."""
