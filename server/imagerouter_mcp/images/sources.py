"""Source images in: from a path, an address, a data URI or base64 to an open file that can be sent."""

import base64
import binascii
import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, unquote_to_bytes, urlsplit
from urllib.request import url2pathname

import anyio.to_thread

from imagerouter_mcp.errors import InvalidSourceError
from imagerouter_mcp.fetch import Fetcher, FetchError
from imagerouter_mcp.images.preparing import prepare, scratch_file

MAX_READ_BYTES = 200 * 2**20
"""No larger file is looked at; what is larger than ImageRouter takes is scaled down by `prepare`."""
FETCH_SECONDS = 60.0
_SHOWN = 80
_USER = re.compile(r"(?<=://)[^/?#]*@")
"""A user name and a password in an address, which no sentence repeats."""
_BASE64 = re.compile(r"(?!/(?!9j/))[A-Za-z0-9+/\s]{256,}={0,2}\s*")
"""Bare base64: hardly a picture is shorter. A JPEG's begins like the path of a folder `9j`."""
_DATA_URI = re.compile(r"data:(?P<type>[^,;]*)(?P<options>(;[^,;]*)*),", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SourceImage:
    """A picture to send.

    Attributes:
        file: Open and readable from its beginning; whoever opened the source closes it.
        filename: A name with the extension of its real type.
        media_type: Read from its bytes.
        width: In pixels, as displayed.
        height: In pixels, as displayed.
        notes: What was changed to make it fit to be sent, a sentence each.
    """

    file: BinaryIO
    filename: str
    media_type: str
    width: int
    height: int
    notes: tuple[str, ...]


class SourceReader:
    """Opens source images.

    Args:
        fetcher: Fetches those that are addresses.
        expand: Turns `~` and the like into a path.
    """

    def __init__(self, fetcher: Fetcher, expand: Callable[[str], Path]) -> None:
        self._fetcher = fetcher
        self._expand = expand

    async def open(self, text: str) -> SourceImage:
        """Open one source image and make sure that it is a picture.

        Args:
            text: An absolute path (`~` allowed), `file://` URI, http(s) address, data URI, or base64.

        Raises:
            InvalidSourceError: It cannot be read, is too large, or is no picture; names the source.
        """
        text = text.strip()
        if _BASE64.fullmatch(text):
            text = f"data:;base64,{text}"
        file = await self._open_bytes(text)
        try:
            made = await anyio.to_thread.run_sync(prepare, file, shown(text))
        finally:
            file.close()
        return SourceImage(
            made.file, f"image.{made.extension}", made.media_type, made.width, made.height, made.notes
        )

    async def _open_bytes(self, text: str) -> BinaryIO:
        lower = text[:8].lower()
        if lower.startswith(("http://", "https://")):
            return await self._download(text)
        if lower.startswith("data:"):
            return await anyio.to_thread.run_sync(_open_data_uri, text)
        try:
            path = _path_of_uri(text) if lower.startswith("file:") else self._expand(text)
        except (ValueError, RuntimeError):  # a broken file: URI; no home folder
            raise _unusable(text) from None
        return await anyio.to_thread.run_sync(_open_path, path, text)

    async def _download(self, url: str) -> BinaryIO:
        file = scratch_file()
        try:
            await self._fetcher.download(url, file, max_bytes=MAX_READ_BYTES, seconds=FETCH_SECONDS)
        except BaseException as error:
            file.close()
            if isinstance(error, FetchError | OSError):
                reason = error.reason if isinstance(error, FetchError) else error.strerror or str(error)
                raise InvalidSourceError(
                    f"The source image {shown(url)} cannot be fetched: {reason}.",
                    "Give another address, or download the picture and give its path.",
                ) from error
            raise
        return file


def is_data(text: str) -> bool:
    """Whether a text is a picture's own data: a data URI, or bare base64."""
    return text.strip()[:5].lower() == "data:" or _BASE64.fullmatch(text.strip()) is not None


def shown(text: str) -> str:
    """A source as a sentence or a record may repeat it: one line, short, never picture data."""
    if text[:5].lower() == "data:":
        return f"{_line(text[:45].partition(',')[0])},…"
    line = _line(_USER.sub("", text))
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"


def _line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _path_of_uri(text: str) -> Path:
    parts = urlsplit(text)
    if parts.netloc not in ("", "localhost"):
        raise InvalidSourceError(
            f"The source image {shown(text)} lies on another machine.", "Give a path on this one."
        )
    return Path(url2pathname(parts.path))


def _open_path(path: Path, text: str) -> BinaryIO:
    if "\0" in str(path) or not path.is_absolute():
        raise _unusable(text)
    try:
        # Without O_NONBLOCK, opening a FIFO would wait for its writer for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except UnicodeError:  # half a surrogate pair, which no file name holds
        raise _unusable(text) from None
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        reason = "there is no such file" if missing else error.strerror or str(error)
        raise InvalidSourceError(
            f"The source image {shown(str(path))} cannot be read: {reason}.", "Check the path."
        ) from None
    try:
        _check_file(os.fstat(descriptor), shown(str(path)))
    except InvalidSourceError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def _unusable(text: str) -> InvalidSourceError:
    return InvalidSourceError(
        f"The source image {shown(text)!r} is neither an absolute path nor an address.",
        "Give an absolute path, a file:// or http(s):// address, a data URI, a handle such as img_7f3a, "
        'or "last".',
    )


def _check_file(status: os.stat_result, name: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "not a file"
        raise InvalidSourceError(f"The source image {name} is {what}.", "Give the path of a picture file.")
    if status.st_size > MAX_READ_BYTES:
        raise _too_large(name, status.st_size)


def _too_large(name: str, size: int) -> InvalidSourceError:
    return InvalidSourceError(
        f"The source image {name} has {size / 2**20:.0f} MiB; no more than {MAX_READ_BYTES // 2**20} MiB are "
        "read.",
        "Give a smaller one.",
    )


def _open_data_uri(text: str) -> BinaryIO:
    head = _DATA_URI.match(text)
    payload = text[head.end() :] if head else ""
    try:
        if head and ";base64" in head["options"].lower():
            data = base64.b64decode("".join(unquote(payload).split()), validate=True)
        else:
            data = unquote_to_bytes(payload)
    except (binascii.Error, ValueError):
        data = b""
    if not data:
        raise InvalidSourceError(
            f"The source image {shown(text)} is not a whole data URI.",
            "Give data:image/png;base64,… with the whole picture, or better the picture's path.",
        )
    if len(data) > MAX_READ_BYTES:
        raise _too_large(shown(text), len(data))
    file = scratch_file()
    file.write(data)
    file.seek(0)
    return file
