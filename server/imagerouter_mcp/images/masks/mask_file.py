"""Keep a mask on disk, since a large one takes tens of megabytes and its call may wait for long."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Self

if TYPE_CHECKING:
    from PIL.Image import Image

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class MaskFile:
    """A mask in a file.

    Attributes:
        file: An unnamed temporary PNG, white where to edit; the caller closes it.
        size: Width and height.
        edited: Bounding box of what is edited.
        kept: Bounding box of what is kept.
    """

    file: BinaryIO
    size: tuple[int, int]
    edited: Box
    kept: Box

    @classmethod
    def of(cls, mask: "Image") -> Self:
        """Write a mask to a file."""
        from imagerouter_mcp.images.masks.painting import encode_mask, kept_part  # noqa: PLC0415 - loads Pillow

        edited = mask.getbbox() or (0, 0, *mask.size)
        return cls(encode_mask(mask), mask.size, edited, kept_part(mask))

    def read(self) -> "Image":
        """Return the mask as a picture."""
        from imagerouter_mcp.images.inspect.opening import opened  # noqa: PLC0415 - loads Pillow

        mask = opened(self.file, "png")
        mask.load()
        return mask

    def resized(self, size: tuple[int, int]) -> Self:
        """Return the mask in another size, or itself if it has that size."""
        from imagerouter_mcp.images.masks.painting import scaled  # noqa: PLC0415 - loads Pillow

        return self if size == self.size else self.of(scaled(self.read(), size))
