"""Foresee the size in which a source is decoded."""

from imagerouter_mcp.images.finish.steps import Size
from imagerouter_mcp.images.inspect import formats
from imagerouter_mcp.images.inspect.inspection import Inspection

DRAWN_LONGEST = 1024
"""Pixels of an SVG, which has no size of its own."""
_HALVED_PIXELS = 40_000_000
"""A JPEG of more is decoded at half its size, for memory."""


def is_halved(seen: Inspection) -> bool:
    """Return whether a picture is decoded at half its size."""
    return seen.format is formats.JPEG and (seen.width or 1) * (seen.height or 1) > _HALVED_PIXELS


def decoded_size(seen: Inspection) -> Size:
    """Return the size of a decoded source, upright; of a drawing the largest that it can have."""
    if seen.format.kind == "vector":
        return DRAWN_LONGEST, DRAWN_LONGEST
    by = 2 if is_halved(seen) else 1
    return -(-(seen.width or 1) // by), -(-(seen.height or 1) // by)
