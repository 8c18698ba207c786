"""The environment of a real process, with nothing in it but what a host would pass on."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from imagerouter_mcp.sandbox.service.serve import Sandbox
from support.http_serving import bare_environment, sandbox_environment


@pytest.fixture(scope="session")
def bare() -> Callable[[Path], dict[str, str]]:
    """What every process needs: a home of its own, and where the interpreter finds things."""
    return bare_environment


@pytest.fixture(scope="session")
def for_sandbox() -> Callable[[Sandbox, Path], Mapping[str, str]]:
    """The variables by which a process works with a sandbox, in folders of its own."""
    return sandbox_environment


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
