"""Describe generated pictures and videos in results, and say where their files are."""

from decimal import Decimal
from typing import Any

from imagerouter_mcp.gallery.entries import GalleryImage, Record
from imagerouter_mcp.gallery.signed_links import Links
from imagerouter_mcp.money import dollars
from imagerouter_mcp.tools.structured import Content, Usd


class Picture(Content):
    """A generated picture or video. Callers on this machine get its `path`, others a `download_url`."""

    number: int | None = None
    handle: str | None = None
    path: str | None = None
    download_url: str | None = None
    url: str | None = None
    media_type: str | None = None
    width: int | None = None
    height: int | None = None
    bytes: int | None = None
    seconds: float | None = None
    model: str | None = None
    cost_usd: Usd | None = None
    latency_ms: int | None = None


def picture_fields(image: GalleryImage, links: Links | None) -> dict[str, Any]:
    """Return the fields of a `Picture` that describe the image itself and name its file."""
    return {
        "handle": image.handle or None,
        "path" if links is None else "download_url": place(image, links),
        "url": image.url,
        "media_type": image.media_type,
        "width": image.width,
        "height": image.height,
        "bytes": image.bytes,
        "seconds": None if image.seconds is None else round(image.seconds, 2),
    }


def place(image: GalleryImage, links: Links | None) -> str | None:
    """Return the file's path, or a download link for callers on other machines; None without a file."""
    if image.path is None:
        return None
    if links is None:
        return str(image.path)
    return links.download(image.handle) if image.handle else None


def is_video(image: GalleryImage) -> bool:
    """Tell whether it is a video, which cannot be a source image."""
    return (image.media_type or "").startswith("video/")


def description(image: GalleryImage) -> str:
    """Return type and size in a few words: "1024×1024 WebP, 183 kB"."""
    kind = (image.media_type or "").rpartition("/")[2].removesuffix("+xml").upper().replace("WEBP", "WebP")
    size = f"{image.width}×{image.height} " if image.width and image.height else ""
    length = f"{image.seconds:.1f} s, " if image.seconds else ""
    return f"{size}{kind}, {length}{_file_size(image.bytes or 0)}"


def summary(record: Record) -> str:
    """Return model, cost and time of a generation in a few words: "x/y · $0.04 · 6.9 s"."""
    took = f"{record.latency_ms / 1000:.1f} s" if record.latency_ms is not None else ""
    return " · ".join(part for part in (record.model, cost_words(record.cost_usd), took) if part)


def cost_words(cost_usd: Decimal | None) -> str:
    """Return a cost for a sentence."""
    if cost_usd is None:
        return "cost unknown"
    return dollars(cost_usd) if cost_usd else "nothing"


def _file_size(count: int) -> str:
    kilobytes, megabytes = count / 1000, count / 1_000_000
    return f"{megabytes:.1f} MB" if megabytes >= 1 else f"{max(1, round(kilobytes))} kB"
