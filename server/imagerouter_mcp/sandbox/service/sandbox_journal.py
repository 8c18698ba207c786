"""What arrived, in order, for a person or a test to look at: never an API key."""

from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Final

_ENTRIES: Final = 10_000
"""Older entries are forgotten."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One uploaded file; `width` and `height` in pixels, None when it is no picture."""

    field: str
    filename: str
    content_type: str
    bytes: int
    sha256: str
    format: str | None
    width: int | None
    height: int | None


@dataclass(slots=True)
class Entry:
    """One request.

    Attributes:
        authorized: Whether it carried an `Authorization` header, good or not.
        query: The parameters of the address.
        fields: The body's fields; those of a form are strings.
        files: The body's files.
        status: The HTTP status of the answer, once it began.
        outcome: What became of it, in words.
        paid: Whether a generation was begun and its price not given back; also if the price is zero.
        cost_usd: That price.
    """

    method: str
    path: str
    content_type: str | None
    user_agent: str | None
    authorized: bool
    query: dict[str, str] = field(default_factory=dict[str, str])
    fields: dict[str, object] = field(default_factory=dict[str, object])
    files: list[FileEntry] = field(default_factory=list[FileEntry])
    status: int | None = None
    outcome: str | None = None
    paid: bool = False
    cost_usd: float = 0.0


@dataclass(slots=True)
class Journal:
    """The entries of one running sandbox."""

    _entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=_ENTRIES))

    def add(self, entry: Entry) -> None:
        """Note that a request arrived."""
        self._entries.append(entry)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def as_json(self) -> list[dict[str, object]]:
        """All entries, the first to arrive first."""
        return [asdict(entry) for entry in tuple(self._entries)]
