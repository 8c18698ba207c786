"""Which process is at work: each holds a lock of the operating system, which ends with the process."""

import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from imagerouter_mcp.errors import ConfigurationError


class Owners:
    """The processes that work on one gallery, this one among them.

    Args:
        folder: Holds a lock file for each, made when it is needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: BaseFileLock | None = None
        self.name = f"{os.getpid()}-{secrets.token_hex(4)}"

    def hold(self) -> str:
        """Show that this process is at work, until it ends or releases.

        Returns:
            Its name, which no other process has.

        Raises:
            ConfigurationError: The lock file cannot be made.
        """
        if self._held is not None and not Path(self._held.lock_file).exists():
            self._held.release()  # somebody removed the folder, and with it what others see of the lock
            self._held = None
        if self._held is None:
            lock = self._lock(self.name)
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                lock.acquire(timeout=0)
            except OSError as error:
                raise ConfigurationError(
                    f"The folder {self._folder} cannot be written to ({error.strerror or error}).",
                    "Make it writable, or set IMAGEROUTER_DATA_DIR to another folder.",
                ) from None
            self._held = lock
        return self.name

    def release(self) -> None:
        """Say that this process is no longer at work."""
        if self._held is not None:
            self._held.release()
            self._held = None
            self._remove(self.name)

    @contextmanager
    def gone(self, name: str) -> Generator[bool]:
        """Whether a process is gone, whose work nobody else takes up within the block.

        Args:
            name: As `hold` answered there.
        """
        lock = self._lock(name)
        try:
            lock.acquire(timeout=0)
        except (Timeout, OSError):
            yield False
            return
        try:
            yield True
        finally:
            lock.release()
            self._remove(name)

    def _lock(self, name: str) -> BaseFileLock:
        return FileLock(self._folder / f"{name}.lock", thread_local=False)

    def _remove(self, name: str) -> None:
        with suppress(OSError):  # an empty file of a name that no process will have again
            (self._folder / f"{name}.lock").unlink()
