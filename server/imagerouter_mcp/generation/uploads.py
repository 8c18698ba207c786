"""A picture that somebody sends to the server: looked at, freed of all but the picture, kept as a source."""

from pathlib import Path
from typing import BinaryIO

from imagerouter_mcp.errors import NotFoundError
from imagerouter_mcp.gallery.uploads import Uploads
from imagerouter_mcp.images.prepare import Prepared, prepare

MAX_UPLOAD_BYTES = 25 * 2**20


def keep_upload(uploads: Uploads, name: str, file: BinaryIO) -> Prepared | None:
    """Keep a picture under a name, by which `edit_image` then takes it.

    Args:
        uploads: Where to.
        name: From `Uploads.new_name`.
        file: Any content, seekable; it stays open.

    Returns:
        What was kept, its file closed; None if the name has been used before.

    Raises:
        InvalidSourceError: It is no picture.
        ConfigurationError: It cannot be kept.
    """
    prepared = prepare(file, "sent here")
    with prepared.file:
        return prepared if uploads.keep(name, prepared.file) else None


def upload_path(uploads: Uploads, name: str) -> Path:
    """Where the picture of an upload lies.

    Raises:
        NotFoundError: None has come, or its day is over.
    """
    path = uploads.find(name)
    if path is None:
        raise NotFoundError(
            f"There is no picture {name.strip()[:40]!r}: none has come, or it is more than a day old.",
            "Have it sent to the address that upload_link gave, or call upload_link for a new one.",
        )
    return path
