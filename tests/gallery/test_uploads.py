"""What was sent to be edited: kept once under its name, for a day."""

import io
import os
import time
from pathlib import Path

import pytest

from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.gallery import uploads
from imagerouter_mcp.gallery.uploads import Uploads, is_upload


def test_an_upload_is_found_under_its_name_however_it_is_spelt(tmp_path: Path) -> None:
    kept = Uploads(tmp_path)
    name = kept.new_name()
    assert kept.find(name) is None
    assert kept.keep(name, io.BytesIO(b"picture"))
    found = kept.find(f" {name.upper()} ")
    assert found
    assert found.read_bytes() == b"picture"


def test_a_name_is_used_once(tmp_path: Path) -> None:
    name = Uploads(tmp_path).new_name()
    assert Uploads(tmp_path).keep(name, io.BytesIO(b"first"))
    assert not Uploads(tmp_path).keep(name, io.BytesIO(b"second"))
    found = Uploads(tmp_path).find(name)
    assert found
    assert found.read_bytes() == b"first"
    assert [file.name for file in (tmp_path / "uploads").iterdir()] == [name]


def test_after_a_day_it_is_removed(tmp_path: Path) -> None:
    kept = Uploads(tmp_path)
    old, recent, new = kept.new_name(), kept.new_name(), kept.new_name()
    for name, hours in ((old, 24.1), (recent, 23.9)):
        kept.keep(name, io.BytesIO(b"picture"))
        path = kept.find(name)
        assert path
        sent = time.time() - hours * 3600
        os.utime(path, (sent, sent))
    kept.keep(new, io.BytesIO(b"new"))
    assert kept.find(old) is None
    assert kept.find(recent)
    assert kept.find(new)


def test_they_do_not_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_KEPT_BYTES", 10)
    kept = Uploads(tmp_path)
    kept.keep(kept.new_name(), io.BytesIO(bytes(10)))
    kept.keep(kept.new_name(), io.BytesIO(b"x"))
    with pytest.raises(ConfigurationError, match="uploads of the last day"):
        kept.keep(kept.new_name(), io.BytesIO(b"x"))


def test_a_folder_that_cannot_be_written_to_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "uploads").write_text("a file")
    kept = Uploads(tmp_path)
    with pytest.raises(ConfigurationError, match="cannot be kept"):
        kept.keep(kept.new_name(), io.BytesIO(b"x"))


@pytest.mark.parametrize(
    "text",
    ["", "upload_", "upload_123", "upload_../../x", "../x", "upload_0123456789abcdeg", "img_7f3a", "upload"],
)
def test_other_texts_are_no_names_of_uploads(tmp_path: Path, text: str) -> None:
    (tmp_path / "uploads").mkdir()
    for file in (tmp_path / "x", tmp_path / "uploads" / "img_7f3a"):
        file.touch()
    assert not is_upload(text)
    assert Uploads(tmp_path).find(text) is None
