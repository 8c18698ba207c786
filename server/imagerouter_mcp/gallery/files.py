"""Files at rest: the folder checked before it is needed, names never taken twice, no half file ever seen."""

import contextlib
import errno
import logging
import os
import secrets
import time
from collections.abc import Generator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import BinaryIO

from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.gallery.names import checked_filename, file_name, file_stem

__all__ = [
    "PartialFile",
    "checked_filename",
    "discard",
    "file_stem",
    "move_new",
    "partial_file",
    "prepare_folder",
    "store",
    "sweep_partials",
    "temporary_path",
]

logger = logging.getLogger(__name__)

_PARTIAL_PREFIX, _PARTIAL_SUFFIX = ".imagerouter-", ".part"

_NO_HARD_LINKS = frozenset(
    {errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EINVAL}
)
"""What file systems without hard links answer to `link`: EPERM (FAT on Linux), ENOTSUP (on macOS), ENOSYS
(FUSE)."""

_REASONS = {
    errno.EACCES: "there is no permission to write there",
    errno.EPERM: "there is no permission to write there",
    errno.EROFS: "it is on a read-only file system",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.ENAMETOOLONG: "its path is too long",
    errno.ENOTDIR: "a part of its path is a file",
    errno.EEXIST: "it is a file",
    errno.ENOENT: "its drive or a folder above it does not exist",
}


def prepare_folder(folder: Path) -> None:
    """Make a folder with its parents, and make sure by trying that files can be written there.

    Raises:
        ConfigurationError: It is not an absolute path, or cannot be made or written to; says why.
    """
    if not str(folder).isprintable():  # a line break could fake a line of an answer
        raise _unusable(folder, "its name holds control characters")
    if not folder.is_absolute():
        raise _unusable(folder, "it is not an absolute path, and each host has another working directory")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = temporary_path(folder)
        os.close(os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        probe.unlink()
    except OSError as error:
        raise _unusable(folder, _REASONS.get(error.errno or 0, error.strerror or str(error))) from None


def _unusable(folder: Path, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"Pictures cannot be saved in {str(folder)!r}: {reason}.",
        "Name another folder in output_dir, or set IMAGEROUTER_OUTPUT_DIR to one.",
    )


def temporary_path(folder: Path) -> Path:
    """A hidden name in a folder for a file that is not finished."""
    return folder / f"{_PARTIAL_PREFIX}{secrets.token_hex(8)}{_PARTIAL_SUFFIX}"


@dataclass(frozen=True)
class PartialFile:
    """A file that is being written.

    Attributes:
        path: Its hidden name.
        file: Open for writing and reading.
    """

    path: Path
    file: BinaryIO

    def finish(self) -> Path:
        """Bring all that was written to the disk and close the file, which `store` can then move."""
        self.file.flush()
        # Else a name could survive a power failure that the content does not.
        os.fsync(self.file.fileno())
        self.file.close()
        return self.path


@contextlib.contextmanager
def partial_file(folder: Path) -> Generator[PartialFile]:
    """Open a file under a hidden name; what is not stored when the block ends, for any reason, is removed.

    ```python
    with partial_file(folder) as partial:
        partial.file.write(data)
        path = store(partial.finish(), folder, stem, "png")
    ```

    Its permissions are those that the umask gives to any new file, so the stored one has them too.

    Args:
        folder: Where the finished file will be.

    Raises:
        OSError: The file cannot be made.
    """
    path = temporary_path(folder)
    with path.open("x+b") as file:
        try:
            yield PartialFile(path, file)
        finally:
            try:
                file.close()
            finally:  # closing writes what is left, for which a full disk has no room
                discard(path)


def store(temporary: Path, folder: Path, stem: str, extension: str) -> Path:
    """Move a finished file to the first free name of `stem.png`, `stem-2.png` and so on.

    Never overwrites, whoever else stores in the folder at the same time, and never shows a half file.

    Args:
        temporary: A finished, closed file in the same folder; gone afterwards.
        folder: Where to.
        stem: From `file_stem` or `checked_filename`.
        extension: Without a dot.

    Returns:
        Where the file is now.

    Raises:
        OSError: It cannot be moved; the temporary file is still there.
    """
    for copy in count(1):
        target = folder / file_name(stem, extension, copy)
        if move_new(temporary, target):
            return target
    raise AssertionError  # `count` does not end


def move_new(temporary: Path, target: Path) -> bool:
    """Move a finished file to a name in the same folder, unless the name is taken.

    Of several processes that try at once, one succeeds.

    Returns:
        Whether it was moved; if not, the file is still there.

    Raises:
        OSError: It cannot be moved.
    """
    try:
        if os.name == "nt":
            temporary.rename(target)  # which Windows refuses if the name is taken
        else:
            os.link(temporary, target)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        return _move_reserved(temporary, target)
    if os.name != "nt":
        discard(temporary)  # the same file has its new name by now
    return True


def _move_reserved(temporary: Path, target: Path) -> bool:
    """As `move_new`, where there are no hard links: reserve the name with an empty file, then replace it.

    Its weakness: for a moment, and for good if the process dies in it, the name shows an empty file.
    """
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        return False
    try:
        temporary.replace(target)
    except OSError:
        discard(target)
        raise
    return True


def discard(path: Path) -> None:
    """Remove a file that is no longer needed. A failure is logged and ignored."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("The file %s could not be removed: %s.", path, error.strerror or error)


def sweep_partials(folder: Path, older_than: timedelta) -> int:
    """Remove what killed processes left; what cannot be removed stays, without an error.

    Args:
        folder: Where to look; it need not exist.
        older_than: How long a file has not been written to. Well above the time that a download may take,
            else a running one loses its file.

    Returns:
        How many files were removed.
    """
    latest = time.time() - older_than.total_seconds()
    removed = 0
    with contextlib.suppress(OSError):
        for path in folder.glob(f"{_PARTIAL_PREFIX}*{_PARTIAL_SUFFIX}"):
            with contextlib.suppress(OSError):
                if path.lstat().st_mtime <= latest:
                    path.unlink()
                    removed += 1
    return removed
