"""Estimate what decoding a picture takes, before it starts."""

from imagerouter_mcp.images.inspect import formats
from imagerouter_mcp.images.inspect.inspection import Inspection

MOST_BYTES = 320 << 20
"""Memory that decoding may take; 8192×8192 fits as PNG, 4096×4096 in each format, a grey page at
1200 dpi as TIFF."""

_LIGHT_BYTES = 64 << 20
"""Memory of a picture that a thread decodes: 4096×4096 as PNG, 2048×2048 as WebP."""
_LIGHT_PASSES = 16
"""Encoders of progressive JPEG make about ten."""
_LIGHT_FORMATS = frozenset({formats.PNG, formats.JPEG, formats.WEBP, formats.GIF, formats.BMP})
"""Those whose decoders take what the file's header says and no more."""
_BYTES_PER_PIXEL = {"webp": 16, "avif": 12, "heic": 12, "heif": 12}
"""Of decoders that fill buffers of their own first."""
_BYTES_OF_MODE = {"1": 1, "L": 1, "P": 1, "I;16": 3, "I;16B": 3, "I;16L": 3, "CMYK": 8, "F": 12}
"""Of Pillow's modes, and of what they are converted to; the others take the four of its RGB."""
_COEFFICIENTS = 6
"""Bytes a pixel that libjpeg holds of a progressive JPEG, two for each channel, unless it is subsampled."""


def decoding_bytes(format_name: str, pixels: int, *, held: int = 0, mode: str = "RGB") -> int:
    """Estimate the memory that decoding takes.

    Args:
        format_name: As in `formats.Format.name`.
        pixels: How many are decoded.
        held: Bytes that the decoder holds beside the pixels.
        mode: As Pillow calls it.
    """
    per_pixel = _BYTES_PER_PIXEL.get(format_name) or _BYTES_OF_MODE.get(mode, 4)
    return pixels * per_pixel + held


def is_heavy(seen: Inspection) -> bool:
    """Whether decoding takes so much, or is so hard to foresee, that a child process does it."""
    pixels = (seen.width or 1) * (seen.height or 1)
    held = pixels * _COEFFICIENTS if seen.passes > 1 else 0
    if seen.format.kind == "video":
        return False
    return (
        seen.format not in _LIGHT_FORMATS
        or seen.passes > _LIGHT_PASSES
        or decoding_bytes(seen.format.name, pixels, held=held) > _LIGHT_BYTES
    )
