"""What was spent: read from the records and, for what has not ended or is not known, from the journal."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from imagerouter_mcp.gallery.database import Database


@dataclass(frozen=True, slots=True)
class Spent:
    """One generation's money.

    Attributes:
        at: When it was asked for, in UTC.
        model: The model's id.
        usd: What it cost; where that is not known, the most that it was expected to cost.
        certain: Whether `usd` is what the service charged.
        under_way: Whether it is still being made.
    """

    at: datetime
    model: str
    usd: Decimal
    certain: bool
    under_way: bool = False


class Ledger:
    """Reads what was spent. Every method raises `ConfigurationError` when the gallery cannot be used.

    Args:
        database: Where records and journal are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def since(self, moment: datetime) -> list[Spent]:
        """What was paid, may have been paid, or is set aside for what is under way; the oldest first.

        A failed generation is not among it: the service refunds it.

        Args:
            moment: With a time zone.
        """
        with self._database.transaction() as connection:
            return sorted(_since(connection, moment), key=lambda spent: spent.at)


def committed_since(connection: sqlite3.Connection, moment: datetime) -> Decimal:
    """The sum, in USD, that counts against a budget.

    Args:
        connection: Within a transaction.
        moment: With a time zone. What is dated later than now counts too: a clock may have been set back.
    """
    return sum((spent.usd for spent in _since(connection, moment)), Decimal())


def _since(connection: sqlite3.Connection, moment: datetime) -> Iterator[Spent]:
    recorded = connection.execute(
        "SELECT generations.created_at, generations.model, cost_usd, reserved_usd FROM generations"
        " LEFT JOIN journal USING (handle) WHERE generations.created_at >= ?",
        (moment.timestamp(),),
    )
    for at, model, cost, reserved in recorded:
        usd = Decimal(cost if cost is not None else reserved or 0)
        yield Spent(datetime.fromtimestamp(at, UTC), model, usd, certain=cost is not None)
    pending = connection.execute(
        "SELECT created_at, model, reserved_usd, state IN ('queued', 'working') FROM journal"
        " WHERE reserved_usd IS NOT NULL AND (state IN ('queued', 'working') OR created_at >= ? AND"
        " (state = 'unknown' OR state = 'failed' AND json_extract(error, '$.charged') = 'yes'))",
        (moment.timestamp(),),
    )
    for at, model, reserved, under_way in pending:
        yield Spent(
            datetime.fromtimestamp(at, UTC),
            model,
            Decimal(reserved),
            certain=False,
            under_way=bool(under_way),
        )
