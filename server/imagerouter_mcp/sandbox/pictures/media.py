"""What results are: media types, sizes, files. Free of Pillow, so that it costs nothing to import."""

from dataclasses import dataclass
from typing import Final

Size = tuple[int, int]
"""Width and height in pixels."""

DEFAULT_SIZE: Final[Size] = (1024, 1024)
"""What `auto` means without a source image."""

PNG: Final = "image/png"
JPEG: Final = "image/jpeg"
WEBP: Final = "image/webp"
SVG: Final = "image/svg+xml"
TIFF: Final = "image/tiff"
MP4: Final = "video/mp4"

SUFFIXES: Final = {
    PNG: ".png",
    JPEG: ".jpg",
    WEBP: ".webp",
    SVG: ".svg",
    TIFF: ".tiff",
    MP4: ".mp4",
    "image/gif": ".gif",
    "image/avif": ".avif",
}
"""How a result's name ends, by its media type."""


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A result: its bytes and their media type."""

    data: bytes
    media_type: str

    @property
    def suffix(self) -> str:
        """How its name ends."""
        return SUFFIXES[self.media_type]
