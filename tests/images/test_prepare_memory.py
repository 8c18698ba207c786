"""However many sources and however large, little memory is taken, and no thread is kept waiting."""

import io
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image, ImageOps
from PIL.ImageFile import ImageFile

from imagerouter_mcp.images.prepare import prepare
from support.source_pictures import COLOURS, encoded, exif, looks_right, noise, quarters


def test_one_picture_at_a_time_is_in_memory_as_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    inside: set[int] = set()
    most = 0
    load = ImageFile.load

    def slow(picture: ImageFile) -> object:
        nonlocal most
        inside.add(threading.get_ident())
        most = max(most, len(inside))
        time.sleep(0.002)  # long enough for another thread to come in, were it let in
        try:
            return load(picture)
        finally:
            inside.discard(threading.get_ident())

    monkeypatch.setattr(ImageFile, "load", slow)
    kinds = ("JPEG", "WEBP", "TIFF", "PNG")
    turned = quarters().transpose(Image.Transpose.ROTATE_180)
    sources = [encoded(quarters(), kind, exif=exif(3)) for kind in kinds] * 2  # converted
    sources += [encoded(turned, kind, exif=exif(1)) for kind in kinds] * 2  # checked

    def shown(data: bytes) -> Image.Image:
        with prepare(io.BytesIO(data), "x").file as file:
            return Image.open(io.BytesIO(file.read()))

    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(shown, sources))

    assert most == 1
    assert all(
        looks_right(image, tuple(reversed(COLOURS)), near=20)
        for image in map(ImageOps.exif_transpose, results)
    )


MEASURE = """
import io, pathlib, resource, sys
from concurrent.futures import ThreadPoolExecutor
from typing import cast
from imagerouter_mcp.images.prepare import prepare

def one(path):
    with open(path, "rb") as file:
        return prepare(file, "x").file.close()

def peak():
    return int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1])

one(sys.argv[1])
before = peak()
with ThreadPoolExecutor(16) as pool:
    list(pool.map(one, sys.argv[2:] * 8))
print(peak() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's own figure is read")
def test_sixteen_sources_at_once_take_little_memory(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """By the process's peak of resident memory, for what Pillow allocates is not seen by tracemalloc."""
    folder = tmp_path_factory.mktemp("large")
    small, large_png, large_jpeg = (folder / name for name in ("small.jpg", "large.png", "large.jpg"))
    small.write_bytes(encoded(quarters(), "JPEG"))
    large_png.write_bytes(encoded(noise("RGB", (1500, 1400)), "PNG", compress_level=0))
    large_jpeg.write_bytes(encoded(noise("RGB", (2200, 2000)), "JPEG", quality=92))
    assert min(path.stat().st_size for path in (large_png, large_jpeg)) > 4_000_000

    done = subprocess.run(  # noqa: S603 - our own Python
        [sys.executable, "-c", MEASURE, small, large_png, large_jpeg],
        capture_output=True,
        check=True,
        text=True,
    )

    assert int(done.stdout) < 48 * 1024, "KiB"


def test_pillow_is_not_loaded_before_the_first_picture() -> None:
    code = (
        "import sys, imagerouter_mcp.images.prepare, imagerouter_mcp.images.masks\n"
        "print('PIL' in sys.modules)"
    )

    done = subprocess.run(  # noqa: S603 - our own Python
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )

    assert done.stdout.strip() == "False"


UNDER_LIMITS = """
import pathlib, resource, sys
from imagerouter_mcp.images.prepare import prepare
for kind in (resource.RLIMIT_FSIZE, resource.RLIMIT_DATA):
    resource.setrlimit(kind, (300 << 20, 300 << 20))
with pathlib.Path(sys.argv[1]).open("rb") as file:
    print(prepare(file, "scan").media_type)
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such limits")
def test_a_child_keeps_to_limits_that_are_lower_than_its_own(tmp_path: Path) -> None:
    quarters().save(tmp_path / "scan.tif")
    command = [sys.executable, "-c", UNDER_LIMITS, str(tmp_path / "scan.tif")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert done.stdout == "image/png\n", done.stderr


def test_a_large_progressive_photo_is_said_to_take_too_much_memory() -> None:
    with io.BytesIO() as file:
        Image.new("RGB", (5900, 5900), "teal").save(file, "JPEG", progressive=True, subsampling=0)
        made = prepare(file, "photo.jpg")
    made.file.close()
    assert (made.width, made.height) == (2950, 2950)
    (note,) = made.notes
    assert note.endswith("to 2950×2950 pixels, as JPEG, because decoding it whole takes too much memory.")
