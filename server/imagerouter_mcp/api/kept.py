"""An answer on disk as it arrives, for a process that may end before it has read all of it."""

import json
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import httpx

from imagerouter_mcp.api.decoded import as_object

_KEPT_HEADERS = ("server", "retry-after")
"""What decoding an answer looks at."""


@dataclass(frozen=True, slots=True)
class Head:
    """What came before an answer's body: its status, and the headers that say something about it."""

    status: int
    headers: Mapping[str, str]

    @classmethod
    def of(cls, response: httpx.Response) -> "Head":
        """The head of a response, its headers' names in lower case."""
        told = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
        return cls(response.status_code, told)


@contextmanager
def kept_answer(path: Path | None, response: httpx.Response) -> Generator[Callable[[bytes], None]]:
    """Open the file of an answer; what cannot be written is not kept, and the answer is read all the same.

    Its form is the head as a line of JSON, then the body's bytes.

    Args:
        path: The file, or None to keep nothing.
        response: Whose head it begins with.

    Yields:
        What takes each piece of the body.
    """
    file = _begun(path, Head.of(response)) if path else None

    def keep(chunk: bytes) -> None:
        nonlocal file
        if file:
            try:
                file.write(chunk)
            except OSError:
                _close(file)
                file = None

    try:
        yield keep
    finally:
        if file:
            _close(file)


def read_answer(path: Path) -> tuple[Head, bytes] | None:
    """Read what was kept, which may be cut short; None when nothing was."""
    try:
        whole = path.read_bytes()
    except OSError:
        return None
    line, newline, body = whole.partition(b"\n")
    if not newline:
        return None
    head = as_object(json.loads(line))
    return Head(cast("int", head["status"]), cast("Mapping[str, str]", head["headers"])), body


def _begun(path: Path, head: Head) -> BinaryIO | None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Unbuffered: what is written outlives this process, however that ends.
        file = path.open("wb", buffering=0)
    except OSError:
        return None
    try:
        file.write(json.dumps({"status": head.status, "headers": dict(head.headers)}).encode() + b"\n")
    except OSError:
        _close(file)
        return None
    return file


def _close(file: BinaryIO) -> None:
    with suppress(OSError):
        file.close()
