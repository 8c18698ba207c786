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


def test_a_hidden_folder_may_be_saved_in_where_the_person_named_it_or_one_around_it(tmp_path: Path) -> None:
    home = Path.home().resolve()
    own = output_places(Settings(output_dir=home / ".pictures"))
    assert permitted(str(home / ".pictures" / "foxes"), own) == home / ".pictures" / "foxes"
    assert permitted("~/foxes", own) == home / "foxes"
    named = output_places(Settings(output_dir=tmp_path / "one", output_dirs=(home / ".named",)))
    assert permitted(str(home / ".named"), named) == home / ".named"
    for text, said in (
        (str(home / ".pictures" / ".hidden"), "it is hidden"),
        (str(home / ".another"), "it is hidden"),
        ("foxes", "it is not an absolute path"),
        (str(home / "fox.png"), "it is the path of a file"),
        (f"{home}/{'x' * 5000}", "its path is too long"),
        (f"{home}{'/x' * 300}", "its path is too long"),
        ("/usr/share/foxes", "it is outside of the folders"),
    ):
        with pytest.raises(PlanError, match=said):
            permitted(text, own)
