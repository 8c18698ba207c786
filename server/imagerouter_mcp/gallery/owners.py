"""Tell which processes are alive: each holds a lock that the operating system releases when it ends."""

import os
import re
import secrets
import time
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from filelock import BaseFileLock, FileLock, Timeout

from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.private_files import private_folder

_NAME = re.compile(r"[\w-]{1,100}", re.ASCII)


class OwnersAtWork(Protocol):
    """The processes that work on one gallery, however each shows that it is alive."""

    name: str

    def hold(self) -> str:
        """Show others that this process is alive, until `release` or its end; return its unique name."""
        ...

    def release(self) -> None:
        """Show others that this process no longer works on the gallery."""
        ...

    def has_ended(self, name: str, /) -> AbstractContextManager[bool]:
        """Yield whether a process has ended."""
        ...

    def sweep(self, older_than: timedelta, /) -> None:
        """Forget processes that ended this long ago."""
        ...


class Owners:
    """The processes that work on one gallery, including this one.

    Args:
        folder: Holds a lock file for each process; created when needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: BaseFileLock | None = None
        self.name = f"{os.getpid()}-{secrets.token_hex(4)}"

    def hold(self) -> str:
        """Take this process's lock and keep it until `release` or the end of the process.

        Returns:
            This process's unique name.

        Raises:
            ConfigurationError: The lock file cannot be created.
        """
        if self._held is not None and not Path(self._held.lock_file).exists():
            self._held.release()  # the folder was removed, so other processes no longer see the lock
            self._held = None
        if self._held is None:
            lock = self._lock(self.name)
            try:
                private_folder(self._folder)
                lock.acquire(timeout=0)
            except OSError as error:
                raise ConfigurationError(
                    f"The folder {self._folder} cannot be written to ({error.strerror or error}).",
                    "Make it writable, or set IMAGEROUTER_DATA_DIR to another folder.",
                ) from None
            self._held = lock
        return self.name

    def release(self) -> None:
        """Release this process's lock."""
        if self._held is not None:
            self._held.release()
            self._held = None
            self._remove(self.name)

    @contextmanager
    def has_ended(self, name: str) -> Generator[bool]:
        """Yield whether a process has ended; its lock is then held during the block.

        Args:
            name: What `hold` returned in that process. Anything else is no process, and nothing is locked.
        """
        if not _NAME.fullmatch(str(name)):
            yield True
            return
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

    def sweep(self, older_than: timedelta) -> None:
        """Remove the lock files of processes that were killed.

        Args:
            older_than: Minimum age of a file, so that no process that is just starting loses its lock.
        """
        latest = time.time() - older_than.total_seconds()
        with suppress(OSError):
            for path in self._folder.glob("*.lock"):
                with suppress(OSError):  # it has just been removed
                    if path.stem != self.name and path.stat().st_mtime <= latest:
                        with self.has_ended(path.stem):
                            pass  # which removes it if its process has ended

    def _lock(self, name: str) -> BaseFileLock:
        return FileLock(self._folder / f"{name}.lock", mode=0o600, thread_local=False)

    def _remove(self, name: str) -> None:
        with suppress(OSError):  # what stays is an empty file with a name that is never used again
            (self._folder / f"{name}.lock").unlink()
