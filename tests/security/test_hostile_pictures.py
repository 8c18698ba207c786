"""Small files that take a decoder much memory or time: as sources, and as results that are to be shown.

One process meets them all, one after another, as the server does. What takes seconds of CPU is left to
`make security`.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from PIL import Image

from imagerouter_mcp.images import confined
from imagerouter_mcp.images.confined import in_child
from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.tools.inline_preview import draw_preview
from imagerouter_mcp.wiring import open_app
from support import hostile_pictures as hostile

Row = Callable[[str, str, str], None]

SECTION = "Pictures that are expensive to decode"
MOST_MIB = 400
"""Over idle, of the process and its child together."""
CPU_SECONDS = 2
"""For each attempt; shorter than the server's own limit, to be done sooner."""

FILES: dict[str, Callable[[], bytes]] = {
    "a PNG of 8192×8192 pixels in 0.2 MB": lambda: hostile.packed_png(8192),
    "a transparent PNG of 9400×9400 pixels": lambda: hostile.packed_png(9400, colour=6, rows=1),
    "a PNG with 40 texts that unpack to 15 MiB each": lambda: hostile.packed_png(
        16, *[hostile.packed_text(15)] * 40
    ),
    "a PNG of 200,000 empty parts": lambda: hostile.packed_png(16, *[hostile.chunk(b"abCd", b"")] * 200_000),
    "a PNG with a second header that is larger": lambda: hostile.packed_png(
        16, hostile.chunk(b"IHDR", hostile.packed_png(9400, rows=1)[16:29])
    ),
    "a JPEG of 10,000 scans in 0.4 MB": lambda: hostile.jpeg_of_scans(2048, 10_000),
    "a JPEG of 10,000 scans behind an end marker in a comment": lambda: hostile.jpeg_of_scans(
        2048, 10_000, hostile.segment(0xFE, b"\xff\xd9")
    ),
    "a JPEG of 5000×5000 pixels and 99 scans in 4 kB": lambda: hostile.jpeg_of_scans(5000, 99),
    "a JPEG of 200,000 comments": lambda: hostile.jpeg_of_scans(8, 2, hostile.segment(0xFE, b"") * 100_000),
    "a JPEG of 40 million fill bytes": lambda: hostile.jpeg_of_fill_bytes(40_000_000),
    "a PNG of 256 colours that lists none": lambda: hostile.packed_png(64, colour=3),
    "a TIFF with a tile of 46,000×46,000 pixels": lambda: hostile.tiff_of_tiles(64, 46_000),
    "a TIFF of 6000×6000 pixels in one strip": lambda: hostile.tiff_of_one_strip(6000),
    "a TIFF of a million strips": lambda: hostile.tiff_of_strips(1_000_000),
    "a TIFF with 5,000 tags": lambda: hostile.tiff((tag, 4, 1, 9) for tag in range(256, 5256)),
    "an honest GIF of 9400×9400 pixels": lambda: hostile.saved(
        Image.linear_gradient("L").resize((9400, 9400)),  # pyright: ignore[reportUnknownMemberType] - its stub names NumPy
        "GIF",
    ),
    "a GIF with a comment in 4 million pieces": lambda: hostile.gif_of_blocks(4_000_000),
    "a GIF of one pixel with a frame of 65,000×65,000": lambda: hostile.gif_beyond_its_screen(65_000),
    "an AVIF of 6,000×6,000 pixels that says 64×64": lambda: hostile.avif_of_a_larger_picture(6_000),
    "an SVG with a path of 15 MB": lambda: hostile.svg(f"<path d='M0 0{'L1 1 ' * 3_000_000}'/>"),
    "an SVG of 20 filters of the largest kind": lambda: hostile.svg_of_filters(20),
    "an SVG whose parts use each other 10⁸ times": lambda: hostile.svg_of_uses(9),
    "an SVG of patterns within patterns": lambda: hostile.svg_of_patterns(12),
    "an SVG of 900 layers": lambda: hostile.svg_of_layers(900),
    "an SVG with three packed pictures of 9000×9000 pixels": lambda: hostile.svg_of_pictures(3, 9000),
    "an SVG of 10⁸ pixels in one column": lambda: hostile.svg("<g/>", 'viewBox="0 0 1 100000000"'),
}
LONG = (
    "a PNG of 8192×8192 pixels in 0.2 MB",
    "an honest GIF of 9400×9400 pixels",
    "an AVIF of 6,000×6,000 pixels that says 64×64",
    "an SVG of 20 filters of the largest kind",
    "an SVG with three packed pictures of 9000×9000 pixels",
)
MEASURE = """
import json, resource, sys
from pathlib import Path
from imagerouter_mcp import settings
from imagerouter_mcp.errors import InvalidSourceError
from imagerouter_mcp.images import confined, prepare
from imagerouter_mcp.images.pixels import encode, preview

confined.CPU_SECONDS = int(sys.argv[2])


def own():
    return int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1]) // 1024


def used():
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in both)


idle, total = own(), used()
for path in sorted(Path(sys.argv[1]).iterdir()):
    open("/proc/self/clear_refs", "w").write("5")
    began = used()
    try:
        with path.open("rb") as file, prepare.prepare(file, "x").file:
            source = "sent"
    except InvalidSourceError as error:
        source = "refused"
    between = used()
    try:
        shown = "previewed" if preview.make_preview(path, "auto") else "no preview"
    except confined.StoppedError:
        shown = "preview stopped"
    seconds = max(between - began, used() - between)
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    print(json.dumps([path.name, f"{source}; {shown}", own() - idle + child, seconds]), flush=True)
"""


@pytest.fixture(scope="module")
def measured(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[str, int, float]]:
    """What came of each selected file, the peak memory in MiB over idle, and the CPU seconds."""
    folder = tmp_path_factory.mktemp("hostile")
    with_long = any(item.get_closest_marker("long") for item in request.session.items)
    names = [name for name in FILES if with_long or name not in LONG]
    for index, name in enumerate(names):
        (folder / f"{index:02}").write_bytes(FILES[name]())
    command = [sys.executable, "-c", MEASURE, str(folder), str(CPU_SECONDS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {name: (line[1], line[2], line[3]) for name, line in zip(names, lines, strict=True)}


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured and limited on Linux")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long if name in LONG else ()) for name in FILES]
)
def test_a_hostile_picture_takes_little_memory_and_ends(
    measured: dict[str, tuple[str, int, float]], row: Row, name: str
) -> None:
    outcome, mebibytes, seconds = measured[name]

    assert mebibytes < MOST_MIB
    assert seconds < 2 * CPU_SECONDS
    row(SECTION, name, f"{outcome}; within {MOST_MIB} MiB and the time allowed")


def test_a_child_process_knows_no_secrets(row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEROUTER_API_KEY", "s3cret-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret-key")
    monkeypatch.setenv("PYTHONPATH", str(Path(hostile.__file__).parents[1]))
    picture = tmp_path / "picture"
    picture.write_bytes(b"x")

    with picture.open("rb") as file:
        made, known = in_child(hostile.environment, file)

    made.close()
    assert "PYTHONPATH" in known
    assert "s3cret-key" not in known.values()
    assert known.keys() <= {"PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "TMPDIR", "LC_CTYPE"} | (
        {"SYSTEMROOT", "TEMP", "TMP"} if os.name == "nt" else {"DYLD_LIBRARY_PATH"}
    )
    row(SECTION, "a decoder that looks for keys in its environment", "it has only what Python needs")


async def test_packed_sources_keep_nobody_waiting(settings: Settings, row: Row, tmp_path: Path) -> None:
    packed, ordinary = tmp_path / "packed.png", tmp_path / "ordinary.png"
    packed.write_bytes(hostile.packed_png(8192))
    Image.linear_gradient("L").save(ordinary)
    ended: list[Any] = []

    async with open_app(settings) as app, Client(build_server(app)) as client:

        async def edit(number: int) -> None:
            arguments = {"images": [str(packed)] * 16, "prompt": f"join {number}", "model": "test/test"}
            ended.append(await client.call_tool("edit_image", arguments))

        async with anyio.create_task_group() as others:
            for number in range(3):
                others.start_soon(edit, number)
            for _ in range(8):
                mask = {"image": str(ordinary), "mask": "box:0,0,50%,50%"}
                assert not (await client.call_tool("preview_mask", mask)).is_error
            assert not ended, "the ordinary calls were answered first"
            others.cancel_scope.cancel()
    row(SECTION, "three edits of 16 packed pictures each", "others' pictures are shown meanwhile")


@pytest.mark.long
async def test_hostile_results_keep_no_preview_waiting(
    row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confined, "CPU_SECONDS", 1)
    slow, ordinary = tmp_path / "slow.svg", tmp_path / "ordinary.png"
    slow.write_bytes(hostile.svg_of_filters(20))
    Image.linear_gradient("L").save(ordinary)
    told: list[str] = []

    async def show_slow() -> None:
        shown, sentence = await draw_preview([(slow, "slow")], "auto")
        assert shown is None
        told.append(sentence)

    async with anyio.create_task_group() as others:
        for _ in range(3):
            others.start_soon(show_slow)
        for _ in range(5):
            assert (await draw_preview([(ordinary, "ordinary")], "auto"))[0]
        assert len(told) < 3

    assert len(told) == 3
    assert all(sentence.startswith("The preview could not be made: it") for sentence in told)
    row(
        SECTION,
        "three results that take endless drawing",
        "others' previews come meanwhile; each is given up",
    )
