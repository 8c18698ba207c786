"""Describe schemas, and how a transaction reads and writes any of our databases."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol


class Rows(Protocol):
    """The rows that a statement found, with the columns that it names."""

    def fetchone(self) -> Any:  # noqa: ANN401 - see above
        """Return the next row, or None."""
        ...

    def fetchall(self) -> list[Any]:
        """Return all remaining rows."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the rows."""
        ...


class Connection(Protocol):
    """A connection within a transaction. Statements have question marks in place of their values."""

    def execute(self, statement: str, values: Sequence[Any] = ..., /) -> Rows:
        """Run a statement."""
        ...

    def executemany(self, statement: str, values: Iterable[Sequence[Any]], /) -> Rows:
        """Run a statement once for each of some values."""
        ...


class Database(Protocol):
    """A database. Its methods raise `ConfigurationError` if it cannot be opened, read or written."""

    def reading(self) -> AbstractContextManager[Connection]:
        """Run a block in a transaction that reads one state of the database."""
        ...

    def writing(self) -> AbstractContextManager[Connection]:
        """Run a block in a transaction; other writers wait."""
        ...

    def close(self) -> None:
        """Close the database. The next transaction opens it again."""
        ...


@dataclass(frozen=True, slots=True)
class Schema:
    """What a database holds.

    Attributes:
        name: What sentences call it, such as "gallery".
        migrations: The statements that migrate each version to the next. Released entries never change; a
            new version is a new entry.
        when_damaged: What to do about a damaged file, as a sentence.
        mend: Repairs what it can, each time a file is opened.
        postgres: The migrations for PostgreSQL; none if the same statements serve both. Rows that belong to
            one person have a column `person`, whose default is `current_setting('imagerouter.person')`.
    """

    name: str
    migrations: tuple[str, ...]
    when_damaged: str
    mend: Callable[[Connection], None] | None = None
    postgres: tuple[str, ...] = ()
