"""Look at a PostgreSQL database without changing it, for the doctor."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import psycopg

from imagerouter_mcp.database.postgres import COMMON, PostgresServer, newer_version, refuse_powerful_role
from imagerouter_mcp.database.schema import Schema
from imagerouter_mcp.errors import ConfigurationError

_OLDEST = 14
"""The first PostgreSQL version that supports the functions of `COMMON`."""


@dataclass(frozen=True, slots=True)
class Inspected:
    """A database that servers can use.

    Attributes:
        version: PostgreSQL's version.
        tables: Whether the tables are there, or the next server creates or migrates them.
    """

    version: str
    tables: Literal["there", "missing", "older"]


def inspect(server: PostgresServer, schemas: Sequence[Schema]) -> Inspected:
    """Look at a database.

    Args:
        server: The database.
        schemas: What it should hold.

    Raises:
        ConfigurationError: It cannot be reached or used; the error says why and what to do.
    """
    with server.transaction(reading=True) as connection:
        refuse_powerful_role(connection, server.name)
        (version,) = _row(connection, "SELECT current_setting('server_version')")
        if int(version.partition(".")[0]) < _OLDEST:
            raise ConfigurationError(
                f"The database {server.name} runs on PostgreSQL {version}, which is too old.",
                f"Use PostgreSQL {_OLDEST} or later.",
            )
        tables = _tables(connection, server.name, (COMMON, *schemas))
        (may_create,) = _row(
            connection, "SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)"
        )
    if tables != "there" and not may_create:
        raise ConfigurationError(
            f"The role of the database {server.name} may not create tables, and the tables are {tables}.",
            "Make the role the owner of the database, as docs/hosting.md shows.",
        )
    return Inspected(version.partition(" ")[0], tables)


def _tables(
    connection: psycopg.Connection[tuple[Any, ...]], name: str, schemas: Sequence[Schema]
) -> Literal["there", "missing", "older"]:
    """Compare the tables with what they should be.

    Raises:
        ConfigurationError: A newer version wrote them.
    """
    if _row(connection, "SELECT to_regclass('schema_versions')") == (None,):
        return "missing"
    found = dict(connection.execute("SELECT name, version FROM schema_versions").fetchall())
    behind = False
    for schema in schemas:
        newest = len(schema.postgres or schema.migrations)
        if found.get(schema.name, 0) > newest:
            raise newer_version(schema, name)
        behind |= found.get(schema.name, 0) < newest
    return "older" if behind else "there"


def _row(connection: psycopg.Connection[tuple[Any, ...]], statement: str) -> tuple[Any, ...]:
    return connection.execute(statement.encode()).fetchone() or (None,)
