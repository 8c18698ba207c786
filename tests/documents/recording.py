"""The pictures of the README, from real runs. `make recording` makes them.

The terminal and what it made: the command runs three times with the sandbox, in a home folder of its own. The
recording calls that folder `~`, and changes nothing else. `screens.py` draws the view in the chat and the
studio.
"""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageOps
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from documents.screens import draw_screens

IMAGES = Path(__file__).parents[2] / "docs" / "images"
COMMAND = "imagerouter-mcp"
SHOWN = (
    ("generate", "a lighthouse on a cliff at dusk", "--sandbox"),
    ("edit", "make it a snowy night", "last", "--sandbox"),
    ("spending", "--sandbox"),
)
COLUMNS = 96
SIDE = 236
"""Pixels of each of the two pictures; both fit beside each other into 480."""


def main() -> None:
    """Write all the pictures."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        terminal = Console(record=True, width=COLUMNS, file=Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - ends with the process
        for words in SHOWN:
            terminal.print(Text(f"$ {typed(words)}", style="bold"))
            terminal.print(Text(ran(words, home)))
        pictures = sorted(
            (home / "Pictures" / "imagerouter").iterdir(), key=lambda path: path.stat().st_mtime
        )
        side_by_side(pictures).save(IMAGES / "made.jpg", quality=82, optimize=True)
        svg = terminal.export_svg(
            title="imagerouter-mcp", code_format=without_remote_fonts(), unique_id="recording"
        )
        (IMAGES / "terminal.svg").write_text(svg, "utf-8")
    asyncio.run(draw_screens(IMAGES))


def typed(words: tuple[str, ...]) -> str:
    """A command line with only the quotes that a person would type."""
    return " ".join([COMMAND, *(f'"{word}"' if " " in word else word for word in words)])


def ran(words: tuple[str, ...], home: Path) -> str:
    """What one run prints."""
    ended = subprocess.run(  # noqa: S603 - our own command
        [Path(sys.executable).with_name(COMMAND), *words],
        env={"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stdout.replace(str(home), "~")


def side_by_side(paths: list[Path]) -> Image.Image:
    """The pictures beside each other, each cut to a square."""
    gap = 480 - 2 * SIDE
    whole = Image.new("RGB", (SIDE * len(paths) + gap * (len(paths) - 1), SIDE), "white")
    for place, path in enumerate(paths):
        with Image.open(path) as picture:
            whole.paste(ImageOps.fit(picture.convert("RGB"), (SIDE, SIDE)), (place * (SIDE + gap), 0))
    return whole


def without_remote_fonts() -> str:
    """The SVG's frame without fonts that a viewer would have to fetch."""
    return re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


if __name__ == "__main__":
    main()
