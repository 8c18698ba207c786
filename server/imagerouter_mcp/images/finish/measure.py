"""Predict the size of a decoded source."""

import math

from imagerouter_mcp.images.finish.steps import Size
from imagerouter_mcp.images.inspect import formats
from imagerouter_mcp.images.inspect.inspection import Inspection

DRAWN_LONGEST = 1024
"""Longer side in pixels of a drawn SVG, which has no size of its own."""
_HALVED_PIXELS = 40_000_000
"""A JPEG with more pixels is decoded at half its size, to save memory."""


def is_halved(seen: Inspection) -> bool:
    """Return whether a picture is decoded at half its size."""
    return seen.format is formats.JPEG and math.prod(seen.size) > _HALVED_PIXELS


def decoded_size(seen: Inspection) -> Size:
    """Return the upright size of a decoded source; for an SVG, the largest possible."""
    if seen.format.kind == "vector":
        return DRAWN_LONGEST, DRAWN_LONGEST
    by = 2 if is_halved(seen) else 1
    return -(-seen.size[0] // by), -(-seen.size[1] // by)
