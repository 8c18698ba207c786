"""Open source image files, but only those that may be read.

Checking and opening a path is one step: inside an allowed folder, each part of the path is opened relative to
the one before, and none may be a link. So swapping a file between check and use achieves nothing.
"""

import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath
from typing import BinaryIO

from imagerouter_mcp.errors import InvalidSourceError
from imagerouter_mcp.images.written_paths import meant_file

MAX_READ_BYTES = 200 * 2**20
"""Larger files are refused; `prepare` scales down what is too large for ImageRouter."""

_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)  # otherwise opening a FIFO would wait for a writer
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0) | _NO_LINK
_SYSTEM = tuple(map(Path, ("/proc", "/sys", "/dev")))
"""Files here are generated when they are read, or control a device."""
_MEMORY = Path("/dev/shm")  # noqa: S108 - the one folder there with real files
_WINDOWS_DEVICE = re.compile(
    r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[\d¹²³])(?:[ .:].*)?", re.IGNORECASE
)


def open_source(path: Path, name: str, folders: Sequence[Path] | None = None) -> BinaryIO:
    """Open a file to read a picture from.

    Args:
        path: An absolute path.
        name: What messages call it.
        folders: Folders that it may be in after following links; None for anywhere.

    Raises:
        InvalidSourceError: It is not a file, not allowed, too large, or unreadable.
    """
    complaint = windows_complaint(PureWindowsPath(path)) if os.name == "nt" else None
    if complaint:
        raise InvalidSourceError(f"The source image {name} {complaint}.", "Give a path on a drive.")
    try:
        try:
            descriptor = _open(path, name, folders)
        except FileNotFoundError:
            descriptor = _open(meant_file(path) or path, name, folders)
    except (OSError, RuntimeError) as error:  # up to Python 3.12, a loop of links raises RuntimeError
        raise InvalidSourceError(
            f"The source image {name} cannot be read: {_reason(error)}.", "Check the path."
        ) from None
    try:
        _check(os.fstat(descriptor), name)
    except InvalidSourceError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def windows_complaint(path: PureWindowsPath) -> str | None:
    """Return why a Windows path is not a file on a drive, or None.

    Opening a path on another machine would send the person's credentials there.
    """
    if not re.fullmatch(r"[A-Za-z]:", path.drive):
        return "is on another machine or is a device"
    if any(_WINDOWS_DEVICE.fullmatch(part) for part in path.parts[1:]):
        return "is a device"
    if any(":" in part for part in path.parts[1:]):
        return "is a stream inside a file"
    return None


def _open(path: Path, name: str, folders: Sequence[Path] | None) -> int:
    real = path.resolve()
    if folders is None:
        _check(real.stat(), name)  # before opening, since opening alone can start a device
        _check_place(Path(os.path.normpath(path)), name)
        _check_place(real, name)
        return os.open(real, _FLAGS | _NO_LINK)
    for folder in folders:
        root = folder.resolve()
        if real.is_relative_to(root) and real != root:
            return _open_below(root, real.relative_to(root).parts, name)
    raise InvalidSourceError(
        f"The source image {name} is not in a folder that this server may read from.",
        "Give a handle, an address or a data URI, or a path in a folder of IMAGEROUTER_INPUT_DIRS.",
    )


def _open_below(root: Path, parts: Sequence[str], name: str) -> int:
    """Open a file from a folder part by part, refusing links."""
    if os.open not in os.supports_dir_fd:
        descriptor = os.open(root.joinpath(*parts), _FLAGS)
        if not os.path.samestat(os.fstat(descriptor), root.joinpath(*parts).resolve().lstat()):
            os.close(descriptor)
            raise InvalidSourceError(
                f"The source image {name} changed while it was being opened.", "Try again."
            )
        return descriptor
    at = os.open(root, _FOLDER)
    try:
        for part in parts[:-1]:
            inner = os.open(part, _FOLDER, dir_fd=at)
            os.close(at)
            at = inner
        _check(os.stat(parts[-1], dir_fd=at, follow_symlinks=False), name)
        return os.open(parts[-1], _FLAGS | _NO_LINK, dir_fd=at)
    finally:
        os.close(at)


def _check_place(path: Path, name: str) -> None:
    if any(path.is_relative_to(folder) for folder in _SYSTEM) and not path.is_relative_to(_MEMORY):
        raise InvalidSourceError(
            f"The source image {name} is part of the operating system, not a file.",
            "Give the path of a picture file.",
        )


def _check(status: os.stat_result, name: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "not a file"
        raise InvalidSourceError(f"The source image {name} is {what}.", "Give the path of a picture file.")
    if status.st_size > MAX_READ_BYTES:
        raise too_large(name, status.st_size)


def too_large(name: str, size: int) -> InvalidSourceError:
    """Return the error for a source image of `size` bytes."""
    return InvalidSourceError(
        f"The source image {name} is {size / 2**20:.0f} MiB; the limit is {MAX_READ_BYTES // 2**20} MiB.",
        "Give a smaller one.",
    )


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "its links form a loop"
