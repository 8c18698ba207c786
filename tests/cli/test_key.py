"""`imagerouter-mcp key`: the key into its file, and nowhere else."""

import os
import stat
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from cli.conftest import asked_in_a_terminal
from imagerouter_mcp.sandbox.service.accounts import EXPIRED_JWT, KEY
from imagerouter_mcp.settings import Settings

Command = Callable[..., "subprocess.CompletedProcess[str]"]
posix = pytest.mark.skipif(os.name != "posix", reason="file modes and terminals are a matter of POSIX")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / ".config" / "imagerouter-mcp" / "api-key"


@pytest.mark.parametrize("key", [KEY, EXPIRED_JWT])
def test_the_key_is_stored_where_the_server_reads_it_and_is_never_shown(
    command: Command, file: Path, key: str
) -> None:
    ended = command("key", given=f"  {key}\r\n")
    assert ended.returncode == 0
    assert str(file) in ended.stdout
    assert key not in ended.stdout + ended.stderr
    found = Settings().key
    assert found
    assert found.get_secret_value() == key


@posix
def test_nobody_else_can_read_the_key(command: Command, file: Path) -> None:
    file.parent.mkdir(parents=True, mode=0o755)
    file.write_text("an older key")
    file.chmod(0o644)
    assert command("key", given=KEY).returncode == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert list(file.parent.iterdir()) == [file]


@posix
def test_a_person_types_it_unseen(at_home: Mapping[str, str], file: Path) -> None:
    with asked_in_a_terminal("key", at_home) as (terminal, _):
        os.write(terminal, f"{KEY}\n".encode())
        seen = b""
        while b"Stored the key" not in seen:
            seen += os.read(terminal, 1000)
    assert KEY.encode() not in seen
    assert file.read_text().strip() == KEY


@posix
def test_ctrl_d_is_no_key(at_home: Mapping[str, str], file: Path) -> None:
    with asked_in_a_terminal("key", at_home) as (terminal, process):
        os.write(terminal, b"\x04")
        assert process.wait(30) == 1
        seen = os.read(terminal, 10_000)
    assert b"No key was given." in seen
    assert not file.exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "No key was given."),
        ("   \n", "No key was given."),
        ("a" * 63, "has 63 characters; a key has 64"),
        ("secret-word " * 6, "contains spaces"),
        ("schlüssel" * 8, "characters that no key has"),
        ("schl\udcfcssel", "characters that no key has"),  # in Latin-1
    ],
)
def test_what_cannot_be_a_key_is_refused_unrepeated_and_the_old_one_kept(
    command: Command, file: Path, given: str, said: str
) -> None:
    assert command("key", given=KEY).returncode == 0
    ended = command("key", given=given)
    assert ended.returncode == 1
    assert said in ended.stderr
    assert not given.strip() or given.strip() not in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    assert file.read_text().strip() == KEY


def test_the_key_is_removed(command: Command, file: Path) -> None:
    command("key", given=KEY)
    ended = command("key", "--remove")
    assert ended.returncode == 0
    assert not file.exists()
    again = command("key", "--remove")
    assert again.returncode == 0
    assert "There was no key" in again.stdout


def test_whoever_has_set_a_variable_is_told_that_it_comes_first(
    command: Command, at_home: dict[str, str]
) -> None:
    ended = command("key", given=KEY, environment={**at_home, "IMAGEROUTER_API_KEY": "x" * 64})
    assert ended.returncode == 0
    assert "IMAGEROUTER_API_KEY is set here" in ended.stdout


def test_a_folder_that_cannot_be_made_is_told(command: Command, tmp_path: Path) -> None:
    (tmp_path / ".config").write_text("in the way")
    ended = command("key", given=KEY)
    assert ended.returncode == 1
    assert "cannot be written" in ended.stderr
    assert "Traceback" not in ended.stderr
