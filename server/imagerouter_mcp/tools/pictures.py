"""Describe generated pictures and videos in results, and say where their files are."""

from decimal import Decimal
from typing import TYPE_CHECKING, TypedDict

from imagerouter_mcp.money import dollars

if TYPE_CHECKING:
    from imagerouter_mcp.gallery.entries import GalleryImage
    from imagerouter_mcp.gallery.signed_links import Links
    from imagerouter_mcp.generation.calls.outcome import Result


class Picture(TypedDict, total=False):
    """A generated picture or video. Callers on this machine get its `path`, others a `download_url`.

    `original` is the picture that this one was made of, here or by the second step of its call.
    """

    number: int
    handle: str | None
    path: str | None
    download_url: str | None
    url: str | None
    media_type: str | None
    width: int | None
    height: int | None
    bytes: int | None
    seconds: float | None
    original: "Picture | None"
    model: str
    revised_prompt: str | None
    cost_usd: Decimal | None
    latency_ms: int | None


class GenerationContent(TypedDict, total=False):
    """What a generation tool answers: the fields that its published schema lists."""

    images: list[Picture]
    generation: str | None
    state: str
    model: str
    cost_usd: Decimal | None
    notes: list[str]
    next_step: str


def picture_fields(image: "GalleryImage", links: "Links | None") -> Picture:
    """Return what describes the image itself and names its file."""
    where = place(image, links)
    return {
        "handle": image.handle or None,
        "path": where if links is None else None,
        "download_url": where if links else None,
        "url": image.url,
        "media_type": image.media_type,
        "width": image.width,
        "height": image.height,
        "bytes": image.bytes,
        "seconds": None if image.seconds is None else round(image.seconds, 2),
        "original": picture_fields(image.original, links) if image.original else None,
    }


def place(image: "GalleryImage", links: "Links | None") -> str | None:
    """Return the file's path, or a download link for callers on other machines; None without a file.

    A file in an object store has no path, unless it was just made or shown.
    """
    if image.path is None:
        return None
    if links is None:
        return str(image.path) if image.path.is_absolute() else None
    return links.download(image.handle) if image.handle else None


def is_video(image: "GalleryImage") -> bool:
    """Tell whether it is a video, which cannot be a source image."""
    return (image.media_type or "").startswith("video/")


def description(image: "GalleryImage") -> str:
    """Return type and size in a few words: "1024×1024 WebP, 183 kB"."""
    kind = (image.media_type or "").rpartition("/")[2].removesuffix("+xml").upper()
    kind = {"WEBP": "WebP", "X-ICON": "ICO"}.get(kind, kind)
    size = f"{image.width}×{image.height} " if image.width and image.height else ""
    length = f"{image.seconds:.1f} s, " if image.seconds else ""
    return f"{size}{kind}, {length}{file_size(image.bytes or 0)}"


def summary(made: "Result") -> str:
    """Return model, cost and time of a result in a few words: "x/y · $0.04 · 6.9 s"; "" if made here."""
    if made.record.made_here:
        return ""
    took = f"{made.latency_ms / 1000:.1f} s" if made.latency_ms is not None else ""
    return " · ".join(part for part in (made.model, cost_words(made.cost_usd), took) if part)


def cost_words(cost_usd: Decimal | None) -> str:
    """Return a cost in a list, or after "for"."""
    if cost_usd is None:
        return "cost unknown"
    return dollars(cost_usd) if cost_usd else "free"


def file_size(count: int) -> str:
    """Return a number of bytes in kilobytes or megabytes."""
    kilobytes, megabytes = count / 1000, count / 1_000_000
    return f"{megabytes:.1f} MB" if megabytes >= 1 else f"{max(1, round(kilobytes))} kB"
