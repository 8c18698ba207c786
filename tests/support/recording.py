"""Write records without making pictures."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from imagerouter_mcp.database.schema import Database
from imagerouter_mcp.gallery import rows
from imagerouter_mcp.gallery.entries import Metadata, Record, StoredImage
from imagerouter_mcp.gallery.records import Gallery


class RecordingGallery(Gallery):
    """A gallery that takes records without a journal entry, as from before there was a journal."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._recorded_in = database

    def record(
        self,
        images: Sequence[StoredImage],
        created_at: datetime | None = None,
        **metadata: Any,  # noqa: ANN401 - the fields of `Metadata`, each of its own type
    ) -> Record:
        """Record a generation under a new handle."""
        when = created_at or datetime.now(UTC)
        with self._recorded_in.writing() as connection:
            (handle,) = rows.new_handles(connection, "gen", 1)
            return rows.insert(connection, handle, when, Metadata(**metadata), images)
