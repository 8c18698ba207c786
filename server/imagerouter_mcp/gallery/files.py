"""Save files: never overwrite one, never show an incomplete one, and check the folder beforehand."""

import contextlib
import errno
import filecmp
import logging
import os
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import BinaryIO

from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.gallery.names import file_name
from imagerouter_mcp.lines import one_line
from imagerouter_mcp.private_files import open_private

logger = logging.getLogger(__name__)

_PARTIAL_PREFIX, _PARTIAL_SUFFIX = ".imagerouter-", ".part"
RESCUED = "rescued"
"""The folder in the data folder for results that could not be saved where they belong."""

_NO_HARD_LINKS = frozenset(
    {errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EINVAL}
)
"""Errors of `link` on file systems without hard links: EPERM (FAT on Linux), ENOTSUP (macOS), ENOSYS
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

_OTHER_OUTPUT = "Name another folder in output_dir, or set IMAGEROUTER_OUTPUT_DIR to one."
ROOM_BYTES = 16 * 2**20
"""Free bytes that a disk must have before something is paid for: more than most pictures and videos take."""


def prepare_folder(folder: Path, remedy: str = _OTHER_OUTPUT) -> None:
    """Create a folder with its parents, and test that files can be written there.

    Args:
        folder: The folder.
        remedy: What to do if it cannot be used, as a sentence.

    Raises:
        ConfigurationError: It is not an absolute path, has no room, or cannot be created or written to; says
            why.
    """
    if one_line(str(folder)) != str(folder):  # a line break in an answer could fake a line
        raise _unusable(folder, remedy, "its name holds control characters")
    if not folder.is_absolute():
        raise _unusable(
            folder, remedy, "it is not an absolute path, and each host has another working directory"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = temporary_path(folder)
        os.close(os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        probe.unlink()
        disk = shutil.disk_usage(folder)
    except OSError as error:
        raise _unusable(
            folder, remedy, _REASONS.get(error.errno or 0, error.strerror or str(error))
        ) from None
    if disk.total and disk.free < ROOM_BYTES:  # some network drives do not tell and say 0
        raise _unusable(folder, remedy, f"its disk has less than {ROOM_BYTES >> 20} MiB free")


def _unusable(folder: Path, remedy: str, reason: str) -> ConfigurationError:
    return ConfigurationError(f"Pictures cannot be saved in {str(folder)!r}: {reason}.", remedy)


def temporary_path(folder: Path) -> Path:
    """Return a new hidden name in a folder for an unfinished file."""
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
        """Flush the file to disk and close it; `store` can then move it."""
        self.file.flush()
        # Without this, a power failure could keep the name and lose the content.
        os.fsync(self.file.fileno())
        self.file.close()
        return self.path


@contextlib.contextmanager
def partial_file(folder: Path, *, private: bool = False) -> Generator[PartialFile]:
    """Open a file under a hidden name, and remove it at the end of the block unless it was stored.

    ```python
    with partial_file(folder) as partial:
        partial.file.write(data)
        path = store(partial.finish(), folder, stem, "png")
    ```

    Args:
        folder: Where the finished file will be.
        private: Whether the file is for this user alone; otherwise it gets the umask's permissions, like any
            new file.

    Raises:
        OSError: The file cannot be created.
    """
    path = temporary_path(folder)
    with open_private(path, "x+b") if private else path.open("x+b") as file:
        try:
            yield PartialFile(path, file)
        finally:
            try:
                file.close()
            finally:  # closing writes the rest, which fails on a full disk
                discard(path)


def free_series(folder: Path, stem: str, amount: int) -> str:
    """Return a stem whose names `stem-1`, `stem-2` and so on are free, so that each file keeps its number.

    Args:
        folder: The folder of all names.
        stem: From `file_stem` or `checked_filename`; if a name is taken, `stem_2` or a later one is returned.
        amount: The number of names.
    """
    try:
        taken = {path.stem.casefold() for path in folder.iterdir()}
    except OSError:  # there is no such folder yet
        return stem
    stems = (stem if copy == 1 else f"{stem}_{copy}" for copy in count(1))
    return next(
        each
        for each in stems
        if not any(f"{each}-{number}".casefold() in taken for number in range(1, amount + 1))
    )


@contextlib.contextmanager
def partial_folder(folder: Path) -> Generator[Path]:
    """Make a folder under a hidden name, and remove it at the end of the block unless it was stored.

    Args:
        folder: Where the finished folder will be.

    Raises:
        OSError: It cannot be created.
    """
    path = temporary_path(folder)
    path.mkdir()
    try:
        yield path
    finally:
        discard_folder(path)


def store_folder(temporary: Path, folder: Path, stem: str) -> Path:
    """Move a finished folder to the first free name of `stem`, `stem-2` and so on; return its path.

    Args:
        temporary: A folder in the same folder; gone afterwards.
        folder: The folder of both names.
        stem: From `file_stem` or `checked_filename`.

    Raises:
        OSError: It cannot be moved; the temporary folder is still there.
    """
    for copy in count(1):
        target = folder / (stem if copy == 1 else f"{stem}-{copy}")
        try:
            target.mkdir()  # reserves the name, whoever else tries
        except FileExistsError:
            continue
        if os.name == "nt":
            target.rmdir()  # there, nothing may be replaced
        temporary.rename(target)
        return target
    raise AssertionError  # `count` does not end


def store(
    temporary: Path,
    folder: Path,
    stem: str,
    extension: str,
    claim: Callable[[Path], bool] | None = None,
) -> Path:
    """Move a finished file to the first free name of `stem.png`, `stem-2.png` and so on.

    Never overwrites a file, even if other processes store there too, and never shows an incomplete one.

    Args:
        temporary: A finished, closed file in the same folder; gone afterwards.
        folder: The folder of both names.
        stem: From `file_stem` or `checked_filename`.
        extension: Without a dot.
        claim: Set if the file may have been stored before, by a process that ended before it could record it.
            Called with an equal file; returns whether that is it.

    Returns:
        The new path.

    Raises:
        OSError: It cannot be moved; the temporary file is still there.
    """
    for copy in count(1):
        target = folder / file_name(stem, extension, copy)
        if move_new(temporary, target):
            return target
        if claim and filecmp.cmp(temporary, target, shallow=False) and claim(target):
            discard(temporary)
            return target
    raise AssertionError  # `count` does not end


def move_new(temporary: Path, target: Path) -> bool:
    """Move a finished file to a name in the same folder, unless the name is taken.

    If several processes try at the same time, one succeeds.

    Returns:
        Whether it was moved; if not, the file is unchanged.

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
        discard(temporary)  # the file has its new name already
    return True


def _move_reserved(temporary: Path, target: Path) -> bool:
    """Move a file without hard links: reserve the name with an empty file, then replace that.

    For a moment the name shows an empty file, and it stays if the process dies in that moment.
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


def discard_folder(path: Path) -> None:
    """Remove a folder that is no longer needed, with all that is in it. A failure is ignored."""
    shutil.rmtree(path, ignore_errors=True)


def sweep_partials(folder: Path, older_than: timedelta) -> None:
    """Remove unfinished files that killed processes left. Files that cannot be removed stay.

    Args:
        folder: Where to look; it need not exist.
        older_than: Minimum time since the last write. It must be well above the time a download may take, or
            a running download loses its file.
    """
    latest = time.time() - older_than.total_seconds()
    with contextlib.suppress(OSError):
        for path in folder.glob(f"{_PARTIAL_PREFIX}*{_PARTIAL_SUFFIX}"):
            with contextlib.suppress(OSError):
                if path.lstat().st_mtime <= latest:
                    discard_folder(path) if path.is_dir() else path.unlink()


_LEFT = 0.9
"""How much of the limit a sweep leaves."""


def sweep_least_used(folder: Path, most_bytes: int) -> None:
    """Remove the least recently used files below a folder, if all together are too large.

    Args:
        folder: Where to look; it need not exist.
        most_bytes: What they may take together.
    """
    found: list[tuple[float, int, Path]] = []
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # another process removed it
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                found.append((status.st_mtime, status.st_size, path))
    taken = sum(size for _, size, _ in found)
    if taken <= most_bytes:
        return
    for _, size, path in sorted(found):
        if taken <= most_bytes * _LEFT:
            return
        discard(path)
        taken -= size
