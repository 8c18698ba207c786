"""The gallery: a record per generation and a handle per picture, shared by all of a person's servers."""

import re
import sqlite3
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from imagerouter_mcp.gallery import rows
from imagerouter_mcp.gallery.entries import GalleryImage, Record, StoredImage
from imagerouter_mcp.gallery.schema import gallery_error, open_database
from imagerouter_mcp.gallery.search import condition

__all__ = ["Gallery", "GalleryImage", "Record", "StoredImage"]

_HANDLE = re.compile(r"(?:img)?[_-]?([0-9a-f]+)", re.IGNORECASE)


class Gallery:
    """The records, in `gallery.sqlite3`, opened when they are first needed.

    One connection and one lock serve all threads: SQLite writes one transaction at a time anyway and reads
    take a millisecond, whereas a connection per call would fold the log back into the database each time
    that the last one closes. Every method raises `ConfigurationError` when the gallery cannot be used.

    Args:
        data_dir: The folder, made if it does not exist.
    """

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / "gallery.sqlite3"
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the database; the next call would open it again."""
        with self._lock:
            if self._connection:
                self._connection.close()
                self._connection = None

    def add(
        self,
        *,
        prompt: str,
        model: str,
        images: Sequence[StoredImage],
        revised_prompt: str | None = None,
        parameters: Mapping[str, object] | None = None,
        sources: Sequence[str] = (),
        cost_usd: Decimal | None = None,
        latency_ms: int | None = None,
        created_at: datetime | None = None,
    ) -> Record:
        """Record a generation, and give it and its images handles.

        When this returns, the record outlives the process, however that ends.

        Args:
            prompt: As it was sent.
            model: The model's id.
            images: At least one.
            revised_prompt: What the model made of the prompt.
            parameters: What else was sent, in terms of JSON.
            sources: The source images; of a data URI, its type and length are kept.
            cost_usd: In USD.
            latency_ms: In milliseconds.
            created_at: With a time zone; None means now.

        Raises:
            ValueError: There are no images.
        """
        if not images:
            raise ValueError("a generation has at least one image")
        with self._transaction("IMMEDIATE") as connection:
            number = rows.insert(
                connection,
                created_at=created_at or datetime.now(UTC),
                prompt=prompt,
                revised_prompt=revised_prompt,
                model=model,
                parameters=parameters or {},
                sources=sources,
                cost_usd=cost_usd,
                latency_ms=latency_ms,
                images=images,
            )
            return rows.select(connection, "id = ?", (number,), 1)[0]

    def update(self, image: GalleryImage) -> bool:
        """Replace what is known of an image, such as after it was fetched at last; its handle stays.

        Returns:
            Whether there is an image of that handle.
        """
        with self._transaction("IMMEDIATE") as connection:
            return rows.update(connection, image)

    def find(self, handle: str) -> tuple[GalleryImage, Record] | None:
        """The image of a handle and the record that it belongs to.

        Args:
            handle: As a person may say it: `img_7f3a`, `IMG 7F3A`, `7f3a`.
        """
        written = _HANDLE.fullmatch("".join(handle.split()))
        if written is None:
            return None
        wanted = f"img_{written[1].lower()}"
        with self._transaction() as connection:
            where = "id = (SELECT generation_id FROM images WHERE handle = ?)"
            for record in rows.select(connection, where, (wanted,), 1):
                for image in record.images:
                    if image.handle == wanted:
                        return image, record
        return None

    def list(self, query: str | None = None, limit: int = 20) -> list[Record]:
        """What was made, the newest first.

        Args:
            query: Words of the prompt, model, handle or date (`2026-11`, `today`, `yesterday`, in the
                computer's time zone); every one must match, whatever its case.
            limit: At most so many.
        """
        where, values = condition(query, datetime.now().astimezone())
        with self._transaction() as connection:
            return rows.select(connection, where, values, max(0, limit))

    def count(self) -> int:
        """How many generations are recorded."""
        with self._transaction() as connection:
            return int(connection.execute("SELECT count(*) FROM generations").fetchone()[0])

    def check_writable(self) -> bool:
        """Make sure that records can be written now; true, for it raises when they cannot."""
        with self._transaction("IMMEDIATE"):
            return True

    @contextmanager
    def _transaction(self, kind: str = "DEFERRED") -> Generator[sqlite3.Connection]:
        """Hold the connection for a transaction; `IMMEDIATE` takes the write lock at once.

        Raises:
            ConfigurationError: The gallery cannot be opened, read or written.
        """
        with self._lock:
            if self._connection is None:
                self._connection = open_database(self.path)
            connection = self._connection
            try:
                connection.execute(f"BEGIN {kind}")
                try:
                    yield connection
                except BaseException:
                    connection.rollback()
                    raise
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise gallery_error(self.path, error) from None
