"""The service's answers on disk: as they arrive, and what is kept of them when no picture can be stored."""

import shutil
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from imagerouter_mcp.gallery.files import RESCUED, discard, prepare_folder
from imagerouter_mcp.gallery.kept_files import fetched
from imagerouter_mcp.private_files import open_private, private_folder

if TYPE_CHECKING:
    from imagerouter_mcp.gallery.object_store import ObjectStore


_SHARED = "answers"


class Answers:
    """The answers in a data folder, each in a file named after its generation.

    Args:
        data_dir: Holds `arriving`, for answers of generations that have not ended, and `rescued`.
        objects: Keeps whole answers until they are delivered, for other servers; None without an object
            store.
    """

    def __init__(self, data_dir: Path, objects: "ObjectStore | None" = None) -> None:
        self._objects = objects
        self._arriving = data_dir / "arriving"
        self._rescued = data_dir / RESCUED

    def prepare(self) -> None:
        """Make sure before a paid call that its answer can be kept.

        Raises:
            ConfigurationError: The data folder cannot be written to.
        """
        prepare_folder(
            self._arriving,
            "Make it writable and make room there, or set IMAGEROUTER_DATA_DIR to another folder.",
        )
        private_folder(self._arriving)

    def file(self, handle: str) -> Path:
        """Return the file that stores the bytes of a generation's answer while they arrive."""
        return self._arriving / f"{handle}.answer"

    def arrived(self, handle: str) -> Path:
        """Return the file with what arrived of an answer, wherever it was kept; there may be none."""
        kept = self._kept(handle)
        return kept if kept.is_file() else self.file(handle)

    @property
    def shared(self) -> bool:
        """Whether other servers can fetch whole answers."""
        return self._objects is not None

    def share(self, handle: str) -> None:
        """Copy a whole answer to where other servers find it, in case this one ends before it is delivered.

        A failure is ignored: the answer is still here.
        """
        if self._objects:
            with suppress(OSError):
                self._objects.put(f"{_SHARED}/{handle}", self.file(handle))

    def bring(self, handle: str) -> None:
        """Fetch a whole answer that another server received, if there is one."""
        if self._objects and self.left(handle) is None:
            with suppress(OSError):
                fetched(self._objects, f"{_SHARED}/{handle}", self.file(handle))

    def left(self, handle: str) -> Path | None:
        """Return the file with what arrived of an answer; None if it does not exist any more."""
        arrived = self.arrived(handle)
        return arrived if arrived.is_file() else None

    def discard(self, handle: str) -> None:
        """Remove an answer that is no longer needed. A failure is logged and ignored."""
        discard(self.file(handle))
        if self._objects:
            with suppress(OSError):
                self._objects.delete(f"{_SHARED}/{handle}")

    def sweep(self, older_than: timedelta) -> None:
        """Remove the copies for other servers that are older than this."""
        if self._objects:
            with suppress(OSError):
                self._objects.delete(*self._objects.sizes(_SHARED, older_than))

    def arriving(self) -> list[str]:
        """Return the generations with bytes of an answer that was neither stored nor kept yet."""
        return [path.stem for path in self._arriving.glob("*.answer")]

    def keep(self, handle: str) -> Path | None:
        """Keep what arrived of an answer after the end of its generation.

        Returns:
            The file with the unchanged bytes, which stays where it is if it cannot be moved; None if nothing
            arrived.
        """
        arrived = self.file(handle)
        try:
            with arrived.open("rb") as file:
                file.readline()  # the status and the headers
                empty = not file.read(1)
        except FileNotFoundError:
            return None
        except OSError:  # it may still hold an answer
            empty = False
        if empty:
            self.discard(handle)
            return None
        with suppress(OSError):
            private_folder(self._rescued)
            return arrived.replace(self._kept(handle))
        return arrived

    def keep_part(self, name: str, file: Path) -> Path:
        """Keep a copy of the bytes that came in place of a picture; replace an earlier one of that name.

        Raises:
            OSError: It cannot be copied.
        """
        kept = private_folder(self._rescued) / name
        with file.open("rb") as came, open_private(kept, "wb") as copy:
            shutil.copyfileobj(came, copy)
        return kept

    def kept_part(self, name: str) -> Path | None:
        """Return the file that `keep_part` kept, by its name without extension; None if there is none."""
        return next(self._rescued.glob(f"{name}.*"), None)

    def _kept(self, handle: str) -> Path:
        return self._rescued / f"{handle}.answer"
