"""Show pictures in the terminal, if it can and the extra `terminal` is installed."""

import importlib.util
import io
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from imagerouter_mcp.images.pixels.preview import make_preview

COLUMNS = 48
"""Width of a drawn picture, in characters."""


def draw(paths: Sequence[Path]) -> None:
    """Draw pictures below what was printed; does nothing if the terminal cannot."""
    if not sys.stdout.isatty() or importlib.util.find_spec("textual_image") is None:
        return
    # textual-image asks the terminal what it can do when it is imported, and complains of silence.
    logging.getLogger("textual_image").setLevel(logging.ERROR)
    from PIL import Image  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from textual_image.renderable import Image as Drawing  # noqa: PLC0415

    for path in paths:
        preview = make_preview(path, "auto")
        if preview:
            with Image.open(io.BytesIO(preview.data)) as picture:
                Console().print(Drawing(picture, width=COLUMNS, height="auto"))
