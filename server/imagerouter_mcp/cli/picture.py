"""Show pictures in the terminal, if it supports that and the extra `terminal` is installed."""

import importlib.util
import io
import logging
import sys
from collections.abc import Iterable
from contextlib import suppress

from imagerouter_mcp.cli.screen import columns
from imagerouter_mcp.settings import TerminalSettings

COLUMNS = 48
"""Width of a drawn picture, in characters."""


def draw(pictures: Iterable[bytes]) -> None:
    """Draw pictures, given as the bytes of small files, below what was printed.

    Does nothing if the terminal cannot show them or drawing fails, since the pictures exist and are named.
    """
    width = min(COLUMNS, columns(sys.stdout), columns(sys.stdin))  # stdin brings what the terminal can do
    if not width or TerminalSettings().no_color or importlib.util.find_spec("textual_image") is None:
        return
    # textual-image asks the terminal what it can do when it is imported, and complains of silence.
    logging.getLogger("textual_image").setLevel(logging.ERROR)
    from PIL import Image  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from textual_image.renderable import Image as Drawing  # noqa: PLC0415

    with suppress(OSError, ValueError, ArithmeticError):  # a terminal that says it has no size
        for data in pictures:
            with Image.open(io.BytesIO(data)) as picture:
                Console().print(Drawing(picture, width=width, height="auto"))
