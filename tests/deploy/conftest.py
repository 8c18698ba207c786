"""The programs that check `deploy/`, which pip installs beside Python."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
Checked = Callable[..., str]


def program(name: str) -> str:
    """Return the path of a program; skip without it."""
    found = Path(sys.executable).with_name(name)
    if not found.is_file():
        pytest.skip("deploy/: there are no checkers for this system, or `make deploy` installs them")
    return str(found)


@pytest.fixture
def caddy() -> str:
    """Return the path of Caddy."""
    return program("caddy")


@pytest.fixture
def checked(tmp_path: Path) -> Checked:
    """Return a function that runs a checker in `deploy/`, requires success, and returns what it says."""

    def check(name: str, *words: str, **variables: str) -> str:
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **variables}
        ended = subprocess.run(  # noqa: S603 - the programs that we install
            [program(name), *words], cwd=DEPLOY, env=environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    return check
