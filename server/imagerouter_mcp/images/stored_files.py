"""Reopen the gallery's own files, which may have been replaced since they were stored."""

from pathlib import Path
from typing import BinaryIO

from imagerouter_mcp.errors import InvalidSourceError
from imagerouter_mcp.images.allowed_files import open_source
from imagerouter_mcp.images.inspect.formats import HEAD_BYTES, Format, sniff


def open_stored(path: Path) -> tuple[BinaryIO, Format] | None:
    """Open a picture or video and return its format, or None if it is gone or is now something else."""
    try:
        file = open_source(path, path.name)
    except InvalidSourceError:
        return None
    found = sniff(file.read(HEAD_BYTES))
    file.seek(0)
    if found is None:
        file.close()
        return None
    return file, found
