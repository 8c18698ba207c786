"""Report what was spent: from the records, and from the journal for calls without a known result."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from imagerouter_mcp.gallery.database import Database


@dataclass(frozen=True, slots=True)
class Spent:
    """What one generation cost or may cost.

    Attributes:
        at: When it was requested, in UTC.
        model: The model's id.
        usd: What it cost; if that is unknown, the most it was expected to cost.
        certain: Whether `usd` is what the service charged.
        under_way: Whether it is still being made.
    """

    at: datetime
    model: str
    usd: Decimal
    certain: bool
    under_way: bool = False


class Ledger:
    """Reads what was spent. Every method raises `ConfigurationError` if the gallery cannot be used.

    Args:
        database: Holds the records and the journal.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def since(self, moment: datetime) -> list[Spent]:
        """Return what was paid, may have been paid, or is reserved for unfinished calls; oldest first.

        A failed generation counts if its error says that it was charged: with its cost, or with the reserved
        amount if ImageRouter kept that or the cost is unknown.

        Args:
            moment: The start, with a time zone. Unfinished calls count even if they are older.
        """
        with self._database.transaction() as connection:
            return sorted(_since(connection, moment), key=lambda spent: spent.at)


def committed_since(connection: sqlite3.Connection, moment: datetime) -> Decimal:
    """Return the sum that counts against a budget, in USD.

    Args:
        connection: Within a transaction.
        moment: When the budget's day began, with a time zone. What a wrong clock dated after that day does
            not count, except calls that are under way.
    """
    end = moment + timedelta(days=1)
    counted = (spent for spent in _since(connection, moment) if spent.under_way or spent.at < end)
    return sum((spent.usd for spent in counted), Decimal())


def _since(connection: sqlite3.Connection, moment: datetime) -> Iterator[Spent]:
    recorded = connection.execute(
        "SELECT generations.created_at, generations.model, cost_usd, reserved_usd FROM generations"
        " LEFT JOIN journal USING (handle) WHERE generations.created_at >= ?",
        (moment.timestamp(),),
    )
    for at, model, cost, reserved in recorded:
        usd = Decimal(cost if cost is not None else reserved or 0)
        yield Spent(datetime.fromtimestamp(at, UTC), model, usd, certain=cost is not None)
    unrecorded = connection.execute(
        "SELECT created_at, model, reserved_usd, state IN ('queued', 'working'),"
        " json_extract(error, '$.cost_usd'), coalesce(json_extract(error, '$.kept'), 0) FROM journal"
        " WHERE reserved_usd IS NOT NULL AND (state IN ('queued', 'working') OR created_at >= ? AND"
        " (state = 'unknown' OR state = 'failed' AND json_extract(error, '$.charged') = 'yes'))",
        (moment.timestamp(),),
    )
    for at, model, reserved, under_way, cost, kept in unrecorded:
        yield Spent(
            datetime.fromtimestamp(at, UTC),
            model,
            Decimal(cost if cost is not None else reserved),
            certain=cost is not None and not kept,
            under_way=bool(under_way),
        )
