"""Memory of whole calls: the real server and its child process, with the worst that a call may bring."""

import base64
import json
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.types import CallToolResult, TextContent
from PIL import Image

from imagerouter_mcp.sandbox.service.serve import Sandbox
from support import hostile_pictures as hostile
from support.faulty_sandbox import running_faulty_sandbox
from support.http_serving import Serving, bare_environment, sandbox_environment, serving

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform != "linux", reason="memory is measured and limited on Linux"),
]
MOST_MIB = 400
"""Over idle, of the server and its child process together, at any moment of one call."""
Call = Callable[[Path], tuple[str, dict[str, Any]]]
"""Given the folder of pictures, the tool to call and its arguments."""


def mebibytes(process: int) -> float:
    """What a process and its children hold now."""
    total = 0.0
    with suppress(OSError):
        threads = Path(f"/proc/{process}/task").iterdir()
        children = [child for thread in threads for child in (thread / "children").read_text().split()]
        for each in (process, *children):
            lines = Path(f"/proc/{each}/status").read_text().splitlines()
            total += next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0)
    return total


class Watch:
    """Looks at a process and its children every few milliseconds, in a thread."""

    def __init__(self, process: int) -> None:
        self.idle = self.most = mebibytes(process)
        self._process = process
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop looking."""
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.002):
            self.most = max(self.most, mebibytes(self._process))

    @property
    def over_idle(self) -> float:
        """MiB at the worst moment over what the process had in the beginning."""
        return self.most - self.idle


def tell(name: str, watch: Watch, result: CallToolResult) -> None:
    """Show what was measured, with `--capture no`."""
    said = next((block.text for block in result.content if isinstance(block, TextContent)), "")
    print(f"{name}: {watch.over_idle:.0f} MiB over {watch.idle:.0f}; {said[:120]!r}")  # noqa: T201 - on demand


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running_faulty_sandbox() as running:
        yield running


def resized(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return a picture in another size."""
    return picture.resize(size)  # pyright: ignore[reportUnknownMemberType] - its stub names NumPy


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of large pictures, honest and not."""
    folder = tmp_path_factory.mktemp("sources")
    noise = Image.effect_noise((4000, 3000), 90)
    photo = Image.merge("RGB", [noise, noise.rotate(180), noise])
    photo.save(folder / "photo.jpg", quality=90)
    photo.save(folder / "photo.png", compress_level=1)
    photo.save(folder / "photo.webp", quality=80, method=0)
    photo.save(folder / "progressive.jpg", quality=90, progressive=True)
    resized(photo, (8192, 8192)).save(folder / "large.jpg", quality=70)
    resized(photo, (4096, 4096)).save(folder / "large.avif", quality=50, speed=10)
    resized(photo, (6000, 6000)).save(folder / "large.tiff", compression="tiff_lzw")
    resized(Image.linear_gradient("L"), (8192, 8192)).convert("RGB").save(folder / "8192.png")
    resized(Image.linear_gradient("L"), (9400, 9400)).save(folder / "9400.gif")
    (folder / "packed.png").write_bytes(hostile.packed_png(8192))
    (folder / "clear.png").write_bytes(hostile.packed_png(9000, colour=6))
    (folder / "large.png").write_bytes(hostile.packed_png(8000, colour=6))
    Image.new("RGB", (65_000, 1)).save(folder / "line.png")
    Image.new("RGB", (1, 65_000)).save(folder / "column.png")
    (folder / "scans.jpg").write_bytes(hostile.jpeg_of_scans(5000, 99))
    (folder / "filters.svg").write_bytes(hostile.svg_of_filters(20))
    mask = Image.new("L", (8192, 8192))
    mask.paste(255, (100, 100, 4000, 4000))
    mask.save(folder / "mask.png")
    return folder


def edit(*names: str, mask: str = "") -> Call:
    """Return an edit of pictures in the folder."""

    def call(folder: Path) -> tuple[str, dict[str, Any]]:
        arguments = {"images": [str(folder / name) for name in names], "prompt": "Join", "model": "test/test"}
        if mask:
            arguments["mask"] = str(folder / mask) if mask.endswith(".png") else mask
        return "edit_image", arguments

    return call


def made(model: str, size: str = "auto") -> Call:
    """Return a call for a picture."""
    return lambda _: ("generate_image", {"prompt": "A fox", "model": model, "size": size})


CALLS: dict[str, Call] = {
    "16 photos as JPEG": edit(*["photo.jpg"] * 16),
    "4 photos as PNG": edit(*["photo.png"] * 4),
    "4 photos as WebP": edit(*["photo.webp"] * 4),
    "4 progressive photos": edit(*["progressive.jpg"] * 4),
    "4 pictures of 8192×8192 in 0.2 MB": edit(*["packed.png"] * 4),
    "3 JPEGs of 8192×8192": edit(*["large.jpg"] * 3),
    "AVIF, TIFF and GIF": edit("large.avif", "large.tiff", "9400.gif"),
    "a PNG of 8192×8192": edit("8192.png"),
    "a transparent PNG of 9000×9000": edit("clear.png"),
    "a JPEG of 99 scans": edit("scans.jpg"),
    "an SVG of filters": edit("filters.svg"),
    "a mask of 8192×8192 for a photo": edit("photo.jpg", mask="mask.png"),
    "a mask in words for 8192×8192": edit("8192.png", mask="box:0,0,50%,50%"),
    "a mask in words for a JPEG of 8192×8192": edit("large.jpg", mask="box:0,0,50%,50%"),
    "a mask in words for a transparent PNG of 8000×8000": edit("large.png", mask="box:0,0,50%,50%"),
    "a line before and a column after": lambda folder: (
        "finish_image",
        {"images": [str(folder / "line.png"), str(folder / "column.png")], "steps": ["before-after"]},
    ),
    "a preview of a mask of 8192×8192": lambda folder: (
        "preview_mask",
        {"image": str(folder / "8192.png"), "mask": str(folder / "mask.png")},
    ),
    "a result of 98 MB in base64": made("sandbox/noise", size="5000x4900"),
    "a result of 192 MB in base64": made("sandbox/huge-b64"),
    "a result that never ends": made("sandbox/url-endless"),
}


@contextmanager
def server(sandbox: Sandbox, home: Path, folder: Path, **settings: str) -> Generator[Serving]:
    """Run a server over HTTP that may read the folder."""
    environment = {
        **bare_environment(home),
        **sandbox_environment(sandbox, home),
        "IMAGEROUTER_INPUT_DIRS": str(folder),
        "IMAGEROUTER_ALLOW_PRIVATE_URLS": "1",
        "IMAGEROUTER_WAIT_SECONDS": "300",
        **settings,
    }
    with serving(environment) as running:
        yield running


@pytest.mark.parametrize("name", CALLS)
async def test_a_call_takes_at_most_400_mebibytes(
    sandbox: Sandbox, pictures: Path, tmp_path: Path, name: str
) -> None:
    tool, arguments = CALLS[name](pictures)
    formats = {"IMAGEROUTER_RESPONSE_FORMAT": "b64_ephemeral"} if "base64" in name else {}
    with server(sandbox, tmp_path, pictures, **formats) as running:
        async with Client(running.url, read_timeout_seconds=300) as client:
            await client.call_tool("list_images", {})
            with Watch(running.process.pid) as watch:
                result = await client.call_tool(tool, arguments)
    tell(name, watch, result)
    assert watch.over_idle < MOST_MIB


def test_a_large_body_takes_at_most_400_mebibytes(sandbox: Sandbox, pictures: Path, tmp_path: Path) -> None:
    body = b'{"jsonrpc": "2.0", "id": 1, "method": "x", "params": "' + b"A" * (39 << 20) + b'"}'
    with server(sandbox, tmp_path, pictures) as running, Watch(running.process.pid) as watch:
        with suppress(httpx.WriteError):
            assert httpx.post(running.url, content=body, trust_env=False, timeout=60).status_code == 413
        values = json.dumps([0] * 9_990).encode()
        values = b'{"jsonrpc": "2.0", "id": 1, "method": "x", "params": [' + values + b"]}"
        httpx.post(running.url, content=values, trust_env=False, timeout=60)
    assert watch.over_idle < MOST_MIB


async def test_a_picture_of_25_mebibytes_in_a_line_takes_at_most_400_mebibytes(
    sandbox: Sandbox, pictures: Path, tmp_path: Path
) -> None:
    data = base64.b64encode((pictures / "photo.png").read_bytes()).decode()
    environment = {**bare_environment(tmp_path), **sandbox_environment(sandbox, tmp_path)}
    starter = "import os, pathlib, sys; from imagerouter_mcp.cli.main import main; "
    starter += "pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); sys.exit(main([]))"
    parameters = StdioServerParameters(
        command=sys.executable, args=["-c", starter, str(tmp_path / "pid")], env=environment
    )
    async with Client(stdio_client(parameters), read_timeout_seconds=300) as client:
        await client.call_tool("list_images", {})
        with Watch(int((tmp_path / "pid").read_text())) as watch:
            arguments = {"images": [f"data:image/png;base64,{data}"], "prompt": "x", "model": "test/test"}
            result = await client.call_tool("edit_image", arguments)
    tell("line", watch, result)
    assert watch.over_idle < MOST_MIB
