"""The environment of a real process: only what a host would pass on."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from imagerouter_mcp.sandbox.service.serve import Sandbox
from support.http_serving import bare_environment, sandbox_environment


@pytest.fixture(scope="session")
def bare() -> Callable[[Path], dict[str, str]]:
    """Return a function for what every process needs: its own home and the interpreter's paths."""
    return bare_environment


@pytest.fixture(scope="session")
def for_sandbox() -> Callable[[Sandbox, Path], Mapping[str, str]]:
    """Return a function for the variables that make a process use a sandbox and its own folders."""
    return sandbox_environment


@pytest.fixture
def environment(
    bare: Callable[[Path], dict[str, str]],
    for_sandbox: Callable[[Sandbox, Path], Mapping[str, str]],
    sandbox: Sandbox,
    tmp_path: Path,
) -> dict[str, str]:
    """Return an environment with everything set for the sandbox, including the key."""
    return {**bare(tmp_path), **for_sandbox(sandbox, tmp_path)}


@pytest.fixture(params=["auto", "legacy"])
def era(request: pytest.FixtureRequest) -> str:
    """Return the protocol era in the SDK client's words."""
    return request.param
