"""Sum up what each person spent or reserved, where one PostgreSQL database has everybody's rows."""

from datetime import date, timedelta
from decimal import Decimal

from imagerouter_mcp.database.postgres import PostgresDatabase, PostgresServer
from imagerouter_mcp.gallery.days import start_of
from imagerouter_mcp.gallery.entries import MADE_HERE
from imagerouter_mcp.gallery.ledger import MICRO, quarter_of
from imagerouter_mcp.gallery.postgres_tables import EVERYBODY
from imagerouter_mcp.gallery.tables import SCHEMA

_ENDED_FOR = timedelta(minutes=10)


def committed_by_all(
    server: PostgresServer, first: date, last: date, *, own_key: bool = True
) -> dict[str, Decimal]:
    """Return what everybody spent on some days, or has reserved for calls under way, in USD.

    Args:
        server: The database.
        first: The first day, in the operator's time zone.
        last: The last day.
        own_key: Whether what people's own API keys pay counts too.

    Returns:
        The sums by the ids of the people who have any.

    Raises:
        ConfigurationError: The database cannot be used.
    """
    with PostgresDatabase(server, SCHEMA, EVERYBODY).reading() as connection:
        found = connection.execute(
            "SELECT person, sum(micro_usd) FROM spent WHERE quarter >= ? AND quarter < ? AND results > 0"
            " AND model != ? AND micro_usd BETWEEN -1e15 AND 1e15 AND (? OR NOT own_key) GROUP BY person",
            (quarter_of(start_of(first)), quarter_of(start_of(last + timedelta(days=1))), MADE_HERE, own_key),
        )
        sums = {person: Decimal(micro_usd).scaleb(MICRO) for person, micro_usd in found}
        reserved = connection.execute(
            "SELECT person, sum(reserved_usd) FROM journal WHERE state IN ('queued', 'working')"
            " AND reserved_usd IS NOT NULL AND (? OR NOT own_key) GROUP BY person",
            (own_key,),
        )
        for person, usd in reserved:
            sums[person] = sums.get(person, Decimal()) + usd
    return sums


def reserved_by_ended(server: PostgresServer) -> set[str]:
    """Return the ids of people with calls for which a server reserved money before it ended, minutes ago.

    Until then they are left to its successor, which may have the answers on its disk.

    Raises:
        ConfigurationError: The database cannot be used.
    """
    with PostgresDatabase(server, SCHEMA, EVERYBODY).reading() as connection:
        found = connection.execute(
            "SELECT DISTINCT person FROM journal WHERE state IN ('queued', 'working') AND NOT EXISTS"
            " (SELECT 1 FROM replicas WHERE name = owner AND expires_at > clock_timestamp() - ?::interval)",
            (_ENDED_FOR,),
        )
        return {person for (person,) in found}
