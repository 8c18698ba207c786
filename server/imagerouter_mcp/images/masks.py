"""Masks: from words, from a picture that somebody gave, and into what a provider expects.

In memory a mask is a picture of mode L in the size of the source image, 255 where to edit and 0 where to
keep. Source images come as `preparing.prepare` gives them: upright, and PNG, JPEG or WebP.

Pillow is loaded with the first mask, not before.
"""

import tempfile
from typing import TYPE_CHECKING, BinaryIO, Literal, cast

from imagerouter_mcp.images.regions import Box, Regions, parse_mask

if TYPE_CHECKING:
    from PIL import Image

__all__ = [
    "Box",
    "Convention",
    "Regions",
    "encode_mask",
    "given_mask",
    "overlay",
    "parse_mask",
    "region_mask",
]

Convention = Literal["transparent", "white"]
"""Where a provider edits: OpenAI where the mask is transparent, models that Runware serves where white."""


def region_mask(regions: Regions, source: BinaryIO, width: int, height: int) -> "Image.Image":
    """Make a mask from words.

    Args:
        regions: From `parse_mask`.
        source: The source image, open for reading; looked at only where `alpha` is asked for.
        width: Of the source image, in pixels.
        height: Of the source image, in pixels.

    Raises:
        PlanError: A box lies outside of the picture, the picture has no transparency, or the mask covers
            nothing or everything.
        InvalidSourceError: The source image does not decode.
    """
    from imagerouter_mcp.images import painting  # noqa: PLC0415 - loads Pillow, which start-up does without

    return painting.from_regions(regions, source, (width, height))


def given_mask(file: BinaryIO, width: int, height: int) -> tuple["Image.Image", str]:
    """Read a mask that is a picture, whichever of the two conventions it follows.

    Where it has an alpha channel with transparency, that decides: edit where it is transparent. Otherwise
    its brightness does: edit where it is white. Soft masks stay soft; of one that is black and white save
    for blurred edges, 128 is the limit between the two.

    Args:
        file: The mask, open for reading, as `prepare` gives it.
        width: Of the source image, in pixels.
        height: Of the source image, in pixels.

    Returns:
        The mask, and what was recognised and done, as half a sentence such as "edited where it is white,
        scaled from 64×64 to 512×512".

    Raises:
        PlanError: It covers nothing or everything.
        InvalidSourceError: It does not decode.
    """
    from imagerouter_mcp.images import painting  # noqa: PLC0415 - loads Pillow, as above

    return painting.from_picture(file, (width, height))


def encode_mask(mask: "Image.Image", convention: Convention) -> BinaryIO:
    """Encode a mask as PNG.

    Args:
        mask: Mode L, 255 where to edit.
        convention: What the provider expects: RGBA whose alpha is 0 where to edit, or grey, white there.

    Returns:
        An unnamed temporary file, at its beginning; whoever receives it closes it.
    """
    from imagerouter_mcp.images import painting  # noqa: PLC0415 - loads Pillow, as above

    file = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 - goes to the caller
    try:
        painting.to_convention(mask, convention).save(file, "PNG")
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def overlay(source: BinaryIO, mask: "Image.Image", longest: int = 768) -> "Image.Image":
    """Show what would be changed: the region tinted and outlined, the rest dimmed.

    Args:
        source: The source image, open for reading, as `prepare` gives it.
        mask: From `region_mask` or `given_mask`.
        longest: Pixels of the result's longer side; nothing is enlarged.

    Returns:
        A picture of mode RGB.

    Raises:
        InvalidSourceError: The source image does not decode.
    """
    from imagerouter_mcp.images import painting  # noqa: PLC0415 - loads Pillow, as above

    return painting.overlay(source, mask, longest)
