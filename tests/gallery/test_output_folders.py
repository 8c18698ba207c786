"""What a refused output folder is answered with; tests/security tries which folders are refused."""

from pathlib import Path

import pytest

from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.gallery.output_folders import output_places, permitted
from imagerouter_mcp.settings import Settings


def refusal(text: str, settings: Settings) -> str:
    with pytest.raises(PlanError) as caught:
        permitted(text, output_places(settings))
    return str(caught.value)


def test_a_refusal_names_the_folders_that_may_be_saved_in(tmp_path: Path) -> None:
    told = refusal("/etc/x", Settings(output_dir=tmp_path / "pictures"))
    assert f"one of these: {tmp_path / 'pictures'}, {Path.home().resolve()}" in told
    assert ".openclaw" not in told
    assert "IMAGEROUTER_OUTPUT_DIRS" in told


def test_a_refusal_tells_others_no_folder_of_this_machine(tmp_path: Path) -> None:
    told = refusal("/etc/x", Settings(output_dir=tmp_path / "pictures", remote=True))
    assert str(tmp_path) not in told


def test_a_refusal_repeats_no_more_than_a_line(tmp_path: Path) -> None:
    told = refusal("/etc/\n\x1b[31m" + "x" * 5000, Settings(output_dir=tmp_path / "pictures"))
    assert told.isprintable()
    assert len(told.replace(str(tmp_path), "")) < 700
