"""Find the file that a path means when there is none of that very name."""

import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote


def meant_file(path: Path) -> Path | None:
    """Return the file that a path means as an address or a shell writes it, or the one that looks the same.

    Addresses write a space as `%20`, shells put a backslash before it. macOS puts a narrow no-break space
    into the names of screenshots and takes accents apart, and what is typed looks the same only.

    Args:
        path: An absolute path without a file.
    """
    readings = [path, *_readings(str(path))]
    return next(filter(None, (_of_the_same_look(reading) for reading in readings)), None)


def _readings(text: str) -> Iterator[Path]:
    if "%" in text:
        yield Path(unquote(text))
    if "\\" in text and os.name != "nt":
        yield Path(re.sub(r"\\(.)", r"\1", text))


def _of_the_same_look(path: Path) -> Path | None:
    if os.path.isfile(path):  # noqa: PTH113 - `is_file` raises for a name that is too long
        return path
    try:
        with os.scandir(path.parent) as entries:
            found = [entry.name for entry in entries if _look(entry.name) == _look(path.name)]
    except (OSError, ValueError):  # no such folder; a null character
        return None
    return path.with_name(found[0]) if len(found) == 1 else None


def _look(name: str) -> str:
    return unicodedata.normalize("NFKC", name)
