"""Draw SVG with resvg, if the optional extra `svg` is installed.

resvg is native code that cannot be interrupted, so `confined` runs it. It fetches nothing from a network, but
reads local files that an `href` names, whatever `resources_dir` says (0.48). So `drawable_text` rejects every
document that refers to anything outside itself.
"""

import importlib
import importlib.util
from typing import BinaryIO

from imagerouter_mcp.images.inspect.svg import drawable_text

_MAX_BYTES = 4 << 20


def can_draw() -> bool:
    """Return whether resvg-py is installed."""
    return importlib.util.find_spec("resvg_py") is not None


def draw_svg(file: BinaryIO, longest: int) -> bytes | None:
    """Draw a document as PNG.

    Args:
        file: The document, open at its beginning.
        longest: Pixels of the longer side.

    Returns:
        PNG data, or None if the document is too large, may not be drawn, or is refused by resvg.
    """
    data = file.read(_MAX_BYTES + 1)
    text = drawable_text(data) if len(data) <= _MAX_BYTES else None
    if text is None:
        return None
    try:
        return importlib.import_module("resvg_py").svg_to_bytes(
            svg_string=text, width=longest, height=longest
        )
    except ValueError:  # resvg's own refusal
        return None
