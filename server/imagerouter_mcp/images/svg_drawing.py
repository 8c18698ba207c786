"""Drawing SVG with resvg, where the optional extra `svg` is installed.

The drawing is done in a child process: resvg-py holds the interpreter's lock while it draws (a few large
filters: 18 s), cannot be stopped, and is native code that reads what others wrote. The child gets the
document on its standard input and is killed when its time is over.

resvg reads local files that an `href` names, whatever `resources_dir` says (0.48), and fetches nothing from
a network. So only documents that `svg.drawable_text` let pass may come here.
"""

import importlib
import importlib.util
import subprocess
import sys

_SECONDS = 10.0
"""A detailed drawing takes a tenth of one."""


def draw(text: str, longest: int) -> bytes | None:
    """Draw a document from `svg.drawable_text`.

    Args:
        text: The document.
        longest: Pixels of the longer side.

    Returns:
        PNG data, or None: resvg-py is not installed, refuses the document, or takes too long.
    """
    if importlib.util.find_spec("resvg_py") is None:
        return None
    try:
        # -P: a module in the working directory, which is anyone's, is not imported.
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
