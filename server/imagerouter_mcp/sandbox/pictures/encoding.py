"""Pictures as files, and scaled."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

from PIL import Image

from imagerouter_mcp.sandbox.pictures.media import JPEG, PNG, TIFF, MadeFile, Size


def encode(picture: Image.Image, media_type: str) -> MadeFile:
    """Write a picture quickly: small enough is good enough here.

    Args:
        picture: Loses its alpha channel in a JPEG.
        media_type: PNG, JPEG or WebP.
    """
    if media_type == PNG:
        return saved(picture, "PNG", media_type, compress_level=1)
    if media_type == JPEG:
        return saved(picture.convert("RGB"), "JPEG", media_type, quality=90)
    return saved(picture, "WEBP", media_type, quality=85, method=0)


def encode_pages(pages: Sequence[Image.Image]) -> MadeFile:
    """Write pictures as the pages of one TIFF."""
    first, *others = pages
    return saved(first, "TIFF", TIFF, save_all=True, append_images=others, compression="tiff_deflate")


def saved(picture: Image.Image, kind: str, media_type: str, **options: Any) -> MadeFile:  # noqa: ANN401 - Pillow's own
    """Write a picture with options of Pillow's format `kind`."""
    out = BytesIO()
    picture.save(out, kind, **options)
    return MadeFile(out.getvalue(), media_type)


def resized(
    picture: Image.Image, size: Size, how: Image.Resampling = Image.Resampling.BICUBIC
) -> Image.Image:
    """Scale a picture, or give it back as it is when it has that size."""
    if picture.size == size:
        return picture
    return picture.resize(size, how)  # pyright: ignore[reportUnknownMemberType] - its stub names numpy
