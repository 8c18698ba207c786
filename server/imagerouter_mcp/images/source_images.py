"""Open source images given as a path, address, data URI or base64, and make them ready to send."""

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import unquote, unquote_to_bytes, urlsplit
from urllib.request import url2pathname

import anyio
import anyio.to_thread

from imagerouter_mcp.errors import InvalidSourceError
from imagerouter_mcp.fetch import Fetcher, FetchError
from imagerouter_mcp.images.allowed_files import MAX_READ_BYTES, open_source, too_large
from imagerouter_mcp.images.confined import scratch_file
from imagerouter_mcp.images.prepare import SourceImage, prepare
from imagerouter_mcp.images.whole_source import WholeSource, whole
from imagerouter_mcp.images.workers import decode
from imagerouter_mcp.lines import collapse, cut_middle

__all__ = ["MAX_READ_BYTES", "SourceImage", "SourceReader", "is_data", "shown"]

FETCH_SECONDS = 60.0
_SHOWN = 80
_USER = re.compile(r"(?<=://)[^/?#]*@")
"""User name and password in an address; no message repeats them."""
_BASE64 = re.compile(r"(?!/(?!9j/))[A-Za-z0-9+/\s]{256,}+={0,2}+\s*+")
"""The start of bare base64; few pictures are shorter. That of a JPEG looks like a path to a folder `9j`."""
_DECIDING = 4096
"""Characters at the start of a text that decide whether it is base64; no path is longer."""
_LONGEST_PATH = 4096
"""Bytes; Linux opens no longer path, and resolving a very long one takes minutes."""
_LONGEST_HEAD = 1000
"""Maximum number of characters before a data URI's comma."""
_LONGEST_ESCAPED = 2**20
"""Maximum length of a data URI without base64; decoding each percent sign takes a microsecond."""
_ESCAPED = {"%2B": "+", "%2b": "+", "%2F": "/", "%2f": "/", "%3D": "=", "%3d": "="}
"""Base64's other characters, as a data URI may escape them."""
_ATTACHMENT = re.compile(
    r"\[?(?:image|img|file|photo|attachment|screenshot|upload|pasted)[ _#-]{0,2}\d{0,4}\]?"
    r"|(?:attachment|cid|blob|file-service|sandbox):.*"
    r"|/mnt/(?:user-)?data/.*",
    re.IGNORECASE | re.DOTALL,
)
"""Names that chats give to attached pictures."""
_LINUX_IN_WINDOWS = ("wsl.localhost", "wsl$")
"""Windows' host names for the Linux inside it."""
_SPACES = ("%20", "%09", "%0A", "%0a", "%0D", "%0d", *" \t\n\r\f\v")


class SourceReader:
    """Opens source images.

    Args:
        fetcher: Downloads addresses.
        expand: Expands `~` and variables in a path.
        folders: Folders that files may be in: empty for none, None for any.
    """

    def __init__(
        self, fetcher: Fetcher, expand: Callable[[str], Path], folders: Sequence[Path] | None = None
    ) -> None:
        self._fetcher = fetcher
        self._expand = expand
        self._folders = folders

    async def open_stored(
        self, path: Path, name: str, turns: anyio.Lock, *, turn: bool = False
    ) -> SourceImage:
        """Open a file that this server stored itself, in any folder.

        Args:
            path: The file.
            name: What messages call it.
            turns: Lock to hold while the picture is prepared.
            turn: As in `prepare`.

        Raises:
            InvalidSourceError: As in `open`.
        """
        file = await anyio.to_thread.run_sync(open_source, path, name)
        return await _prepared(file, name, turns, turn=turn)

    async def open_whole(self, source: str | Path, name: str = "", roots: Sequence[Path] = ()) -> WholeSource:
        """Open a source image unchanged, to keep everything outside a mask.

        Args:
            source: As in `open`, or the path of a file that this server stored.
            name: What messages call a stored file.
            roots: As in `open`.

        Raises:
            InvalidSourceError: As in `open`.
        """
        if isinstance(source, Path):
            return await _whole(await anyio.to_thread.run_sync(open_source, source, name), name)
        text = _as_uri(source)
        file = await self._open_bytes(text, roots)
        return await _whole(file, shown(text), fetched=is_address(text))

    async def digest(self, source: str | Path, roots: Sequence[Path] = ()) -> str | None:
        """Return the SHA-256 of a file; None for an address or data, which are compared as text.

        Args:
            source: As in `open`, or the path of a file that this server stored.
            roots: As in `open`.

        Raises:
            InvalidSourceError: The file may not or cannot be read.
        """
        if isinstance(source, Path):
            file = await anyio.to_thread.run_sync(open_source, source, source.name)
        elif is_data(source) or is_address(source):
            return None
        else:
            file = await self._open_bytes(source.strip(), roots)  # noqa: ASYNC240 - a string's `strip`
        with file:
            return await anyio.to_thread.run_sync(_digest, file)

    async def fetched_digest(self, text: str) -> str:
        """Return the SHA-256 of an address's current content, or "" for anything else.

        Raises:
            InvalidSourceError: It cannot be fetched.
        """
        if not is_address(text):
            return ""
        with await self._download(text.strip()) as file:
            return await anyio.to_thread.run_sync(_digest, file)

    async def open(
        self,
        text: str,
        turns: anyio.Lock | None = None,
        *,
        turn: bool = False,
        roots: Sequence[Path] = (),
    ) -> SourceImage:
        """Open a source image and make sure that it is a picture.

        Args:
            text: An absolute path (`~` allowed), `file://` URI, http(s) address, data URI, or base64.
            turns: Lock to hold while the picture is prepared; None if there is only one.
            turn: As in `prepare`.
            roots: Folders that files may be in besides the configured ones.

        Raises:
            InvalidSourceError: It cannot be read, is too large, or is not a picture.
        """
        text = _as_uri(text)
        file = await self._open_bytes(text, roots)
        return await _prepared(file, shown(text), turns or anyio.Lock(), turn=turn, fetched=is_address(text))

    async def open_file(self, source: str | Path, name: str, roots: Sequence[Path] = ()) -> BinaryIO:
        """Open a source unchanged, whatever it contains; the caller closes it.

        Args:
            source: As in `open`, or the path of a file that this server stored.
            name: What messages call a stored file.
            roots: As in `open`.

        Raises:
            InvalidSourceError: It cannot be read, or is too large.
        """
        if isinstance(source, Path):
            return await anyio.to_thread.run_sync(open_source, source, name)
        text = source.strip()  # noqa: ASYNC240 - a string's `strip`
        return await self._open_bytes(f"data:;base64,{text}" if _is_base64(text) else text, roots)

    def can_open(self, text: str) -> bool:
        """Return whether a text has a form that `open` accepts, even if there is no such picture."""
        text = text.strip()
        if is_data(text) or is_address(text) or text[:5].lower() == "file:":
            return True
        try:
            self._path(text)
        except InvalidSourceError:
            return False
        return True

    async def _open_bytes(self, text: str, roots: Sequence[Path]) -> BinaryIO:
        if is_address(text):
            return await self._download(text)
        if text[:5].lower() == "data:":
            return await anyio.to_thread.run_sync(_open_data_uri, text)
        path = self._path(text)
        if self._folders is not None and not self._folders:
            raise InvalidSourceError(
                f"The source image {shown(text)} is a path, and this server reads no files.",
                "Have it uploaded by upload_link, or give a handle, an http(s):// address or a data URI.",
            )
        name = shown(text) if self._folders else shown(str(path))
        folders = (*self._folders, *roots) if self._folders else None
        return await anyio.to_thread.run_sync(open_source, path, name, folders)

    def _path(self, text: str) -> Path:
        try:
            path = self._expand(_path_of_uri(text) if text[:5].lower() == "file:" else text)
            long = (
                len(str(path).encode()) > _LONGEST_PATH
            )  # fails on half a surrogate pair, which no file name contains
        except (ValueError, RuntimeError):  # a broken file: URI; no home folder
            raise _unusable(text) from None
        if _ATTACHMENT.fullmatch(text) and (long or not path.is_file()):
            raise self._attachment(text)
        if "\0" in str(path) or not path.is_absolute():
            raise _unusable(text)
        if long:
            raise InvalidSourceError(
                f"The source image {shown(text)} cannot be read: its path is too long.",
                "Give the path of a picture file.",
            )
        return path

    def _attachment(self, text: str) -> InvalidSourceError:
        remote = self._folders is not None and not self._folders
        give = "Have it uploaded through upload_link" if remote else "Ask the person for the file's path"
        return InvalidSourceError(
            f"The source image {shown(text)!r} is an attachment in the chat. Attachments never reach this "
            "server, which only gets the arguments of a call.",
            f"{give}, or give an http(s):// address, a data URI, or the handle of a picture made here.",
        )

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


async def _prepared(
    file: BinaryIO, name: str, turns: anyio.Lock, *, turn: bool, fetched: bool = False
) -> SourceImage:
    with file:
        digest = await anyio.to_thread.run_sync(_digest, file) if fetched else ""
        async with turns:
            image = await decode("sources", file, prepare, file, name, turn=turn)
        return replace(image, fetched=digest)


async def _whole(file: BinaryIO, name: str, *, fetched: bool = False) -> WholeSource:
    try:
        digest = await anyio.to_thread.run_sync(_digest, file) if fetched else ""
        source = await decode("sources", file, whole, file, name, digest)
    except BaseException:
        file.close()
        raise
    if source.file is not file:
        file.close()
    return source


def _digest(file: BinaryIO) -> str:
    """Return the SHA-256 of a whole file."""
    file.seek(0)
    return hashlib.file_digest(cast("BufferedReader", file), "sha256").hexdigest()


def _as_uri(text: str) -> str:
    """Turn bare base64 into a data URI, and strip spaces from anything else."""
    text = text.strip()
    return f"data:;base64,{text}" if _is_base64(text) else text


def is_address(text: str) -> bool:
    """Return whether a text is a web address."""
    return text.strip()[:8].lower().startswith(("http://", "https://"))


def is_data(text: str) -> bool:
    """Return whether a text is picture data: a data URI or bare base64."""
    text = text.strip()
    return text[:5].lower() == "data:" or _is_base64(text)


def _is_base64(text: str) -> bool:
    return _BASE64.fullmatch(text[:_DECIDING]) is not None


def shown(text: str) -> str:
    """Shorten a source to one line for a message or record, without picture data or passwords."""
    if text[:5].lower() == "data:":
        return f"{collapse(text[:45].partition(',')[0])},…"
    return cut_middle(_USER.sub("", text), _SHOWN)


def _path_of_uri(text: str) -> str:
    parts = urlsplit(text)
    if parts.netloc.lower() in _LINUX_IN_WINDOWS:
        return f"//{parts.netloc}{unquote(parts.path)}"
    if parts.netloc not in ("", "localhost"):
        raise InvalidSourceError(
            f"The source image {shown(text)} is on another machine.", "Give a path on this one."
        )
    path = url2pathname(parts.path)
    return path[1:] if re.match(r"/[A-Za-z]:[/\\]", path) else path  # for Linux inside Windows


def _unusable(text: str) -> InvalidSourceError:
    windows = " (it is a Windows path, but this server runs on another system)"
    other = windows if os.name != "nt" and re.match(r"(?:file:///)?[A-Za-z]:[\\/]|\\\\", text) else ""
    return InvalidSourceError(
        f"The source image {shown(text)!r} is neither an absolute path nor an address{other}.",
        "Give an absolute path, a file:// or http(s):// address, a data URI, a handle such as img_7f3a, "
        'or "last".',
    )


def _open_data_uri(text: str) -> BinaryIO:
    comma = text.find(",", 0, _LONGEST_HEAD)
    payload = text[comma + 1 :] if comma >= 0 else ""
    try:
        if ";base64" in text[: max(comma, 0)].lower():
            data = _from_base64(payload)
        elif len(payload) > _LONGEST_ESCAPED:
            raise InvalidSourceError(
                f"The source image {shown(text)} is a long data URI without base64.",
                "Give it as base64 or, better, give the picture's path.",
            )
        else:
            data = unquote_to_bytes(payload)
    except (binascii.Error, ValueError):
        data = b""
    if not data:
        raise InvalidSourceError(
            f"The source image {shown(text)} is not a complete data URI.",
            "Give data:image/png;base64,… with the whole picture or, better, the picture's path.",
        )
    if len(data) > MAX_READ_BYTES:
        raise too_large(shown(text), len(data))
    file = scratch_file()
    file.write(data)
    file.seek(0)
    return file


def _from_base64(text: str) -> bytes:
    for escaped, character in _ESCAPED.items():
        text = text.replace(escaped, character)
    for space in _SPACES:
        text = text.replace(space, "")
    return base64.b64decode(text, validate=True)
