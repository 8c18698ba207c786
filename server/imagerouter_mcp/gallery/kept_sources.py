"""Sources of masked edits on disk, as they came, until the answers are laid into them."""

import os
import shutil
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from imagerouter_mcp.gallery.files import discard
from imagerouter_mcp.private_files import open_private, private_folder

_SOURCE, _MASK = ".source", ".mask"


class KeptSources:
    """The sources and masks in a data folder, each in a file named after its generation.

    Args:
        data_dir: Holds `sources`, which only this user can enter.
    """

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "sources"

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

    def sweep(self, older_than: timedelta) -> None:
        """Remove what nobody asked for in this time."""
        for file in self._folder.glob("*.*"):
            with suppress(OSError):
                if time.time() - file.stat().st_mtime > older_than.total_seconds():
                    discard(file)


def _link(file: Path, other: Path) -> None:
    """Give a file a second name; copy it where the file system has no such thing."""
    try:
        os.link(file, other)
    except OSError:
        with file.open("rb") as content, open_private(other, "wb") as copy:
            shutil.copyfileobj(content, copy)
