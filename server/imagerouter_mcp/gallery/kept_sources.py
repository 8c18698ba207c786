"""Sources of masked edits on disk, as they came, until the answers are laid into them."""

import os
import shutil
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from imagerouter_mcp.gallery.files import discard
from imagerouter_mcp.gallery.kept_files import fetched
from imagerouter_mcp.private_files import open_private, private_folder

if TYPE_CHECKING:
    from imagerouter_mcp.gallery.object_store import ObjectStore

_FOLDER = "sources"
_SOURCE, _MASK = ".source", ".mask"


class KeptSources:
    """The sources and masks in a data folder, each in a file named after its generation.

    Args:
        data_dir: Holds `sources`, which only this user can enter.
        objects: Keeps them too, for other servers; None without an object store.
    """

    def __init__(self, data_dir: Path, objects: "ObjectStore | None" = None) -> None:
        self._folder = data_dir / _FOLDER
        self._objects = objects

    def keep(self, handles: list[str], source: BinaryIO, mask: BinaryIO) -> None:
        """Keep a source and its mask for generations of one call.

        Raises:
            OSError: They cannot be written.
        """
        private_folder(self._folder)
        for file, ending in ((source, _SOURCE), (mask, _MASK)):
            first, *others = (self._folder / f"{handle}{ending}" for handle in handles)
            file.seek(0)
            with open_private(first, "wb") as copy:
                shutil.copyfileobj(file, copy)
            file.seek(0)
            for other in others:
                _link(first, other)
            if self._objects:
                for handle in handles:
                    self._objects.put(f"{_FOLDER}/{handle}{ending}", first)

    def bring(self, handle: str) -> None:
        """Fetch what another server kept for a generation, as far as that is possible."""
        for file in (self.source(handle), self.mask(handle)):
            if self._objects and not file.exists():
                with suppress(OSError):
                    fetched(self._objects, f"{_FOLDER}/{file.name}", file)

    def source(self, handle: str) -> Path:
        """Return where the source of a generation is kept, if it is."""
        return self._folder / f"{handle}{_SOURCE}"

    def mask(self, handle: str) -> Path:
        """Return where the mask of a generation is kept, if it is."""
        return self._folder / f"{handle}{_MASK}"

    def discard(self, handle: str) -> None:
        """Remove what is kept for a generation. A failure is logged and ignored."""
        for file in (self.source(handle), self.mask(handle)):
            discard(file)
            if self._objects:
                with suppress(OSError):  # `sweep` will remove it
                    self._objects.delete(f"{_FOLDER}/{file.name}")

    def sweep(self, older_than: timedelta) -> None:
        """Remove what is older than this."""
        if self._objects:
            with suppress(OSError):
                self._objects.delete(*self._objects.sizes(_FOLDER, older_than))
        for file in self._folder.glob("*.*"):
            with suppress(OSError):
                if time.time() - file.stat().st_mtime > older_than.total_seconds():
                    discard(file)


def _link(file: Path, other: Path) -> None:
    """Give a file a second name; copy it where the file system has no hard links."""
    try:
        os.link(file, other)
    except OSError:
        with file.open("rb") as content, open_private(other, "wb") as copy:
            shutil.copyfileobj(content, copy)
