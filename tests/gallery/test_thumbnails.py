"""Thumbnails are kept for this user alone, and do not take more room than they may."""

import os
from pathlib import Path

import pytest

from imagerouter_mcp.gallery import thumbnails
from imagerouter_mcp.gallery.thumbnails import Thumbnails, state_of


@pytest.fixture
def picture(tmp_path: Path) -> str:
    """Return the state of a picture's file."""
    file = tmp_path / "fox.png"
    file.write_bytes(b"a fox")
    return state_of(file) or ""


def test_the_least_recently_used_give_way(
    tmp_path: Path, picture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thumbnails, "MOST_BYTES", 1000)
    monkeypatch.setattr(thumbnails, "_SWEPT_AFTER_BYTES", 0)
    kept = Thumbnails(tmp_path)
    for number in range(10):
        kept.keep(f"img_{number:04}", "tile_320", picture, b"x" * 100)
        (made,) = (tmp_path / "thumbnails").glob(f"img_{number:04}-*")
        os.utime(made, (number, number))
    assert kept.find("img_0000", "tile_320", picture)
    for number in range(10, 16):
        kept.keep(f"img_{number:04}", "tile_320", picture, b"x" * 100)
    left = [each.stat().st_size for each in (tmp_path / "thumbnails").iterdir()]
    assert 500 < sum(left) <= 1000
    assert kept.find("img_0003", "tile_320", picture) is None
    assert kept.find("img_0015", "tile_320", picture)
    assert kept.find("img_0000", "tile_320", picture), "it was used lately"


def test_a_changed_file_and_another_size_have_thumbnails_of_their_own(tmp_path: Path, picture: str) -> None:
    kept = Thumbnails(tmp_path)
    kept.keep("img_1", "tile_320", picture, b"small")
    assert kept.find("img_1", "tile_320", picture) == b"small"
    assert kept.find("img_1", "tile_640", picture) is None
    (tmp_path / "fox.png").write_bytes(b"an owl")
    assert kept.find("img_1", "tile_320", state_of(tmp_path / "fox.png") or "") is None
    assert (tmp_path / "thumbnails").stat().st_mode & 0o077 == 0


def test_a_folder_that_takes_none_stops_nobody(tmp_path: Path, picture: str) -> None:
    (tmp_path / "thumbnails").write_text("in the way")
    kept = Thumbnails(tmp_path)
    kept.keep("img_1", "tile_320", picture, b"small")
    kept.discard({"img_1"})
    assert kept.find("img_1", "tile_320", picture) is None


def test_only_a_file_has_a_state(tmp_path: Path, picture: str) -> None:
    assert picture
    assert state_of(tmp_path) is state_of(tmp_path / "none.png") is None
    (tmp_path / "link.png").symlink_to(tmp_path / "fox.png")
    assert state_of(tmp_path / "link.png")
