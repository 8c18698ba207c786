"""What a mask would change, for a person to look at before paying."""

from typing import BinaryIO

from PIL.Image import Image

from imagerouter_mcp.images.budgets import BUDGETS, Preview
from imagerouter_mcp.images.masks import overlay
from imagerouter_mcp.images.rendering import encoded


def show_mask(source: BinaryIO, mask: Image) -> Preview:
    """The picture with what would change tinted, and the rest dimmed.

    Args:
        source: The picture, open.
        mask: 255 where to edit, of the picture's size.
    """
    return encoded(overlay(source, mask), BUDGETS["auto"])


def share(mask: Image) -> float:
    """How much of the picture would change, from 0 to 1."""
    covered = sum(level * count for level, count in enumerate(mask.histogram()))
    return covered / (255 * mask.width * mask.height)
