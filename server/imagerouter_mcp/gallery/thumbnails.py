"""Small copies of pictures, kept in the data folder so that each is made once."""

import hashlib
import os
import stat
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from imagerouter_mcp.gallery.files import discard, partial_file, sweep_least_used
from imagerouter_mcp.private_files import private_folder

MOST_BYTES = 256 * 2**20
"""Of all thumbnails together: those of about 20,000 pictures."""
_SWEPT_AFTER_BYTES = MOST_BYTES // 16
_USED_SECONDS = 24 * 3600
"""A thumbnail's last use is noted at most once in this time."""


def state_of(path: Path | None) -> str | None:
    """Return what changes when a recorded file does; None if there is no such file.

    What an object store keeps under a key never changes.
    """
    if path is None or not path.is_absolute():
        return path and path.as_posix()
    try:
        file = path.stat()
    except OSError:
        return None
    if not stat.S_ISREG(file.st_mode):
        return None
    return f"{file.st_dev} {file.st_ino} {file.st_size} {file.st_mtime_ns}"


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

    def find(self, handle: str, size: str, state: str) -> bytes | None:
        """Return a thumbnail, or None if it has to be made.

        Args:
            handle: The picture's.
            size: Which of its thumbnails.
            state: The picture's, from `state_of`.
        """
        path = self._path(handle, size, state)
        try:
            content = path.read_bytes()
            if time.time() - path.stat().st_mtime > _USED_SECONDS:
                os.utime(path)
        except OSError:
            return None
        return content

    def keep(self, handle: str, size: str, state: str, content: bytes) -> None:
        """Keep a thumbnail. If that fails, it will be made again."""
        with suppress(OSError):
            private_folder(self._folder)
            with partial_file(self._folder, private=True) as partial:
                partial.file.write(content)
                partial.file.close()
                partial.path.replace(self._path(handle, size, state))
            self._unswept += len(content)
            if self._unswept > _SWEPT_AFTER_BYTES:
                self._unswept = 0
                sweep_least_used(self._folder, MOST_BYTES)

    def handles(self) -> set[str]:
        """Return the handles of the pictures that have thumbnails."""
        try:
            return {path.name.partition("-")[0] for path in self._folder.iterdir()}
        except OSError:
            return set()

    def discard(self, handles: Collection[str]) -> None:
        """Remove the thumbnails of pictures."""
        with suppress(OSError):
            for path in self._folder.iterdir():
                if path.name.partition("-")[0] in handles:
                    discard(path)

    def _path(self, handle: str, size: str, state: str) -> Path:
        return self._folder / f"{handle}-{size}-{hashlib.sha256(state.encode()).hexdigest()[:16]}.jpg"
