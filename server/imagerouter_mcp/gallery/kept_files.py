"""Keep finished files: in their folders, or in an object store that several servers share.

With an object store, a record names a file by its key, a path that is not absolute, such as
`pictures/5d41402abc4b2a76-gen_7f3a-1/fox.png`: what the file holds (SHA-256), whose it is, and its name. Two
servers that deliver the same picture so make one object. The output folder then holds copies of what was used
lately, and any of them may be removed at any time.
"""

import errno
import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from imagerouter_mcp.gallery.files import partial_file, sweep_least_used
from imagerouter_mcp.private_files import private_folder

if TYPE_CHECKING:
    from imagerouter_mcp.gallery.object_store import ObjectStore

MOST_COPIED_BYTES = 2 * 2**30
"""Of all copies of one person's objects together."""
_SWEPT_AFTER_BYTES = MOST_COPIED_BYTES // 16
_PICTURES = "pictures"
_HASH_DIGITS = 16


class KeptFiles:
    """A person's finished files.

    Args:
        folder: The output folder.
        objects: Where they are kept in place of it; None without an object store.
    """

    def __init__(self, folder: Path, objects: "ObjectStore | None" = None) -> None:
        self._folder = folder
        self.objects = objects
        self._unswept = MOST_COPIED_BYTES

    def check(self) -> bool:
        """Return True if files can be kept now.

        Raises:
            ConfigurationError: The object store takes none.
        """
        return self.objects is None or self.objects.check()

    def keep(self, file: Path, owner: str) -> Path:
        """Keep a finished file for good.

        Args:
            file: In the output folder or below; with an object store, it becomes the copy there.
            owner: A handle of the result, of letters, digits, "_" and "-".

        Returns:
            What a record names it by: its path, or its key.

        Raises:
            OSError: The object store does not take it; the file is as it was.
        """
        if self.objects is None:
            return file
        key = _key(file, owner)
        self.objects.put(key.as_posix(), file)
        copy = self.copy(key)
        private_folder(copy.parent)
        file.replace(copy)
        self._grown(copy.stat().st_size)
        return key

    def put(self, file: Path, owner: str) -> Path:
        """Put a copy of a file from elsewhere into the object store, read it back, and return its key.

        Args:
            file: The file, which stays as it is.
            owner: As for `keep`.

        Raises:
            OSError: The object store does not take it, or gives something else back.
        """
        if self.objects is None:
            raise FileNotFoundError(errno.ENOENT, "there is no object store")
        key = _key(file, owner)
        self.objects.put(key.as_posix(), file)
        hashed = hashlib.sha256()
        for piece in self.objects.read(key.as_posix()):
            hashed.update(piece)
        _check(hashed.hexdigest(), key.parent.name[:_HASH_DIGITS])
        return key

    def copy(self, path: Path) -> Path:
        """Return where a recorded file is on this machine, or would be once `bring` brings it."""
        return self._folder / path

    def bring(self, path: Path) -> Path:
        """Return where a recorded file is on this machine, fetched from the object store if it must be.

        Raises:
            FileNotFoundError: It is gone.
            OSError: The object store cannot be asked, or what it gives is not what was stored.
        """
        copy = self.copy(path)
        if path.is_absolute() or self.objects is None or copy.is_file():
            with suppress(OSError):
                if not path.is_absolute():
                    os.utime(copy)  # it was used
            return copy
        if ".." in path.parts:
            raise FileNotFoundError(path)
        fetched(self.objects, path.as_posix(), copy, path.parent.name[:_HASH_DIGITS])
        self._grown(copy.stat().st_size)
        return copy

    def remove(self, path: Path) -> None:
        """Remove a recorded file.

        Raises:
            OSError: It cannot be removed.
        """
        if not path.is_absolute() and self.objects:
            self.objects.delete(path.as_posix())
        with suppress(FileNotFoundError):
            self.copy(path).unlink()

    def remove_all(self) -> None:
        """Remove all objects of this person, whatever they are.

        Raises:
            OSError: The object store does not do it.
        """
        if self.objects:
            self.objects.delete(*self.objects.sizes(""))

    def discard(self, path: Path) -> None:
        """Remove a file that is not needed. A failure is ignored: then it stays, and nobody is shown it."""
        with suppress(OSError):
            self.remove(path)

    def _grown(self, size: int) -> None:
        """Remove the copies that were not used for the longest time, now and then."""
        self._unswept += size
        if self._unswept > _SWEPT_AFTER_BYTES:
            self._unswept = 0
            sweep_least_used(self._folder / _PICTURES, MOST_COPIED_BYTES)


def fetched(objects: "ObjectStore", key: str, file: Path, digest: str = "") -> Path:
    """Bring an object into a file, which appears whole or not at all; return the file.

    Args:
        objects: Where it is kept.
        key: Its key.
        file: Where it goes.
        digest: The first digits of its SHA-256, if it has to be that.

    Raises:
        FileNotFoundError: There is no such object.
        OSError: It cannot be read, or is something else.
    """
    hashed = hashlib.sha256()
    with partial_file(private_folder(file.parent), private=True) as partial:
        for piece in objects.read(key):
            hashed.update(piece)
            partial.file.write(piece)
        _check(hashed.hexdigest(), digest)
        partial.finish().replace(file)
    return file


def _check(found: str, digest: str) -> None:
    if not found.startswith(digest):
        raise OSError(errno.EIO, "what the object store gives is not what was stored")


def _key(file: Path, owner: str) -> Path:
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()[:_HASH_DIGITS]
    return Path(_PICTURES, f"{digest}-{owner}", file.name)
