"""Draw SVG with resvg, where the optional extra `svg` is installed.

resvg is native code that cannot be stopped, so `confined` runs it. It reads local files that an `href` names,
whatever `resources_dir` says (0.48), and fetches nothing from a network. So `drawable_text` lets no document
pass that refers to anything outside.
"""

import importlib
import importlib.util
from typing import BinaryIO

from imagerouter_mcp.images.inspect.svg import drawable_text

_MAX_BYTES = 4 << 20


def can_draw() -> bool:
    """Whether resvg-py is installed."""
    return importlib.util.find_spec("resvg_py") is not None


def draw_svg(file: BinaryIO, longest: int) -> bytes | None:
    """Draw a document as PNG.

    Args:
        file: The document, open for reading.
        longest: Pixels of the longer side.

    Returns:
        PNG data, or None: the document is too large or may not be drawn, or resvg refuses it.
    """
    file.seek(0)
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
