"""Write `MEDIA:` lines, with which an agent attaches pictures to its reply in a chat."""

from collections.abc import Sequence

from imagerouter_mcp.gallery.entries import GalleryImage
from imagerouter_mcp.gallery.output_folders import openclaw_folders
from imagerouter_mcp.gallery.signed_links import Links
from imagerouter_mcp.tools.pictures import place


def media_lines(images: Sequence[GalleryImage], links: Links | None, *, openclaw: bool) -> list[str]:
    """Return the lines that an agent repeats at the end of its reply.

    Args:
        images: The pictures.
        links: Makes download links for callers on other machines; None names files by their paths.
        openclaw: Whether the host reads paths only in its own folders, and else needs public https addresses.
    """
    if links:
        named = [_public(place(image, links), image.url) for image in images]
    else:
        named = [_named(image, openclaw=openclaw) for image in images]
    return [f"MEDIA:{place}" for place in named if place]


def _public(*addresses: str | None) -> str | None:
    """Return the first address that a chat on another machine can open."""
    return next((each for each in addresses if each and each.startswith("https://")), None)


def _named(image: GalleryImage, *, openclaw: bool) -> str | None:
    public = _public(image.url)
    if image.path is None:
        return public
    if openclaw and public and not any(image.path.is_relative_to(folder) for folder in openclaw_folders()):
        return public
    return str(image.path)
