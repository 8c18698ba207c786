"""Word what is known about a paid result that has no file."""

from collections.abc import Iterable
from pathlib import Path

from imagerouter_mcp.errors import DeliveryError
from imagerouter_mcp.gallery.entries import GalleryImage
from imagerouter_mcp.generation.result_files import Stored

LINK_DAYS = 30
"""Days that ImageRouter keeps a result, as others have reported."""


def undelivered(image: GalleryImage, stored: Stored, *, remote: bool) -> DeliveryError:
    """Return the error for a paid result that could not be delivered.

    Args:
        image: What is known of it.
        stored: Says why there is no file of it.
        remote: Whether the caller is on another machine.
    """
    what = f"The picture was made, but {stored.reason}."
    arrived = f"What arrived is kept{places([stored.kept], remote=remote)}. " if stored.kept else ""
    if image.url is None:
        return DeliveryError(
            what,
            f"{arrived}It cannot be fetched again; report it to ImageRouter with the time of the request.",
        )
    ways = (
        "" if stored.private else f"open {image.url} (kept for about {LINK_DAYS} days)",
        f"call show_image with {image.handle} to try again" if image.handle else "",
    )
    return DeliveryError(what, f"{arrived}Do not make it again: {', or '.join(filter(None, ways))}.")


def places(files: Iterable[Path | None], *, remote: bool) -> str:
    """Return where files are, as the end of a sentence: " in /pictures/fox.png"; "" for none."""
    paths = [str(file) for file in files if file]
    if not paths:
        return ""
    return " on the server" if remote else f" in {', '.join(paths)}"
