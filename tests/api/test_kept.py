"""An answer is stored while it arrives, and a disk that fails does not disturb its reading."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from imagerouter_mcp.api.kept import Head, clean_answer, kept_answer, read_answer

resource = pytest.importorskip("resource")
ANSWER = httpx.Response(200, headers={"Retry-After": "3", "X-Other": "no"})


@contextmanager
def full_disk(largest: int) -> Generator[None]:
    """Let no file grow beyond some bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def clean(body: bytes) -> bytes:
    return body.replace(b"s3cret", b"[key]-")


def test_what_arrived_is_read_again_without_the_key(tmp_path: Path) -> None:
    path = tmp_path / "arriving" / "gen_7f3a.answer"
    with kept_answer(path, ANSWER) as keep:
        keep(b'{"key": "s3')
        keep(b'cret"}')
    clean_answer(path, clean)
    assert b"s3cret" not in path.read_bytes()
    assert read_answer(path, clean) == (Head(200, {"retry-after": "3"}), b'{"key": "[key]-"}')


def test_the_key_is_removed_from_what_a_killed_process_left(tmp_path: Path) -> None:
    path = tmp_path / "gen_7f3a.answer"
    path.write_bytes(b'{"status": 200, "headers": {}}\ns3cret')
    assert read_answer(path, clean) == (Head(200, {}), b"[key]-")
    assert b"s3cret" not in path.read_bytes()


def test_the_key_is_removed_from_a_large_answer_wherever_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "gen_7f3a.answer"
    large = bytearray(b"A" * (3 << 20))
    for place in (0, 1 << 20, (1 << 20) - 40, (2 << 20) - 50, len(large) - 6):
        large[place : place + 6] = b"s3cret"
    with kept_answer(path, ANSWER) as keep:
        keep(bytes(large))
    clean_answer(path, clean)
    assert (b"s3cret" in large, b"s3cret" in path.read_bytes()) == (True, False)
    found = read_answer(path, clean)
    assert found
    assert len(found[1]) == len(large)


@pytest.mark.parametrize("left", [None, b"", b'{"status": 2'])
def test_nothing_whole_is_nothing(tmp_path: Path, left: bytes | None) -> None:
    path = tmp_path / "gen_7f3a.answer"
    if left is not None:
        path.write_bytes(left)
    assert read_answer(path, clean) is None


@pytest.mark.parametrize("largest", [10, 60])
def test_a_disk_that_is_full_stores_less_and_disturbs_nothing(tmp_path: Path, largest: int) -> None:
    path = tmp_path / "gen_7f3a.answer"
    with full_disk(largest), kept_answer(path, ANSWER) as keep:
        keep(b"x" * 100)
        keep(b"y")
    assert path.stat().st_size == largest


def test_a_folder_that_cannot_be_made_stores_nothing_and_disturbs_nothing(tmp_path: Path) -> None:
    (tmp_path / "arriving").touch()
    with kept_answer(tmp_path / "arriving" / "gen_7f3a.answer", ANSWER) as keep:
        keep(b"x")
    with kept_answer(None, ANSWER) as keep:
        keep(b"x")
