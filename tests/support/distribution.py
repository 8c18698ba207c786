"""Which tests go to the same process when several share the work (`make test`)."""

from xdist.scheduler import LoadFileScheduling  # pyright: ignore[reportMissingTypeStubs] - it has types inside

ONE_DOCUMENT = "tests/security"
"""Its last test compares what the others tried with a document, so it must run where they did."""


class FilesTogether(LoadFileScheduling):
    """Keeps the tests of a file together, for what they share, and those of `ONE_DOCUMENT`."""

    def _split_scope(self, nodeid: str) -> str:
        return ONE_DOCUMENT if nodeid.startswith(f"{ONE_DOCUMENT}/") else super()._split_scope(nodeid)
