"""An object store of a test's own, and two servers that share it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from imagerouter_mcp.sandbox.service.serve import Sandbox
from support.http_serving import Serving, bare_environment, sandbox_environment, serving
from support.object_store import SeaweedFS, new_prefix, running_object_store, seaweedfs_program

StartTwo = Callable[[Mapping[str, str]], list[Serving]]


@pytest.fixture
def store() -> Iterator[SeaweedFS]:
    """Run a store of the test's own, which may be killed."""
    program = seaweedfs_program()
    if program is None:
        pytest.skip("SeaweedFS is not installed; pip brings it on Linux")
    with running_object_store(program) as running:
        yield running


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Return the folders of two servers."""
    return [tmp_path / "one", tmp_path / "other"]


@pytest.fixture
def start_two(sandbox: Sandbox, store: SeaweedFS, folders: list[Path]) -> Iterator[StartTwo]:
    """Return what starts two servers with folders of their own and one store; it takes further variables."""
    shared = {
        "IMAGEROUTER_LINK_SECRET": "a-link-secret-of-all-servers-0123456789",
        "IMAGEROUTER_BUDGET_USD": "1000",
        "IMAGEROUTER_HTTP_RATE": "1000",
        "IMAGEROUTER_WAIT_SECONDS": "600",
        **store.environment(new_prefix()),
    }
    with ExitStack() as opened:

        def start(further: Mapping[str, str]) -> list[Serving]:
            running: list[Serving] = []
            for folder in folders:
                folder.mkdir()
                own = {**bare_environment(folder), **sandbox_environment(sandbox, folder)}
                running.append(opened.enter_context(serving({**own, **shared, **further})))
            return running

        yield start
