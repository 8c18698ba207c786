"""Draw SVG with resvg, where the optional extra `svg` is installed.

A child process draws: resvg-py holds the interpreter's lock while it draws (a few large filters: 18 s),
cannot be stopped, and is native code that reads what others wrote. The child gets the document on its
standard input and is killed when its time is over.

resvg reads local files that an `href` names, whatever `resources_dir` says (0.48), and fetches nothing from a
network. So `drawable_text` lets no document pass that refers to anything outside.
"""

import importlib
import importlib.util
import subprocess
import sys
from typing import BinaryIO

from imagerouter_mcp.images.inspect.svg import drawable_text

_MAX_BYTES = 4 << 20
_SECONDS = 10.0
"""A detailed drawing takes a tenth of a second."""


def draw_svg(file: BinaryIO, longest: int) -> bytes | None:
    """Draw a document as PNG.

    Args:
        file: The document, open for reading.
        longest: Pixels of the longer side.

    Returns:
        PNG data, or None: the document is too large, may not be drawn, or resvg-py is not installed, refuses
        it, or takes too long.
    """
    file.seek(0)
    data = file.read(_MAX_BYTES + 1)
    text = drawable_text(data) if len(data) <= _MAX_BYTES else None
    if text is None or importlib.util.find_spec("resvg_py") is None:
        return None
    try:
        # -P: never import a module from the working directory, which is anyone's.
        done = subprocess.run(  # noqa: S603 - our own module, no shell, no text of others in the command
            [sys.executable, "-P", "-m", __name__, str(longest)],
            input=text.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def _draw_here(longest: int) -> None:
    resvg = importlib.import_module("resvg_py")
    text = sys.stdin.buffer.read().decode()
    sys.stdout.buffer.write(resvg.svg_to_bytes(svg_string=text, width=longest, height=longest))


if __name__ == "__main__":
    _draw_here(int(sys.argv[1]))
