"""Which tests go to the same process when several share the work (`make test`), and which begin."""

import pytest
from xdist.scheduler import LoadFileScheduling  # pyright: ignore[reportMissingTypeStubs] - it has types inside

ONE_DOCUMENT = "tests/security"
"""Its last test compares what the others tried with a document, so it must run where they did."""
_LONGEST = (ONE_DOCUMENT, "tests/faults", "tests/views", "tests/transports", "tests/cli", "tests/team")
"""Folders with files that take long as a whole: at the end, each would keep one process busy alone."""


class FilesTogether(LoadFileScheduling):
    """Keeps the tests of a file together, for what they share, and those of `ONE_DOCUMENT`."""

    def _split_scope(self, nodeid: str) -> str:
        return ONE_DOCUMENT if nodeid.startswith(f"{ONE_DOCUMENT}/") else super()._split_scope(nodeid)


def longest_first(item: pytest.Item) -> int:
    """Return when a test's turn is, for sorting: the folders of `_LONGEST` come before the others."""
    turns = (turn for turn, folder in enumerate(_LONGEST) if item.nodeid.startswith(f"{folder}/"))
    return next(turns, len(_LONGEST))
