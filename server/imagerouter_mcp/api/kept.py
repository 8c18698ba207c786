"""Store an answer on disk as it arrives, because the process may end before it is complete."""

import json
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import httpx

from imagerouter_mcp.api.decoded import as_object
from imagerouter_mcp.private_files import open_private, private_folder

_KEPT_HEADERS = ("server", "retry-after")
"""The headers that decoding an answer needs."""

_PIECE, _OVERLAP = 1 << 20, 1 << 12
"""Bytes of a file to search at a time, and how many of the next ones with them, for what crosses the
boundary."""


@dataclass(frozen=True, slots=True)
class Head:
    """An answer's status, and the headers that decoding needs."""

    status: int
    headers: Mapping[str, str]

    @classmethod
    def of(cls, response: httpx.Response) -> "Head":
        """Return the head of a response, with header names in lower case."""
        headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
        return cls(response.status_code, headers)


@contextmanager
def kept_answer(path: Path | None, response: httpx.Response) -> Generator[Callable[[bytes], None]]:
    """Open the file of an answer. A failure to write is ignored: the answer is read all the same.

    The file has the head as one line of JSON, then the bytes of the body as they come. Most files are gone a
    moment later; `clean_answer` is for those that stay.

    Args:
        path: The file, or None to store nothing.
        response: Its head is written first.

    Yields:
        A function that stores a piece of the body.
    """
    file = _opened(path) if path else None

    def keep(chunk: bytes) -> None:
        nonlocal file
        if file:
            try:
                file.write(chunk)
            except OSError:
                _close(file)
                file = None

    head = Head.of(response)
    keep(json.dumps({"status": head.status, "headers": dict(head.headers)}).encode() + b"\n")
    try:
        yield keep
    finally:
        if file:
            _close(file)


def read_answer(path: Path, blot: Callable[[bytes], bytes]) -> tuple[Head, bytes] | None:
    """Read what was stored, which may be incomplete; None if nothing was.

    Args:
        path: The file.
        blot: As in `clean_answer`; a process that died may have left the key in the file.
    """
    try:
        clean_answer(path, blot)
        with path.open("rb") as file:
            line, body = file.readline(), file.read()
    except OSError:
        return None
    if not line.endswith(b"\n"):
        return None
    head = as_object(json.loads(line))
    return Head(cast("int", head["status"]), cast("Mapping[str, str]", head["headers"])), body


def clean_answer(path: Path, blot: Callable[[bytes], bytes]) -> None:
    """Remove the key from a file in place, a piece at a time; each piece begins within the one before it.

    Args:
        path: The file.
        blot: Returns as many bytes, with others in place of the API key.

    Raises:
        OSError: It cannot be read or written.
    """
    with path.open("r+b") as file:
        for start in range(0, path.stat().st_size, _PIECE):
            file.seek(start)
            piece = file.read(_PIECE + _OVERLAP)
            if (blotted := blot(piece)) != piece:
                file.seek(start)
                file.write(blotted)


def _opened(path: Path) -> BinaryIO | None:
    try:
        private_folder(path.parent)
        # Unbuffered: what is written outlives this process, however it ends.
        return open_private(path, "wb", buffering=0)
    except OSError:
        return None


def _close(file: BinaryIO) -> None:
    with suppress(OSError):
        file.close()
