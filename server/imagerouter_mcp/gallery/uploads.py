"""Keep pictures that were sent to the server to be edited, each under its own name, for a day."""

import contextlib
import re
import secrets
import shutil
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.gallery.files import move_new, partial_file, sweep_partials
from imagerouter_mcp.gallery.kept_files import fetched
from imagerouter_mcp.private_files import private_folder

if TYPE_CHECKING:
    from imagerouter_mcp.gallery.object_store import ObjectStore

KEPT = timedelta(days=1)
"""How long an upload can be used as a source. Longer than its link lives, so that no link works twice."""
MAX_UPLOAD_BYTES = 25 * 2**20
MAX_KEPT_BYTES = 4 * 2**30
"""Limit of all uploads together."""
_FOLDER = "uploads"
_NAME = re.compile(r"upload_[0-9a-f]{16}")


class Uploads:
    """The uploads in a data folder, which several processes may share.

    Args:
        data_dir: The folder; the first upload creates `uploads` in it.
        objects: Keeps them too, for other servers; None without an object store.
    """

    def __init__(self, data_dir: Path, objects: "ObjectStore | None" = None) -> None:
        self._folder = data_dir / _FOLDER
        self._objects = objects

    def new_name(self) -> str:
        """Return a name for a future upload that nobody can guess."""
        return f"upload_{secrets.token_hex(8)}"

    def find(self, name: str) -> Path | None:
        """Return the file of an upload, or None if there is none.

        Raises:
            ConfigurationError: The object store cannot be asked for it.
        """
        if not is_upload(name):
            return None
        path = self._folder / name.strip().lower()
        if path.is_file() or self._objects is None:
            return path if path.is_file() else None
        try:
            return fetched(self._objects, f"{_FOLDER}/{path.name}", path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigurationError(
                f"The upload cannot be read: {error.strerror or error}.", "Try again in a minute."
            ) from None

    def keep(self, name: str, file: BinaryIO) -> bool:
        """Keep an upload under its name, unless another process or call already has.

        Args:
            name: From `new_name`.
            file: The picture, read from its current position.

        Returns:
            Whether this was the first upload of that name.

        Raises:
            ConfigurationError: It cannot be written, or the uploads take too much room.
        """
        try:
            private_folder(self._folder)
            self._sweep()
            with partial_file(self._folder, private=True) as partial:
                shutil.copyfileobj(file, partial.file)
                finished = partial.finish()
                if self._objects and not self._objects.put(f"{_FOLDER}/{name}", finished):
                    return False
                return move_new(finished, self._folder / name)
        except OSError as error:
            raise ConfigurationError(
                f"The upload cannot be kept: {error.strerror or error}.",
                "The person who runs the server must make room in its data folder, or make it writable.",
            ) from None

    def _sweep(self) -> None:
        """Remove expired uploads.

        Raises:
            ConfigurationError: The remaining uploads take too much room.
        """
        if self._objects:
            self._objects.delete(*self._objects.sizes(_FOLDER, KEPT))
        sweep_partials(self._folder, KEPT)
        latest, left = time.time() - KEPT.total_seconds(), 0
        for path in self._folder.glob("upload_*"):
            with contextlib.suppress(OSError):  # another process removed it first
                status = path.stat()
                if status.st_mtime <= latest:
                    path.unlink()
                else:
                    left += status.st_size
        if self._objects:
            left = sum(self._objects.sizes(_FOLDER).values())
        if left > MAX_KEPT_BYTES:
            raise ConfigurationError(
                f"The uploads of the last day take {left / 2**30:.1f} GiB.",
                "Send this one when they are a day old and removed, or give the picture's address instead.",
            )


def is_upload(text: str) -> bool:
    """Return whether a text has the form of an upload's name."""
    return _NAME.fullmatch(text.strip().lower()) is not None
