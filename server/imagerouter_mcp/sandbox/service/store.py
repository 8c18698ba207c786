"""Files in memory: results to be fetched, uploads to be looked at."""

from collections import OrderedDict
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Bytes that can be fetched again."""

    data: bytes
    media_type: str


class FileStore:
    """Files in memory, the oldest dropped when there are too many.

    Args:
        limit: The most bytes to keep in all; a single larger file is kept alone.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._files: OrderedDict[str, StoredFile] = OrderedDict()

    def put(self, name: str, file: StoredFile) -> None:
        """Keep a file, in place of an earlier one of that name."""
        self.remove(name)
        self._files[name] = file
        self._size += len(file.data)
        while self._size > self._limit and len(self._files) > 1:
            self.remove(next(iter(self._files)))

    def get(self, name: str) -> StoredFile | None:
        """The file of that name, if it is still here."""
        return self._files.get(name)

    def remove(self, name: str) -> None:
        """Drop a file, if it is here."""
        dropped = self._files.pop(name, None)
        self._size -= len(dropped.data) if dropped else 0

    def clear(self) -> None:
        """Drop all files."""
        self._files.clear()
        self._size = 0
