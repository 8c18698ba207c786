"""A masked edit of a 12 megapixel photo: CPU beside Pillow alone, memory, and pauses of the event loop."""

import io
import os
import tempfile
import time
from pathlib import Path

from mcp import Client
from mcp.client.stdio import stdio_client
from PIL import Image, ImageFilter

from bench.event_loop import finished, longest_pause, settings_in
from bench.figures import Figure
from bench.processes import sandbox_process, server, server_mib
from imagerouter_mcp.generation.planning.request import Request
from imagerouter_mcp.images.composite.lay_in import PNG_LEVEL
from imagerouter_mcp.wiring import open_app

SIZE = (4000, 3000)
MODEL = "google/gemini-2.5-flash"
MASKS = {"1 %": "box:45%,45%,10%,10%", "70 %": "box:8%,8%,84%,84%"}
_PROMPT = "Paint a red balloon"
_TIMES = 3
"""How often each is done; the least CPU counts, because others only add to it."""
_TICKS = os.sysconf("SC_CLK_TCK")


async def measure() -> list[Figure]:
    """Edit a small and a large part of the photo: in a server that is measured, and beside a clock."""
    figures: list[Figure] = []
    with sandbox_process() as base_url, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photo = _photo(folder)
        bare = _bare_seconds(photo)
        for share, mask in MASKS.items():
            seconds, peak = await _edited(base_url, folder, photo, mask)
            what = f"masked edit of {share} of a 12 MP photo"
            ours, alone = f"{seconds:.2f} s CPU", f"{bare:.2f} s CPU"
            figures.append(Figure(what, ours, alone, seconds / bare, 2.5, "×"))
            figures.append(Figure(f"{what}, peak memory over idle", f"{peak:.0f} MiB", "", peak, 300, "MiB"))
        pause = await _longest_pause(base_url, folder, photo)
    paused = "longest pause of the event loop, masked edit of a 12 MP photo"
    return [*figures, Figure(paused, f"{pause:.0f} ms", "", pause, 50, "ms")]


def _photo(folder: Path) -> Path:
    """A photo with the grain that makes PNG slow."""
    grain = Image.effect_noise(SIZE, 24)
    slope = Image.radial_gradient("L").resize(SIZE)  # pyright: ignore[reportUnknownMemberType] - its annotation names NumPy
    channels = [Image.blend(grain, slope, share) for share in (0.6, 0.75, 0.9)]
    path = folder / "photo.jpg"
    Image.merge("RGB", channels).filter(ImageFilter.GaussianBlur(0.7)).save(path, quality=92)
    return path


def _bare_seconds(photo: Path) -> float:
    """CPU that Pillow alone takes to decode the photo and to save it without loss."""
    seconds: list[float] = []
    for _ in range(_TIMES):
        before = time.process_time()
        with Image.open(photo) as picture:
            picture.save(io.BytesIO(), "PNG", compress_level=PNG_LEVEL)
        seconds.append(time.process_time() - before)
    return min(seconds)


async def _edited(base_url: str, folder: Path, photo: Path, mask: str) -> tuple[float, float]:
    """Seconds of CPU of a server and its children, and MiB over idle, for one masked edit."""
    async with Client(stdio_client(server(base_url, folder))) as client:
        await client.call_tool("edit_image", _arguments(_small(photo), mask))
        idle = server_mib(folder, "VmRSS")
        seconds: list[float] = []
        for _ in range(_TIMES):
            before = _cpu_seconds(folder)
            result = await client.call_tool("edit_image", {**_arguments(photo, mask), "again": True})
            if result.is_error:
                raise RuntimeError(result.content)
            seconds.append(_cpu_seconds(folder) - before)
        return min(seconds), server_mib(folder, "VmHWM") - idle


def _small(photo: Path) -> Path:
    small = photo.with_name("small.png")
    Image.linear_gradient("L").convert("RGB").save(small)
    return small


def _arguments(photo: Path, mask: str) -> dict[str, object]:
    return {"images": [str(photo)], "mask": mask, "prompt": _PROMPT, "model": MODEL}


def _cpu_seconds(folder: Path) -> float:
    """CPU seconds of the server and of its children that have ended."""
    process = int((folder / "pid").read_text())
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS


async def _longest_pause(base_url: str, folder: Path, photo: Path) -> float:
    async def edit(source: Path) -> None:
        request = Request(prompt=_PROMPT, model=MODEL, images=(str(source),), mask=MASKS["70 %"])
        await finished(app, "edit_image", request)

    async with open_app(settings_in(folder / "own", base_url)) as app:
        await edit(_small(photo))
        async with longest_pause() as pause:
            await edit(photo)
    return pause.milliseconds
