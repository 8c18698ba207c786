"""Keep finished files: in their folders, or in an object store that several servers share.

With an object store, a record names a file by its key, a path that is not absolute, such as
`pictures/5d41402abc4b2a76-gen_7f3a-1/fox.png`: a SHA-256 of its content, its result, and its name. So two
servers that deliver the same picture make one object. The output folder then holds copies of recently used
files, and any of them may be removed at any time.
"""

import errno
import hashlib
import os
import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from imagerouter_mcp.gallery.entries import StoredImage
from imagerouter_mcp.gallery.files import partial_file, sweep_least_used
from imagerouter_mcp.private_files import private_folder

if TYPE_CHECKING:
    from imagerouter_mcp.gallery.object_store import ObjectStore

AnImage = TypeVar("AnImage", bound=StoredImage)

MOST_COPIED_BYTES = 2 * 2**30
"""Maximum number of bytes of all copies of one person's objects together."""
_SWEPT_AFTER_BYTES = MOST_COPIED_BYTES // 16
_PICTURES = "pictures"
_HASH_DIGITS = 16


class KeptFiles:
    """A person's finished files.

    Args:
        folder: The output folder.
        objects: The object store that keeps them instead; None without one.
    """

    def __init__(self, folder: Path, objects: "ObjectStore | None" = None) -> None:
        self._folder = folder
        self.objects = objects
        self._unswept = MOST_COPIED_BYTES

    def check(self) -> bool:
        """Return True if files can be kept now.

        Raises:
            ConfigurationError: The object store cannot be written to.
        """
        return self.objects is None or self.objects.check()

    def keep(self, file: Path, owner: str) -> Path:
        """Keep a finished file permanently.

        Args:
            file: In the output folder or below; with an object store, it becomes the copy there.
            owner: A handle of the result, of letters, digits, "_" and "-".

        Returns:
            The path to record: the file's path, or its key.

        Raises:
            OSError: The object store did not take it; the file is unchanged.
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
            file: The file, which is not changed.
            owner: As for `keep`.

        Raises:
            OSError: The object store did not take it, or returned something else.
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
        """Return where a recorded file is on this machine, or will be after `bring`."""
        return self._folder / path

    def local(self, image: AnImage) -> AnImage:
        """Return an image with the path that its file has on this machine, and its original too."""
        path = image.path and self.copy(image.path)
        return replace(image, path=path, original=image.original and self.local(image.original))

    def bring(self, path: Path) -> Path:
        """Return where a recorded file is on this machine, after fetching it from the object store if needed.

        Raises:
            FileNotFoundError: It is gone.
            OSError: The object store failed, or returned something else than was stored.
        """
        copy = self.copy(path)
        if path.is_absolute() or self.objects is None or copy.is_file():
            with suppress(OSError):
                if not path.is_absolute():
                    os.utime(copy)  # note that it was used
            return copy
        if ".." in path.parts:
            raise FileNotFoundError(path)
        fetched(self.objects, path.as_posix(), copy, path.parent.name[:_HASH_DIGITS])
        self._grown(copy.stat().st_size)
        return copy

    def unused_copies(self, since: timedelta) -> list[Path]:
        """Return the keys of the copies on this machine that were not used for some time."""
        if self.objects is None:
            return []
        latest = time.time() - since.total_seconds()
        unused: list[Path] = []
        for path in (self._folder / _PICTURES).glob("*/*"):
            with suppress(FileNotFoundError):  # another thread removed it
                if path.stat().st_mtime <= latest:
                    unused.append(path.relative_to(self._folder))
        return unused

    def drop_copy(self, path: Path) -> None:
        """Remove the copy of an object from this machine."""
        copy = self.copy(path)
        with suppress(OSError):
            copy.unlink()
            copy.parent.rmdir()

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
        """Remove all objects of this person.

        Raises:
            OSError: The object store failed.
        """
        if self.objects:
            self.objects.delete(*self.objects.sizes(""))

    def discard(self, path: Path) -> None:
        """Remove a file that is not needed. A failure is ignored: the file stays, but no record shows it."""
        with suppress(OSError):
            self.remove(path)

    def _grown(self, size: int) -> None:
        """Count a new copy; now and then, remove the least recently used ones."""
        self._unswept += size
        if self._unswept > _SWEPT_AFTER_BYTES:
            self._unswept = 0
            sweep_least_used(self._folder / _PICTURES, MOST_COPIED_BYTES)


def fetched(objects: "ObjectStore", key: str, file: Path, digest: str = "") -> Path:
    """Fetch an object into a file, which appears whole or not at all; return the file.

    Args:
        objects: The object store.
        key: The object's key.
        file: The file to write.
        digest: The first hex digits that its SHA-256 must have; "" skips the check.

    Raises:
        FileNotFoundError: There is no such object.
        OSError: It cannot be read, or has another SHA-256.
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
