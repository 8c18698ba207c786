"""Small copies of pictures, kept in the data folder so that each is made once."""

import hashlib
import os
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from imagerouter_mcp.gallery.files import discard, partial_file
from imagerouter_mcp.private_files import private_folder

MOST_BYTES = 256 * 2**20
"""Of all thumbnails together: those of about 20,000 pictures."""
_SWEPT_AFTER_BYTES = MOST_BYTES // 16
_KEPT_PART = 0.9
"""How much of the limit is left after a sweep."""
_USED_SECONDS = 24 * 3600
"""How exactly it is known when a thumbnail was last used."""


class Thumbnails:
    """The thumbnails in a data folder, which several processes may share.

    Each is named after its picture, so that it can be deleted with it, and after the state of the file that
    it was made of, so that a changed file gets another.

    Args:
        data_dir: Holds `thumbnails`, which only this user can enter.
    """

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "thumbnails"
        self._unswept = MOST_BYTES
        """Bytes written since the last sweep; there may have been none yet."""

    def find(self, handle: str, size: str, file: os.stat_result) -> bytes | None:
        """Return a thumbnail, or None if it has to be made.

        Args:
            handle: The picture's.
            size: Which of its thumbnails.
            file: The status of the picture's file.
        """
        path = self._path(handle, size, file)
        try:
            content = path.read_bytes()
            if time.time() - path.stat().st_mtime > _USED_SECONDS:
                os.utime(path)
        except OSError:
            return None
        return content

    def keep(self, handle: str, size: str, file: os.stat_result, content: bytes) -> None:
        """Keep a thumbnail. If that fails, it will be made again."""
        with suppress(OSError):
            private_folder(self._folder)
            with partial_file(self._folder, private=True) as partial:
                partial.file.write(content)
                partial.file.close()
                partial.path.replace(self._path(handle, size, file))
            self._unswept += len(content)
            if self._unswept > _SWEPT_AFTER_BYTES:
                self._unswept = 0
                self._sweep()

    def discard(self, handles: Collection[str]) -> None:
        """Remove the thumbnails of pictures."""
        with suppress(OSError):
            for path in self._folder.iterdir():
                if path.name.partition("-")[0] in handles:
                    discard(path)

    def _path(self, handle: str, size: str, file: os.stat_result) -> Path:
        state = f"{file.st_dev} {file.st_ino} {file.st_size} {file.st_mtime_ns}"
        return self._folder / f"{handle}-{size}-{hashlib.sha256(state.encode()).hexdigest()[:16]}.jpg"

    def _sweep(self) -> None:
        """Remove the least recently used thumbnails if all together are too large."""
        found: list[tuple[float, int, str]] = []
        with os.scandir(self._folder) as entries:
            for entry in entries:
                with suppress(OSError):  # another process removed it
                    status = entry.stat()
                    found.append((status.st_mtime, status.st_size, entry.path))
        taken = sum(size for _, size, _ in found)
        if taken <= MOST_BYTES:
            return
        for _, size, path in sorted(found):
            if taken <= MOST_BYTES * _KEPT_PART:
                return
            discard(Path(path))
            taken -= size
