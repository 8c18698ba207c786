"""An object store of a test's own."""

from collections.abc import Iterator

import pytest

from support.object_store import SeaweedFS, running_object_store, seaweedfs_program


@pytest.fixture
def store() -> Iterator[SeaweedFS]:
    """Run a store of the test's own, which may be killed."""
    program = seaweedfs_program()
    if program is None:
        pytest.skip("SeaweedFS is not installed; pip brings it on Linux")
    with running_object_store(program) as running:
        yield running
