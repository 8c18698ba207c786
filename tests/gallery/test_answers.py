"""Answers on disk: as they arrive, kept when there is no picture, and removed when they are not needed."""

from pathlib import Path

import pytest

from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.gallery.answers import Answers

ARRIVED = b'{"status": 200}\n{"data": ['


@pytest.fixture
def answers(tmp_path: Path) -> Answers:
    made = Answers(tmp_path)
    made.prepare()
    made.file("gen_1").write_bytes(ARRIVED)
    return made


def test_what_arrived_is_kept_unchanged_and_still_found(answers: Answers) -> None:
    kept = answers.keep("gen_1")
    assert kept
    assert kept.read_bytes() == ARRIVED
    assert answers.arrived("gen_1") == kept
    assert answers.arriving() == []


def test_what_cannot_be_moved_stays_where_it_arrived(answers: Answers, tmp_path: Path) -> None:
    (tmp_path / "rescued").touch()
    kept = answers.keep("gen_1")
    assert kept == answers.file("gen_1")
    assert answers.arrived("gen_1").read_bytes() == ARRIVED


@pytest.mark.parametrize("arrived", [None, b"", b'{"status": 200}\n'])
def test_of_an_answer_without_a_body_nothing_is_kept(answers: Answers, arrived: bytes | None) -> None:
    if arrived is not None:
        answers.file("gen_2").write_bytes(arrived)
    assert answers.keep("gen_2") is None
    assert answers.arriving() == ["gen_1"]


def test_an_answer_that_cannot_be_removed_is_logged(
    answers: Answers, caplog: pytest.LogCaptureFixture
) -> None:
    answers.file("gen_2").mkdir()  # which `unlink` refuses to remove
    answers.discard("gen_2")
    assert "could not be removed" in caplog.text


def test_a_data_folder_that_cannot_take_answers_is_noticed_before_paying(tmp_path: Path) -> None:
    (tmp_path / "arriving").touch()
    with pytest.raises(ConfigurationError, match="IMAGEROUTER_DATA_DIR"):
        Answers(tmp_path).prepare()
