"""Describe uploaded files for the journal."""

from contextlib import suppress
from hashlib import sha256
from io import BytesIO

from PIL import Image

from imagerouter_mcp.sandbox.service.request_bodies import Received, UploadedFile
from imagerouter_mcp.sandbox.service.sandbox_journal import FileEntry


def describe(received: Received) -> list[FileEntry]:
    """Look at uploaded files: their sums, and what Pillow takes them for."""
    return [_describe(file) for file in received.files]


def _describe(file: UploadedFile) -> FileEntry:
    kind: str | None = None
    width = height = None
    # What is no picture, or none that anyone should open, is noted as such.
    with suppress(OSError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        picture = Image.open(BytesIO(file.data))
        kind, (width, height) = picture.format, picture.size
    return FileEntry(
        field=file.field,
        filename=file.filename,
        content_type=file.content_type,
        bytes=len(file.data),
        sha256=sha256(file.data).hexdigest(),
        format=kind,
        width=width,
        height=height,
    )
