"""Keep our own files to this user, whatever the umask: folders 0700, files 0600.

Windows protects a person's folders by itself and has no permission bits, so nothing changes there.
"""

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_FOLDER, _FILE = 0o700, 0o600
_POSIX = os.name == "posix"


def open_private(path: Path, mode: str, buffering: int = -1) -> BinaryIO:
    """Open a binary file as `open` does; if that creates the file, it is this user's alone."""

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags, _FILE)

    file = open(path, mode, buffering, opener=opener)  # noqa: SIM115 - the caller closes it
    return cast("BinaryIO", file)


def private_folder(folder: Path) -> Path:
    """Create a folder, with its parents, that only this user can enter; close an older one to others.

    A folder that belongs to someone else, or that holds the home folder, stays as it is.

    Raises:
        OSError: It cannot be created.
    """
    for each in (*reversed(folder.parents), folder):  # `parents=True` would open those to the umask
        if not each.is_dir():
            each.mkdir(mode=_FOLDER, exist_ok=True)
    if _POSIX:
        found = folder.stat()
        if found.st_mode & _OTHERS and _is_own_folder(found) and not _holds_home(folder):
            folder.chmod(_FOLDER)
    return folder


def close_file(path: Path) -> None:
    """Take the permissions of others from a file; one that is missing, or someone else's, stays as it is."""
    with suppress(OSError):
        if _POSIX and path.stat().st_mode & _OTHERS:
            path.chmod(_FILE)


def last_resort() -> Path:
    """Return this user's own folder among the temporary files, for what no other folder takes.

    Others can write there too. So the folder must be a real one and belong to this user; if someone else has
    taken its name, another one is made.

    Raises:
        OSError: There is no temporary folder, or it cannot be written to.
    """
    name = f"imagerouter-{os.getuid()}" if _POSIX else "imagerouter"
    folder = Path(tempfile.gettempdir()) / name
    with suppress(FileExistsError):
        folder.mkdir(mode=_FOLDER, parents=True)
    if _POSIX and not _is_own_folder(folder.lstat()):
        return Path(tempfile.mkdtemp(prefix=f"{name}-"))
    return private_folder(folder)


def _is_own_folder(found: os.stat_result) -> bool:
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()


def _holds_home(folder: Path) -> bool:
    try:
        return Path.home().resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # there is no home folder
        return False
