"""Commands run within this process, as a person would type them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from imagerouter_mcp.cli.main import main
from imagerouter_mcp.sandbox.accounts import KEY
from imagerouter_mcp.sandbox.serve import Sandbox


@dataclass(frozen=True)
class Ended:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON
        """What was printed, read as JSON."""
        return json.loads(self.out)


Run = Callable[..., Ended]


@pytest.fixture
def variables(sandbox: Sandbox, tmp_path: Path) -> Mapping[str, str]:
    """What a person would have set."""
    return {
        "IMAGEROUTER_API_KEY": KEY,
        "IMAGEROUTER_BASE_URL": sandbox.base_url,
        "IMAGEROUTER_POPULAR_URL": sandbox.popular_url,
        "IMAGEROUTER_OUTPUT_DIR": str(tmp_path / "pictures"),
        "IMAGEROUTER_DATA_DIR": str(tmp_path / "data"),
    }


@pytest.fixture
def run(
    variables: Mapping[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Runs a command within this process, in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    def command(*typed: str) -> Ended:
        capsys.readouterr()
        try:
            status = main(typed)
        except SystemExit as ending:
            status = int(ending.code or 0)
        printed = capsys.readouterr()
        assert KEY not in printed.out + printed.err
        return Ended(status, printed.out, printed.err)

    return command
