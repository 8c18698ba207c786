"""Delete pictures: their files, thumbnails and records. What was spent on them stays in the sums.

Only files that the gallery recorded are removed, and only while they are as they were saved: a regular file
of the same size. A file of another size is the person's own work and is kept, and so is one that another
record names too. For callers on other machines, only files in the output folders are removed.

Objects in an object store never change, and go with their record.

Files go first, within the transaction that removes their records: nothing that is gone from the gallery is
still on disk. If the process dies in between, the record says that its file is missing, and can be deleted
again.
"""

import json
import os
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Literal

from imagerouter_mcp.database.schema import Connection, Database
from imagerouter_mcp.gallery.days import start_of
from imagerouter_mcp.gallery.entries import OPEN_STATES
from imagerouter_mcp.gallery.files import RESCUED
from imagerouter_mcp.gallery.kept_files import KeptFiles
from imagerouter_mcp.gallery.kept_sources import KeptSources
from imagerouter_mcp.gallery.records import picture_handle
from imagerouter_mcp.gallery.thumbnails import Thumbnails
from imagerouter_mcp.settings import Settings

_AT_ONCE = 100
"""Pictures in one transaction, so that other processes wait only briefly."""
_OPEN = ", ".join(f"'{state}'" for state in OPEN_STATES)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is about to be deleted.

    Attributes:
        handles: The pictures.
        bytes: The size of their files, originals included.
        unknown: A sentence for each name that is no picture.
    """

    handles: tuple[str, ...]
    bytes: int
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Deleted:
    """What was deleted.

    Attributes:
        pictures: How many.
        bytes: The size of the files that were removed.
        notes: A sentence for each file or picture that was kept.
    """

    pictures: int
    bytes: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _File:
    """A row of a picture, or of the original that it was made of."""

    handle: str
    path: Path | None
    size: int | None


class Deletion:
    """Deletes pictures. Every method raises `ConfigurationError` if the gallery cannot be used.

    Args:
        database: Holds the records.
        thumbnails: Go with their pictures.
        files: The pictures' files.
        settings: The folders.
    """

    def __init__(
        self, database: Database, thumbnails: Thumbnails, files: KeptFiles, settings: Settings
    ) -> None:
        self._database = database
        self._thumbnails = thumbnails
        self._files = files
        self._kept_sources = KeptSources(settings.data_dir, files.objects)
        own = (settings.output_dir, *settings.output_dirs, settings.data_dir / RESCUED)
        self._only_in = own if settings.remote else None

    def named(self, names: Sequence[str]) -> Chosen:
        """Choose pictures by their handles, as a person may write them."""
        with self._database.reading() as connection:
            handles = dict.fromkeys(filter(None, map(picture_handle, names)))
            known = [handle for handle in handles if _files(connection, handle)]
            unknown = [
                _unknown(connection, name, picture_handle(name))
                for name in names
                if picture_handle(name) not in known
            ]
            return Chosen(tuple(known), _bytes(connection, known), tuple(unknown))

    def before(self, day: date) -> Chosen:
        """Choose all pictures that were made before a day in the person's time zone."""
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT images.handle FROM images JOIN generations ON generations.id = generation_id"
                " WHERE original_of IS NULL AND created_at < ?",
                (start_of(day).timestamp(),),
            )
            handles = tuple(handle for (handle,) in found)
            return Chosen(handles, _bytes(connection, handles))

    def forget_everything(self) -> None:
        """Remove all records of a person, also of what was spent; the caller removes the folders."""
        with self._database.writing() as connection:
            for table in ("images", "generations", "journal", "deleted", "spent"):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own words

    def delete(self, handles: Sequence[str]) -> Deleted:
        """Delete pictures permanently, skipping those that another process has deleted meanwhile.

        Args:
            handles: From `named` or `before`.
        """
        self._thumbnails.discard(set(handles))  # they are made again for what is kept
        pictures = removed = 0
        notes: list[str] = []
        gone: set[str] = set()
        for first in range(0, len(handles), _AT_ONCE):
            with self._database.writing() as connection:
                for handle in handles[first : first + _AT_ONCE]:
                    one = _PictureDeletion(connection, handle, self._files, self._only_in)
                    removed += one.delete()
                    gone.update(one.gone)
                    notes += one.notes
                    pictures += bool(one.gone)
        self._thumbnails.discard(gone)
        for handle in gone:
            if handle.startswith("gen_"):
                self._kept_sources.discard(handle)
        return Deleted(pictures, removed, tuple(notes))

    def drop_stale_copies(self, unused: timedelta) -> None:
        """Remove from this machine the copies of objects and the thumbnails that no record names any more.

        Another server that deletes a picture cannot reach them.

        Args:
            unused: How long a copy must be unused.
        """
        copies, pictures = self._files.unused_copies(unused), self._thumbnails.handles()
        if not copies and not pictures:
            return
        with self._database.reading() as connection:
            copies = [key for key in copies if not _is_recorded(connection, "path", os.fsencode(key))]
            pictures = {handle for handle in pictures if not _is_recorded(connection, "handle", handle)}
        for key in copies:
            self._files.drop_copy(key)
        self._thumbnails.discard(pictures)


class _PictureDeletion:
    """The deletion of one picture, within a transaction that holds the write lock."""

    def __init__(
        self, connection: Connection, handle: str, kept: KeptFiles, only_in: Sequence[Path] | None
    ) -> None:
        self._connection = connection
        self._handle = handle
        self._kept = kept
        self._only_in = only_in
        self.notes: list[str] = []
        self.gone: list[str] = []
        """The handles that do not exist any more: the picture's, its original's, perhaps its generation's."""

    def delete(self) -> int:
        """Delete the picture if that is possible now; return how many bytes became free."""
        files = _files(self._connection, self._handle)
        if not files:
            return 0
        (generation,) = self._connection.execute(
            "SELECT generation_id FROM images WHERE handle = ?", (self._handle,)
        ).fetchone()
        if self._is_under_way(generation):
            self.notes.append(f"{self._handle} was kept: its call is still under way. Try again later.")
            return 0
        try:
            removed = sum(self._remove(file, files) for file in files)
        except OSError as error:
            reason = error.strerror or error
            self.notes.append(f"{self._handle} was kept: its file cannot be removed ({reason}).")
            return 0
        self._forget([file.handle for file in files], generation)
        return removed

    def _is_under_way(self, generation: int) -> bool:
        found = self._connection.execute(
            f"SELECT 1 FROM journal WHERE state IN ({_OPEN}) AND call = (SELECT call FROM journal"  # noqa: S608 - our own words
            " WHERE handle = (SELECT handle FROM generations WHERE id = ?))",
            (generation,),
        )
        return found.fetchone() is not None

    def _remove(self, file: _File, files: Sequence[_File]) -> int:
        """Remove a file if it is the one that was saved; return its size, or 0.

        Raises:
            OSError: It cannot be removed.
        """
        path = file.path
        if path is None or self._is_of_another(path, files):
            return 0
        if not path.is_absolute():
            self._kept.remove(path)
            return file.size or 0
        try:
            status = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return 0
        if self._only_in is not None and not any(path.is_relative_to(folder) for folder in self._only_in):
            self.notes.append(f"{path} was kept: it is outside of the output folders.")
            return 0
        if not stat.S_ISREG(status.st_mode) or status.st_size != file.size:
            self.notes.append(f"{path} was kept: it has changed since it was saved.")
            return 0
        with suppress(FileNotFoundError):
            path.unlink()
        return status.st_size

    def _is_of_another(self, path: Path, files: Sequence[_File]) -> bool:
        """Return whether another record names the file: it was saved where an earlier one had been."""
        own = json.dumps([file.handle for file in files])
        found = self._connection.execute(
            "SELECT 1 FROM images WHERE path = ? AND handle NOT IN (SELECT value FROM json_each(?))",
            (os.fsencode(path), own),
        )
        return found.fetchone() is not None

    def _forget(self, handles: list[str], generation: int) -> None:
        """Remove the rows; those of the generation too, unless it has other pictures."""
        self._connection.executemany("DELETE FROM images WHERE handle = ?", [(each,) for each in handles])
        left = self._connection.execute("SELECT 1 FROM images WHERE generation_id = ?", (generation,))
        if left.fetchone() is None:
            (own,) = self._connection.execute(
                "DELETE FROM generations WHERE id = ? RETURNING handle", (generation,)
            ).fetchone()
            self._connection.execute("DELETE FROM journal WHERE handle = ?", (own,))
            handles = [*handles, own]
        now = datetime.now(UTC).timestamp()
        self._connection.executemany(
            "INSERT INTO deleted (handle, deleted_at) VALUES (?, ?)", [(each, now) for each in handles]
        )
        self.gone = handles


def _is_recorded(connection: Connection, column: Literal["path", "handle"], value: object) -> bool:
    found = connection.execute(f"SELECT 1 FROM images WHERE {column} = ?", (value,))  # noqa: S608 - our own words
    return found.fetchone() is not None


def _files(connection: Connection, handle: str) -> list[_File]:
    """Return a picture's file and that of its original."""
    found = connection.execute(
        "SELECT handle, path, bytes FROM images WHERE handle = ?1 OR original_of = ?1", (handle,)
    )
    return [
        _File(each, None if path is None else Path(os.fsdecode(path)), size) for each, path, size in found
    ]


def _bytes(connection: Connection, handles: Iterable[str]) -> int:
    (total,) = connection.execute(
        "WITH chosen AS (SELECT value FROM json_each(?)) SELECT coalesce(sum(bytes), 0) FROM images"
        " WHERE path IS NOT NULL"
        " AND (handle IN (SELECT value FROM chosen) OR original_of IN (SELECT value FROM chosen))",
        (json.dumps(list(handles)),),
    ).fetchone()
    return int(total)


def _unknown(connection: Connection, name: str, handle: str | None) -> str:
    was = connection.execute("SELECT 1 FROM deleted WHERE handle = ?", (handle,)).fetchone()
    if was:
        return f"{handle} was deleted already."
    return f"There is no picture {name[:40]!r} in the gallery."
