"""What is noticed while a picture is copied without what does not belong to it."""

import re
from dataclasses import dataclass

from imagerouter_mcp.images.locations import exif_has_location, text_has_location
from imagerouter_mcp.images.tiff import exif_orientation

MAX_METADATA = 1 << 20
"""Bytes of a block of metadata that are searched for a location."""
_TEXT = re.compile(rb"[\t\n\r -~]{32,}")
"""Longer than chance makes it: of random bytes, one place in some 10^13 begins such a run."""


@dataclass
class Findings:
    """What was noticed while a file was copied.

    Attributes:
        orientation: The EXIF orientation that the file states, 1 to 8.
        location: Whether the metadata tells where the picture was taken.
        deep: More than 8 bits a channel.
        cmyk: Four inks instead of three colours.
        progressive: A JPEG that is decoded in several passes over a buffer for the whole picture.
        framed: A WebP made of frames, of which the copy holds none.
        surplus: There is more among the compressed pixels than pixels, or what looks like text; then the
            picture is to be encoded anew.
    """

    orientation: int = 1
    location: bool = False
    deep: bool = False
    cmyk: bool = False
    progressive: bool = False
    framed: bool = False
    surplus: bool = False

    def read_exif(self, block: bytes) -> None:
        """Take orientation and location from an EXIF block, with or without its `Exif` prefix."""
        block = block.removeprefix(b"Exif\0\0")
        self.orientation = exif_orientation(block)
        self.location = self.location or exif_has_location(block)

    def look_at(self, pixels: bytes) -> None:
        """Notice text among compressed pixels, where chance makes none of that length."""
        self.surplus = self.surplus or _TEXT.search(pixels) is not None

    def read_text(self, text: bytes) -> None:
        """Take the location from XMP."""
        self.location = self.location or text_has_location(text)
