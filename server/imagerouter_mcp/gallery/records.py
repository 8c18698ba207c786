"""The gallery: a record for each generation and a handle for each picture, shared by a person's servers."""

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from imagerouter_mcp.database.schema import Database
from imagerouter_mcp.gallery import rows
from imagerouter_mcp.gallery.entries import GalleryImage, Metadata, Record, StoredImage
from imagerouter_mcp.gallery.query import CONDITION, condition_value

_LATENCIES = 20
"""How many of a model's latest results count for its usual duration."""
_OF_CALL = 100
"""More than any call makes."""
_HANDLE = re.compile(r"(?:img)?[_-]?([0-9a-f]+)", re.IGNORECASE)


class Gallery:
    """The records. Every method raises `ConfigurationError` if the gallery cannot be used.

    Args:
        database: Holds the records.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, metadata: Metadata, images: Sequence[StoredImage]) -> Record:
        """Record pictures that were made here for free, under a new handle."""
        with self._database.writing() as connection:
            (handle,) = rows.new_handles(connection, "gen", 1)
            return rows.insert(connection, handle, datetime.now(UTC), metadata, images)

    def update(self, handle: str, image: StoredImage) -> GalleryImage:
        """Replace the details of an image after a late download, unless its recorded file is there by now.

        Returns:
            The image as it is recorded now: another process may have been faster.

        Raises:
            NotFoundError: It was deleted meanwhile.
        """
        with self._database.writing() as connection:
            return rows.update(connection, handle, image)

    def forget_file(self, handle: str, path: Path) -> None:
        """Note that the file of an image is gone, so that it can be fetched again."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE images SET path = NULL WHERE handle = ? AND path = ?", (handle, os.fsencode(path))
            )

    def move_file(self, path: Path, new: Path) -> bool:
        """Note that a file is elsewhere now; return whether a record still named it."""
        with self._database.writing() as connection:
            moved = connection.execute(
                "UPDATE images SET path = ? WHERE path = ? RETURNING handle",
                (os.fsencode(new), os.fsencode(path)),
            )
            return moved.fetchone() is not None

    def has(self, path: Path) -> bool:
        """Return whether a file is recorded."""
        with self._database.reading() as connection:
            found = connection.execute("SELECT 1 FROM images WHERE path = ?", (os.fsencode(path),))
            return found.fetchone() is not None

    def find(self, handle: str) -> tuple[GalleryImage, Record] | None:
        """Return the image with a handle, and its record.

        Args:
            handle: As a person may write it: `img_7f3a`, `IMG 7F3A`, `7f3a`.
        """
        normalised = picture_handle(handle)
        if normalised is None:
            return None
        with self._database.reading() as connection:
            where = "id = (SELECT generation_id FROM images WHERE handle = ?)"
            for record in rows.select(connection, where, (normalised,), 1):
                for image in (*record.images, *record.originals):
                    if image.handle == normalised:
                        return image, record
        return None

    def was_deleted(self, handle: str) -> bool:
        """Return whether a picture or a generation of this handle was there once."""
        names = rows.storable(handle.strip().lower()), picture_handle(handle)
        with self._database.reading() as connection:
            found = connection.execute("SELECT 1 FROM deleted WHERE handle IN (?, ?)", names)
            return found.fetchone() is not None

    def delivered(self, limit: int) -> list[Record]:
        """Return the newest records that somebody got.

        Args:
            limit: The maximum number of records.
        """
        where = "NOT EXISTS (SELECT 1 FROM journal WHERE handle = generations.handle AND NOT delivered)"
        with self._database.reading() as connection:
            return rows.select(connection, where, (), limit)

    def of_call(self, generation: str) -> list[Record]:
        """Return the records of the call that a generation belongs to, in the order of its requests."""
        same = "SELECT handle FROM journal WHERE call = (SELECT call FROM journal WHERE handle = ?)"
        where = f"handle = ? OR handle IN ({same})"
        with self._database.reading() as connection:
            asked = [handle for (handle,) in connection.execute(f"{same} ORDER BY id", (generation,))]
            found = rows.select(connection, where, (generation, generation), _OF_CALL)
        return sorted(found, key=lambda record: asked.index(record.generation) if asked else 0)

    def list(self, query: str | None = None, limit: int = 20) -> list[Record]:
        """Return records, newest first; those of one call stand together in the order of its requests.

        Args:
            query: Words of the prompt, model, handle or date (`2026-11`, `today`, `yesterday`, in the
                computer's time zone). Every word must match, in upper or lower case.
            limit: The maximum number of records.
        """
        with self._database.reading() as connection:
            found = rows.select(connection, CONDITION, (condition_value(query),), max(0, limit))
            return rows.by_call(connection, found)

    def generation(self, handle: str) -> Record | None:
        """Return the record of a generation by its handle, such as `gen_7f3a`."""
        with self._database.reading() as connection:
            return next(iter(rows.select(connection, "handle = ?", (handle,), 1)), None)

    def of_file(self, path: Path) -> Record | None:
        """Return the newest record with a picture whose file has this path."""
        where = "id = (SELECT max(generation_id) FROM images WHERE path = ?)"
        with self._database.reading() as connection:
            return next(iter(rows.select(connection, where, (os.fsencode(path),), 1)), None)

    def usual_seconds(self, model: str) -> float | None:
        """Return the median duration of a model's latest results, in seconds; None if there are none."""
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT latency_ms FROM generations WHERE model = ? AND latency_ms BETWEEN 0 AND 1e15"
                " ORDER BY id DESC LIMIT ?",
                (model, _LATENCIES),
            ).fetchall()
        return median(latency for (latency,) in found) / 1000 if found else None

    def count(self, query: str | None = None) -> int:
        """Return the number of recorded generations.

        Args:
            query: As for `list`.
        """
        all_of_them = "SELECT count(*) FROM generations"  # looking at the words of each takes much longer
        counted, values = (
            (f"{all_of_them} WHERE {CONDITION}", (condition_value(query),)) if query else (all_of_them, ())
        )
        with self._database.reading() as connection:
            return int(connection.execute(counted, values).fetchone()[0])

    def check_writable(self) -> bool:
        """Return True if records can be written now; else raise."""
        with self._database.writing():
            return True


def picture_handle(text: str) -> str | None:
    """Return a picture's handle as the gallery has it, such as `img_7f3a`; None if the text is none."""
    written = _HANDLE.fullmatch("".join(text.split()))
    return f"img_{written[1].lower()}" if written else None
