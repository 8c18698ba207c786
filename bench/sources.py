"""Source images: the CPU time and the memory of preparing 16 of them, beside the same Pillow steps alone.

As a program, `python -m bench.sources ours FOLDER` or `… bare FOLDER`, it does the job once and prints both
figures.
"""

import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from PIL import Image

from bench.figures import Figure
from bench.processes import mib
from imagerouter_mcp.images.prepare import prepare

SOURCES, WIDTH, HEIGHT = 16, 2048, 1536
ROUNDS = 3
_SAVED: Sequence[tuple[str, dict[str, Any]]] = (
    ("png", {}),
    ("jpeg", {"quality": 90}),
    ("webp", {"quality": 90}),
    ("webp", {"lossless": True}),
)


def measure() -> list[Figure]:
    """Prepare photographs of four types, each time in a new process, both ways in turn."""
    with tempfile.TemporaryDirectory() as folder:
        for number in range(SOURCES):
            _save(Path(folder), number)
        pairs = [(_process("ours", folder), _process("bare", folder)) for _ in range(ROUNDS)]
    seconds = [(ours[0], bare[0]) for ours, bare in pairs]
    memory = [(ours[1], bare[1]) for ours, bare in pairs]
    our_seconds, bare_seconds = (median(column) for column in zip(*seconds, strict=True))
    our_memory, bare_memory = (median(column) for column in zip(*memory, strict=True))
    what = f"{SOURCES} sources of {WIDTH}×{HEIGHT} prepared"
    ratio = median(ours / bare for ours, bare in seconds)
    return [
        Figure(f"{what}: CPU time", f"{our_seconds:.2f} s", f"{bare_seconds:.2f} s", ratio, 1.2, "×"),
        Figure(
            f"{what}: peak memory",
            f"{our_memory:.0f} MiB",
            f"{bare_memory:.0f} MiB",
            our_memory - bare_memory,
            50,
            "MiB more",
        ),
    ]


def _save(folder: Path, number: int) -> None:
    """Save something like a photograph: soft shapes with grain."""
    extension, options = _SAVED[number % len(_SAVED)]
    small = Image.effect_noise((WIDTH // 16, HEIGHT // 16), 80)
    shapes = small.resize((WIDTH, HEIGHT))  # pyright: ignore[reportUnknownMemberType] - its stub names numpy
    grain = Image.effect_noise((WIDTH, HEIGHT), 8)
    picture = Image.merge("RGB", (shapes, Image.blend(shapes, grain, 0.3), grain))
    picture.save(folder / f"{number}.{extension}", **options)


def _process(way: str, folder: str) -> tuple[float, float]:
    """Return the CPU seconds and the peak MiB of a process that does the job one way."""
    command = [sys.executable, "-m", "bench.sources", way, folder]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - this module
    seconds, peak = ended.stdout.split()
    return float(seconds), float(peak)


def _prepare_ours(path: Path) -> None:
    with path.open("rb") as file:
        prepare(file, path.name).file.close()


def _prepare_bare(path: Path) -> None:
    """Read each pixel, and write the picture without metadata if it is PNG or JPEG."""
    with Image.open(path) as picture:
        picture.load()
        if picture.format == "PNG":
            picture.save(io.BytesIO(), "PNG")
        elif picture.format == "JPEG":
            picture.save(io.BytesIO(), "JPEG", quality="keep")


def main(way: str, folder: str) -> None:
    """Do the job once."""
    do = _prepare_ours if way == "ours" else _prepare_bare
    began = time.process_time()
    for path in sorted(Path(folder).iterdir()):
        do(path)
    print(time.process_time() - began, mib(os.getpid(), "VmHWM"))  # noqa: T201 - for the process that asked


if __name__ == "__main__":
    main(*sys.argv[1:])
