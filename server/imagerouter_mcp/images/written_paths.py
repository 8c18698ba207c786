"""Find the file that a path means when no file has exactly that name."""

import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote


def meant_file(path: Path) -> Path | None:
    """Find the file for a path with URL or shell escapes, or one whose name looks the same.

    URLs write a space as `%20`, and shells as a backslash and a space. macOS puts a narrow no-break space in
    the names of screenshots and stores accents as separate characters, so that typed names only look the
    same.

    Args:
        path: An absolute path where there is no file.
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
