"""Report what was spent: from the sums that the database keeps, and from the journal for calls under way.

The sums are of quarters of an hour, because every day of every time zone begins with one. So they hold
whatever time zone the person is in, and whatever the clock does.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from imagerouter_mcp.database.schema import Connection, Database
from imagerouter_mcp.gallery.days import start_of
from imagerouter_mcp.gallery.entries import MADE_HERE
from imagerouter_mcp.gallery.stored_values import StoredRow

_RESERVED = "handle, created_at, model, reserved_usd"
_QUARTER_SECONDS = 900
MICRO = -6
"""The exponent of a micro-dollar."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What results of one model cost or may cost, within a quarter of an hour.

    Attributes:
        at: When they were requested, in UTC: the quarter's beginning, or the moment for what is under way.
        model: The model's id.
        usd: What they cost; if that is unknown, the most they were expected to cost.
        results: How many they are.
        certain: Whether `usd` is what the service charged.
        under_way: Whether it is still being made.
    """

    at: datetime
    model: str
    usd: Decimal
    results: int
    certain: bool
    under_way: bool = False


class Ledger:
    """Reads what was spent. Every method raises `ConfigurationError` if the gallery cannot be used.

    Args:
        database: Holds the records and the journal.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def between(self, first: date, last: date) -> list[Spent]:
        """Return what was paid, may have been paid, or is reserved for unfinished calls; oldest first.

        A failed generation counts if its error says that it was charged: with its cost, or with the reserved
        amount if ImageRouter kept that or the cost is unknown.

        Args:
            first: The first day, in the person's time zone. Unfinished calls count even if they are older.
            last: The last day.
        """
        with self._database.reading() as connection:
            spent = [*_between(connection, first, last), *_under_way(connection)]
        return sorted(spent, key=lambda each: each.at)

    def committed(self, first: date, last: date | None = None, *, own_key: bool = True) -> Decimal:
        """Return the sum that counts against the budget of a day, or of several; see `committed`."""
        with self._database.reading() as connection:
            return committed(connection, first, last or first, own_key=own_key)

    def parts(self, day: date) -> tuple[Decimal, Decimal]:
        """Return what the operator's key paid on a day, and what is reserved for calls under way, in USD."""
        with self._database.reading() as connection:
            spent = _between(connection, day, day, own_key=False)
            return _sum(spent), _sum(_under_way(connection, own_key=False))


def committed(connection: Connection, first: date, last: date, *, own_key: bool) -> Decimal:
    """Return the sum that counts against the budget of some days, in USD.

    Args:
        connection: Within a transaction.
        first: The first day, in the person's time zone.
        last: The last day. What a wrong clock dated after it does not count, except calls that are under way.
        own_key: Whether what the person's own API key pays counts too.
    """
    spent = _between(connection, first, last, own_key=own_key)
    return _sum(spent) + _sum(_under_way(connection, own_key=own_key))


def _sum(spent: Iterable[Spent]) -> Decimal:
    return sum((each.usd for each in spent), Decimal())


def _between(connection: Connection, first: date, last: date, *, own_key: bool = True) -> Iterator[Spent]:
    kept = connection.execute(
        "SELECT quarter, model, micro_usd, results, certain FROM spent"
        " WHERE quarter >= ? AND quarter < ? AND results > 0 AND model != ?"
        " AND micro_usd BETWEEN -1e15 AND 1e15 AND (? OR NOT own_key)",
        (quarter_of(start_of(first)), quarter_of(start_of(last + timedelta(days=1))), MADE_HERE, own_key),
    )
    for quarter, model, micro_usd, results, certain in kept:
        at = datetime.fromtimestamp(quarter * _QUARTER_SECONDS, UTC)
        yield Spent(at, model, Decimal(micro_usd).scaleb(MICRO), results, certain=bool(certain))


def _under_way(connection: Connection, *, own_key: bool = True) -> Iterator[Spent]:
    found = connection.execute(
        f"SELECT {_RESERVED} FROM journal"  # noqa: S608 - our own words
        " WHERE state IN ('queued', 'working') AND reserved_usd IS NOT NULL AND (? OR NOT own_key)",
        (own_key,),
    )
    for values in found:
        row = StoredRow(_RESERVED, values)
        usd = row.amount("reserved_usd") or Decimal()
        yield Spent(row.moment("created_at"), row.text("model"), usd, 1, certain=False, under_way=True)
        row.name_damage()


def quarter_of(moment: datetime) -> int:
    """Return the number of the quarter of an hour in which a moment is."""
    return int(moment.timestamp() // _QUARTER_SECONDS)
