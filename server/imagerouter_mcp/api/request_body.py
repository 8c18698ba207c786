"""Bodies of generation requests: a multipart form with files, or JSON with source images as data URIs."""

import io
import json
from base64 import b64encode
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, BinaryIO

from imagerouter_mcp.api.wire import Upload
from imagerouter_mcp.errors import InvalidSourceError

MAX_JSON_BYTES = 20_000_000
"""Upper bound on a JSON body with source images; larger ones were not tried with the service."""
_OTHER_BYTES = 1_000_000
"""Kept free in such a body for the fields and the mask."""
_PIECE = 3 * 2**16
"""Bytes that are encoded at a time."""


def base64_bytes(size: int) -> int:
    """Return how many bytes a file of `size` bytes takes in base64."""
    return (size + 2) // 3 * 4


def largest_shared(sizes: Sequence[int]) -> int | None:
    """Return how large a file may be so that all fit into one JSON body; None if they do as they are.

    Files that are smaller than that keep their size, and larger ones share what is left in equal parts.

    Args:
        sizes: The files' sizes in bytes.
    """
    left = MAX_JSON_BYTES - _OTHER_BYTES
    for place, size in enumerate(map(base64_bytes, sorted(sizes))):
        share = left // (len(sizes) - place)
        if size > share:
            return share // 4 * 3
        left -= size
    return None


def form(fields: Mapping[str, str], images: Sequence[Upload], mask: Upload | None = None) -> dict[str, Any]:
    """Return httpx's arguments for a multipart form; the files are streamed.

    It is multipart even without files: a part without a file name is a plain field.
    """
    parts: list[tuple[str, Any]] = [(name, (None, value)) for name, value in fields.items()]
    parts += [("image[]", _file(image)) for image in images]
    if mask:
        parts.append(("mask[]", _file(mask)))
    return {"files": parts}


def json_with_images(
    fields: Mapping[str, str], images: Sequence[Upload], mask: Upload | None = None
) -> dict[str, Any]:
    """Return httpx's arguments for JSON with data URIs; the files are encoded while they are sent.

    Raises:
        InvalidSourceError: The body would be larger than `MAX_JSON_BYTES`.
    """
    parts: list[bytes | Upload] = [json.dumps(dict(fields))[:-1].encode(), b', "image": [']
    for place, image in enumerate(images):
        parts += [b", " if place else b"", *_data_uri(image)]
    parts.append(b"]")
    if mask:
        parts += [b', "mask": ', *_data_uri(mask)]
    parts.append(b"}")
    length = sum(len(part) if isinstance(part, bytes) else base64_bytes(_size(part.file)) for part in parts)
    if length > MAX_JSON_BYTES:
        raise InvalidSourceError(
            f"The {len(images)} source images together take {length / 1e6:.1f} MB as they are sent; at most "
            f"{MAX_JSON_BYTES / 1e6:.0f} MB go in one request.",
            "Use fewer or smaller pictures.",
        )
    headers = {"Content-Type": "application/json", "Content-Length": str(length)}
    return {"content": _encoded(parts), "headers": headers}


def _file(upload: Upload) -> tuple[str, Any, str]:
    return (upload.filename, upload.file, upload.media_type)


def _data_uri(upload: Upload) -> tuple[bytes, Upload, bytes]:
    return (f'"data:{upload.media_type};base64,'.encode(), upload, b'"')


def _size(file: BinaryIO) -> int:
    return file.seek(0, io.SEEK_END)


async def _encoded(parts: Sequence[bytes | Upload]) -> AsyncGenerator[bytes]:
    for part in parts:
        if isinstance(part, bytes):
            yield part
            continue
        part.file.seek(0)
        rest = b""
        while piece := part.file.read(_PIECE):
            rest += piece
            whole = len(rest) // 3 * 3  # a read may return fewer bytes than asked for
            yield b64encode(rest[:whole])
            rest = rest[whole:]
        yield b64encode(rest)
