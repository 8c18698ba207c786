"""A child process: what it may take, and what is said when it takes more or fails."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from imagerouter_mcp.errors import InvalidSourceError
from imagerouter_mcp.images import confined
from imagerouter_mcp.images.confined import StoppedError, TooLargeError, in_child
from imagerouter_mcp.images.inspect import formats
from imagerouter_mcp.images.inspect.binary import NotAPictureError
from imagerouter_mcp.images.inspect.cost import is_heavy
from imagerouter_mcp.images.inspect.inspection import Inspection
from imagerouter_mcp.images.pixels.derive import derived
from support import child_work

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits all of it")
PICTURE = BytesIO(b"x")


@pytest.fixture(autouse=True)
def works_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(child_work.__file__).parents[1]))


@on_linux
def test_a_child_may_take_ten_seconds_and_360_mebibytes_and_gives_way() -> None:
    made, found = in_child(child_work.limits, PICTURE)
    made.close()

    most = 360 * 2**20
    assert found == {
        "RLIMIT_CPU": [10, 11],
        "RLIMIT_DATA": [most, most],
        "RLIMIT_FSIZE": [most, most],
        "RLIMIT_CORE": [0, 0],
        "nice": min(19, os.nice(0) + 10),
    }
    assert confined.SECONDS == 60


def test_one_child_works_at_a_time(tmp_path: Path) -> None:
    def work(_: int) -> None:
        in_child(child_work.alone, BytesIO(b"x"), place=str(tmp_path / "place"))[0].close()

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(work, range(2)))


@on_linux
def test_a_child_that_computes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confined, "CPU_SECONDS", 1)

    with pytest.raises(StoppedError, match=r"^it takes more than 1 s of CPU time$"):
        in_child(child_work.compute, PICTURE)


def test_a_child_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confined, "SECONDS", 0.5)

    with pytest.raises(StoppedError, match=r"^it takes more than 0\.5 s$"):
        in_child(child_work.compute, PICTURE)


@on_linux
def test_a_child_that_takes_too_much_memory_is_refused_it() -> None:
    in_child(child_work.allocate, PICTURE, mebibytes=200)[0].close()

    with pytest.raises(TooLargeError, match=r"^it takes more than 360 MiB of memory$"):
        in_child(child_work.allocate, PICTURE, mebibytes=360)


@on_linux
def test_an_encoder_that_gets_no_memory_counts_as_too_large_a_picture() -> None:
    with pytest.raises(TooLargeError):
        in_child(child_work.encode_in_little_memory, PICTURE)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("killed", "the system ended the decoding process, probably for lack of memory"),
        ("crashed", "the decoding process failed with status -11"),
        ("left", "the decoding process failed with status 3"),
    ],
)
def test_a_child_that_fails_for_another_reason_is_told_apart(how: str, said: str) -> None:
    with pytest.raises(StoppedError, match=f"^{said}$"):
        in_child(child_work.die, PICTURE, how=how)


def test_a_child_that_cannot_be_started_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    with pytest.raises(StoppedError, match=r"^no process could be started for it"):
        in_child(child_work.limits, PICTURE)


def test_what_the_work_refuses_passes() -> None:
    with pytest.raises(InvalidSourceError, match="It is a cat"):
        in_child(child_work.die, PICTURE, how="refused")
    with pytest.raises(NotAPictureError, match="it is a poem"):
        in_child(child_work.die, PICTURE, how="no picture")


@pytest.mark.parametrize(("kind", "elsewhere"), [("PNG", False), ("TIFF", True)])
def test_only_what_is_heavy_is_decoded_in_a_child(kind: str, *, elsewhere: bool) -> None:
    with BytesIO() as file:
        Image.new("L", (8, 8)).save(file, kind)
        made, told = derived(child_work.worker, file)

    assert (told["process"] != os.getpid()) == elsewhere
    assert (made.size, made.tobytes()) == ((2, 1), b"\7\7")


@pytest.mark.parametrize(
    ("kind", "side", "passes", "heavy"),
    [
        (formats.PNG, 4096, 1, False),
        (formats.PNG, 4097, 1, True),
        (formats.JPEG, 1000, 16, False),
        (formats.JPEG, 1000, 17, True),
        *((kind, 8, 1, True) for kind in (formats.SVG, formats.TIFF, formats.AVIF, formats.HEIC)),
    ],
)
def test_more_than_64_mebibytes_or_16_scans_and_some_formats_of_any_size_are_heavy(
    kind: formats.Format, side: int, passes: int, *, heavy: bool
) -> None:
    seen = Inspection(kind, side, side, animated=False, seconds=None, bytes=1, passes=passes)

    assert is_heavy(seen) == heavy
