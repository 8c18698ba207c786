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


@dataclass(frozen=True, slots=True)
class Head:
    """An answer's status, and the headers that decoding needs."""

    status: int
    headers: Mapping[str, str]

    @classmethod
    def of(cls, response: httpx.Response) -> "Head":
        """Return the head of a response, with header names in lower case."""
        told = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
        return cls(response.status_code, told)


@contextmanager
def kept_answer(
    path: Path | None, response: httpx.Response, clean: Callable[[bytes], bytes]
) -> Generator[Callable[[bytes], None]]:
    """Open the file of an answer. A failure to write is ignored: the answer is read all the same.

    The file has the head as one line of JSON, then the body's bytes.

    Args:
        path: The file, or None to store nothing.
        response: Its head is written first.
        clean: Removes the API key from bytes; applied to the file once all of it has arrived.

    Yields:
        A function that stores a piece of the body.
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
        if path:
            with suppress(OSError):
                _clean_file(path, clean)


def read_answer(path: Path, clean: Callable[[bytes], bytes]) -> tuple[Head, bytes] | None:
    """Read what was stored, which may be incomplete; None if nothing was.

    Args:
        path: The file.
        clean: Removes the API key from bytes; a process that died may have left it in the file.
    """
    try:
        whole = _clean_file(path, clean)
    except OSError:
        return None
    line, newline, body = whole.partition(b"\n")
    if not newline:
        return None
    head = as_object(json.loads(line))
    return Head(cast("int", head["status"]), cast("Mapping[str, str]", head["headers"])), body


def _clean_file(path: Path, clean: Callable[[bytes], bytes]) -> bytes:
    whole = path.read_bytes()
    cleaned = clean(whole)
    if cleaned != whole:
        path.write_bytes(cleaned)
    return cleaned


def _begun(path: Path, head: Head) -> BinaryIO | None:
    try:
        private_folder(path.parent)
        # Unbuffered: what is written outlives this process, however it ends.
        file = open_private(path, "wb", buffering=0)
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
