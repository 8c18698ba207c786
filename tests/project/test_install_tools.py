"""`make test-tools` installs what tests need, or says how; it runs here among commands of our own."""

import shutil
from pathlib import Path
from subprocess import CompletedProcess, run

import pytest

SCRIPT = Path(__file__).parents[1] / "install_tools.sh"
SHELL = shutil.which("sh")
pytestmark = pytest.mark.skipif(SHELL is None, reason="a shell runs it")
ROOT, SOMEBODY = "0", "1000"


def installed(folder: Path, *, user: str = ROOT, **commands: str) -> CompletedProcess[str]:
    """Run the script as a user, with these commands alone in PATH, each a line of shell."""
    for name, line in {"id": f"echo {user}", "env": 'shift; "$@"', **commands}.items():
        command = folder / name
        command.write_text(f"#!{SHELL}\n{line}\n", "utf-8")
        command.chmod(0o755)
    command = [str(SHELL), str(SCRIPT)]
    return run(command, env={"PATH": str(folder)}, capture_output=True, text=True, check=False)  # noqa: S603 - ours


def apt_get(folder: Path) -> str:
    """A package manager that notes its arguments and whose package brings the command."""
    browser = folder / "chromium"
    brings = f"echo > {browser}; {shutil.which('chmod')} +x {browser}"
    return f'echo "$@" >> {folder}/log; case "$*" in *chromium*) {brings};; esac'


def test_nothing_is_installed_where_everything_is(tmp_path: Path) -> None:
    there = {"google-chrome": ":", "initdb": ":", "pgbouncer": ":", "faketime": ":"}
    done = installed(tmp_path, **there, **{"apt-get": "echo no; exit 1"})
    assert (done.returncode, done.stdout) == (
        0,
        "Chromium, PostgreSQL, PgBouncer and faketime are installed.\n",
    )


def test_a_browser_of_another_name_is_left_to_serve(tmp_path: Path) -> None:
    done = installed(tmp_path, **{"google-chrome": ":", "true": ":", "apt-get": apt_get(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert (
        (tmp_path / "log")
        .read_text("utf-8")
        .splitlines()[-1]
        .endswith("recommends postgresql pgbouncer faketime")
    )


@pytest.mark.parametrize(("user", "sudo"), [(ROOT, "exit 1"), (SOMEBODY, 'shift; "$@"')])
def test_root_and_whoever_may_become_root_get_it(tmp_path: Path, user: str, sudo: str) -> None:
    done = installed(tmp_path, user=user, sudo=sudo, true=":", **{"apt-get": apt_get(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert (
        (tmp_path / "log")
        .read_text("utf-8")
        .splitlines()[-1]
        .endswith("chromium postgresql pgbouncer faketime")
    )


def test_everybody_else_reads_what_to_run(tmp_path: Path) -> None:
    done = installed(tmp_path, user=SOMEBODY, **{"apt-get": apt_get(tmp_path)})
    assert done.returncode == 1
    assert "Run: sudo apt-get update" in done.stderr
    assert not (tmp_path / "log").exists()


def test_an_unknown_system_reads_what_is_needed(tmp_path: Path) -> None:
    done = installed(tmp_path)
    assert done.returncode == 1
    assert "install Chromium or Chrome" in done.stderr
