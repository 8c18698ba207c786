"""The environment of a real process, with nothing in it but what a host would pass on."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from imagerouter_mcp.sandbox.accounts import KEY
from imagerouter_mcp.sandbox.serve import Sandbox


@pytest.fixture(scope="session")
def bare() -> Callable[[Path], dict[str, str]]:
    """What every process needs: a home of its own, and where the interpreter finds things."""

    def environment(home: Path) -> dict[str, str]:
        passed = {name: value for name, value in os.environ.items() if _is_needed(name)}
        return {**passed, "HOME": str(home), "USERPROFILE": str(home)}

    return environment


def _is_needed(name: str) -> bool:
    return name in ("PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR") or name.startswith("COVERAGE_")


@pytest.fixture(scope="session")
def for_sandbox() -> Callable[[Sandbox, Path], Mapping[str, str]]:
    """The variables by which a process works with a sandbox, in folders of its own."""

    def environment(sandbox: Sandbox, home: Path) -> Mapping[str, str]:
        return {
            "IMAGEROUTER_API_KEY": KEY,
            "IMAGEROUTER_BASE_URL": sandbox.base_url,
            "IMAGEROUTER_POPULAR_URL": sandbox.popular_url,
            "IMAGEROUTER_OUTPUT_DIR": str(home / "pictures"),
            "IMAGEROUTER_DATA_DIR": str(home / "data"),
        }

    return environment


@pytest.fixture
def environment(
    bare: Callable[[Path], dict[str, str]],
    for_sandbox: Callable[[Sandbox, Path], Mapping[str, str]],
    sandbox: Sandbox,
    tmp_path: Path,
) -> dict[str, str]:
    """Everything set for the sandbox, the key included."""
    return {**bare(tmp_path), **for_sandbox(sandbox, tmp_path)}


@pytest.fixture(params=["auto", "legacy"])
def era(request: pytest.FixtureRequest) -> str:
    """The SDK client's word for a protocol era."""
    return request.param
