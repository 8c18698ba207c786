"""The roots of a host: the folders that it works in."""

from pathlib import Path

from mcp.types import ListRootsResult, Root
from pydantic import FileUrl


class Telling:
    """Tells the roots, and counts how often it was asked."""

    def __init__(self, *folders: Path) -> None:
        self.asked = 0
        self._roots = [Root(uri=FileUrl(folder.as_uri())) for folder in folders]

    async def __call__(self, context: object) -> ListRootsResult:
        """Tell them."""
        del context
        self.asked += 1
        return ListRootsResult(roots=self._roots)
