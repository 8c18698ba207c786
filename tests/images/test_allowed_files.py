"""Files that are opened as sources: what is left open, and why one cannot be read."""

from pathlib import Path

import pytest

from imagerouter_mcp.errors import InvalidSourceError
from imagerouter_mcp.images.allowed_files import open_source


def refusal(path: Path) -> str:
    with pytest.raises(InvalidSourceError) as caught:
        open_source(path, "the picture")
    return str(caught.value)


def held(folder: Path) -> list[Path]:
    """What is open of a folder."""
    opened = [descriptor.resolve() for descriptor in Path("/proc/self/fd").iterdir()]
    return [path for path in opened if path.is_relative_to(folder)]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux tells which files are open")
@pytest.mark.parametrize("limited", [False, True])
def test_a_source_leaves_nothing_open_but_itself(tmp_path: Path, *, limited: bool) -> None:
    path = tmp_path / "a" / "b" / "fox.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"fox")
    folders = [tmp_path] if limited else None
    with open_source(path, "the picture", folders) as opened:
        assert held(tmp_path) == [path]
        assert opened.read() == b"fox"
    with pytest.raises(InvalidSourceError):
        open_source(path.parent, "the picture", folders)
    assert not held(tmp_path)


def test_each_failure_is_told_in_its_own_words(tmp_path: Path) -> None:
    assert "there is no such file" in refusal(tmp_path / "missing.png")
    assert "File name too long" in refusal(tmp_path / ("x" * 300))
    assert "is a folder" in refusal(tmp_path)
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    assert "cannot be read" in refusal(tmp_path / "circle")
