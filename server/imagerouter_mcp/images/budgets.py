"""What a preview is, and how large it may be."""

from dataclasses import dataclass
from typing import Literal

PreviewSize = Literal["auto", "large"]


@dataclass(frozen=True)
class Preview:
    """A preview.

    Attributes:
        data: The encoded picture.
        media_type: The one of `data`.
        width: In pixels.
        height: In pixels.
    """

    data: bytes
    media_type: str
    width: int
    height: int


@dataclass(frozen=True)
class Budget:
    """What a preview may be.

    Attributes:
        longest: Pixels of the longer side; a smaller picture keeps its size.
        base64_characters: How long the preview may be once it is base64, as it travels.
        qualities: JPEG qualities in the order in which they are tried, before the size is reduced.
    """

    longest: int
    base64_characters: int
    qualities: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """The same before base64, which makes four characters of three bytes."""
        return self.base64_characters // 4 * 3


BUDGETS: dict[PreviewSize, Budget] = {
    "auto": Budget(512, 60_000, (75, 55, 40)),
    "large": Budget(2048, 700_000, (85, 70, 50)),
}
"""Claude Desktop takes 1,048,576 bytes in all; 60 kB leaves room for several pictures and a long text."""
