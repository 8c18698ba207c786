"""Estimate what decoding a picture will cost."""

import math

from imagerouter_mcp.images.inspect import formats
from imagerouter_mcp.images.inspect.inspection import Inspection

MOST_BYTES = 320 << 20
"""Memory that decoding may take: enough for an 8192×8192 PNG, 4096×4096 in any format, or a grey TIFF page at
1200 dpi."""

_LIGHT_BYTES = 64 << 20
"""Memory up to which a thread decodes: 4096×4096 as PNG, 2048×2048 as WebP."""
_LIGHT_PASSES = 16
"""Progressive JPEG encoders use about ten."""
_LIGHT_FORMATS = frozenset({formats.PNG, formats.JPEG, formats.WEBP, formats.GIF, formats.BMP})
"""Formats whose decoders need no more than the file's header says."""
_BYTES_PER_PIXEL = {"webp": 16, "avif": 12, "heic": 12, "heif": 12}
"""For decoders that first fill their own buffers."""
_BYTES_OF_MODE = {"1": 1, "L": 1, "P": 1, "I;16": 3, "I;16B": 3, "I;16L": 3, "CMYK": 8, "F": 12}
"""For Pillow modes including their conversion; the others take four, as RGB does."""
_COEFFICIENTS = 6
"""Bytes per pixel that libjpeg holds for a progressive JPEG without subsampling: two per channel."""


def decoding_bytes(format_name: str, pixels: int, *, held: int = 0, mode: str = "RGB") -> int:
    """Estimate the memory that decoding takes.

    Args:
        format_name: As in `formats.Format.name`.
        pixels: Number of decoded pixels.
        held: Bytes that the decoder holds besides the pixels.
        mode: Pillow mode.
    """
    per_pixel = _BYTES_PER_PIXEL.get(format_name) or _BYTES_OF_MODE.get(mode, 4)
    return pixels * per_pixel + held


def is_heavy(seen: Inspection) -> bool:
    """Return whether decoding is so costly or unpredictable that a child process must do it."""
    pixels = math.prod(seen.size)
    held = pixels * _COEFFICIENTS if seen.passes > 1 else 0
    if seen.format.kind == "video":
        return False
    return (
        seen.format not in _LIGHT_FORMATS
        or seen.passes > _LIGHT_PASSES
        or decoding_bytes(seen.format.name, pixels, held=held) > _LIGHT_BYTES
    )
