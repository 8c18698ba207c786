"""Source images in: from a path, an address or a data URI to an open file that is known to be a picture."""

import base64
import binascii
import os
import re
import stat
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import unquote, unquote_to_bytes, urlsplit
from urllib.request import url2pathname

import anyio.to_thread

from imagerouter_mcp.errors import InvalidSourceError
from imagerouter_mcp.fetch import Fetcher, FetchError
from imagerouter_mcp.images.formats import NotAPictureError, inspect

MAX_SOURCE_BYTES = 25 * 2**20
"""The service takes files up to 25 MiB."""
FETCH_SECONDS = 60.0
SENT_AS_THEY_ARE = ("image/png", "image/jpeg", "image/webp")
"""The types that every provider behind the service is known to take; others are converted to PNG."""

_UNCONVERTIBLE = (
    OSError,
    SyntaxError,  # Pillow's word for a broken header
    ValueError,
    TypeError,  # a TIFF whose tags are of other types than they should be
    LookupError,
    ArithmeticError,
    EOFError,
    RuntimeError,  # AVIF's decoder
    struct.error,
    Warning,  # an exception where the process turned Pillow's warnings into errors
)
"""What Pillow raises for files that are broken, or of a kind that it or PNG does not know."""
_SHOWN = 80
_USER = re.compile(r"(?<=://)[^/?#]*@")
"""A user name and a password in an address, which no sentence repeats."""
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
        origin: What a record calls it; never its bytes.
    """

    file: BinaryIO
    filename: str
    media_type: str
    width: int | None
    height: int | None
    origin: str


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
            text: An absolute path (`~` allowed), `file://` URI, http(s) address or data URI.

        Raises:
            InvalidSourceError: It cannot be read, is too large, or is no picture; names the source.
        """
        text = text.strip()
        file = await self._open_bytes(text)
        try:
            return await anyio.to_thread.run_sync(_recognised, file, shown(text))
        except BaseException:
            file.close()
            raise

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
            await self._fetcher.download(url, file, max_bytes=MAX_SOURCE_BYTES, seconds=FETCH_SECONDS)
        except BaseException as error:
            file.close()
            if isinstance(error, FetchError):
                raise InvalidSourceError(
                    f"The source image {shown(url)} cannot be fetched: {error.reason}.",
                    "Give another address, or download the picture and give its path.",
                ) from error
            raise
        return file


def scratch_file() -> BinaryIO:
    """A file without a name, gone when it is closed or the process ends."""
    return cast("BinaryIO", tempfile.TemporaryFile())  # the stub names a private wrapper


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
    if status.st_size > MAX_SOURCE_BYTES:
        raise _too_large(name, status.st_size)


def _too_large(name: str, size: int) -> InvalidSourceError:
    return InvalidSourceError(
        f"The source image {name} has {size / 2**20:.1f} MiB; ImageRouter takes "
        f"{MAX_SOURCE_BYTES // 2**20} MiB.",
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
    if len(data) > MAX_SOURCE_BYTES:
        raise _too_large(shown(text), len(data))
    file = scratch_file()
    file.write(data)
    file.seek(0)
    return file


def _recognised(file: BinaryIO, name: str) -> SourceImage:
    try:
        seen = inspect(file)
    except NotAPictureError as error:
        raise InvalidSourceError(
            f"The source image {name} is not a picture that can be sent: {error}.",
            "Give a PNG, JPEG or WebP picture.",
        ) from None
    if seen.format.kind != "image":
        raise InvalidSourceError(
            f"The source image {name} is {seen.format.name}, which cannot be edited.",
            "Give a PNG, JPEG or WebP picture.",
        )
    file.seek(0)
    if seen.format.media_type in SENT_AS_THEY_ARE:
        return SourceImage(
            file, f"image.{seen.format.extension}", seen.format.media_type, seen.width, seen.height, name
        )
    return SourceImage(_as_png(file, name), "image.png", "image/png", seen.width, seen.height, name)


def _as_png(file: BinaryIO, name: str) -> BinaryIO:
    """The picture as PNG; of an animation, the first frame."""
    from PIL import Image, ImageOps  # noqa: PLC0415 - Pillow costs start-up time and memory until it is needed

    converted = scratch_file()
    try:
        with Image.open(file) as picture:
            ImageOps.exif_transpose(picture).save(converted, "PNG")
    except BaseException as error:
        converted.close()
        if isinstance(error, (*_UNCONVERTIBLE, Image.DecompressionBombError)):
            raise InvalidSourceError(
                f"The source image {name} is of a type that cannot be converted here.",
                "Save it as PNG or JPEG and give that.",
            ) from None
        raise
    file.close()
    converted.seek(0)
    return converted
