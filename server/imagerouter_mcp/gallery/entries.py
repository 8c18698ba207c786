"""What the gallery holds: records, and the images in them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class StoredImage:
    """A generated image as it is to be recorded.

    Attributes:
        path: Its file, or None while it could not be fetched.
        url: Where the service keeps it, or None.
        media_type: From its bytes, or None while there are none.
        width: In pixels, as displayed.
        height: In pixels, as displayed.
        bytes: The size of its file.
    """

    path: Path | None = None
    url: str | None = None
    media_type: str | None = None
    width: int | None = None
    height: int | None = None
    bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class GalleryImage(StoredImage):
    """An image in the gallery, with its handle, such as `img_7f3a`."""

    handle: str


@dataclass(frozen=True, kw_only=True)
class Record:
    """What is known of a generation.

    Attributes:
        generation: The generation's own handle, such as `gen_7f3a`.
        created_at: In UTC.
        prompt: As it was sent.
        revised_prompt: What the model made of it.
        model: The model's id.
        parameters: As they were sent.
        sources: The source images: handles, paths, addresses.
        cost_usd: In USD.
        latency_ms: In milliseconds.
        images: At least one.
    """

    generation: str
    created_at: datetime
    prompt: str
    revised_prompt: str | None
    model: str
    parameters: dict[str, Any]
    sources: tuple[str, ...]
    cost_usd: Decimal | None
    latency_ms: int | None
    images: tuple[GalleryImage, ...]
