"""Choose where a database is: in a file, or in PostgreSQL where the operator names one."""

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from imagerouter_mcp.database.schema import Database, Schema
from imagerouter_mcp.database.sqlite import SQLiteDatabase
from imagerouter_mcp.errors import ConfigurationError

if TYPE_CHECKING:
    from imagerouter_mcp.database.postgres import PostgresServer


def open_database(
    url: SecretStr | None, path: Path, schema: Schema, server: "PostgresServer | None" = None
) -> Database:
    """Return a database that does not belong to one person.

    Args:
        url: The address of PostgreSQL; None for a file.
        path: The file.
        schema: What it holds.
        server: PostgreSQL if it is connected already; None to connect.

    Raises:
        ConfigurationError: PostgreSQL is named, but its driver is not installed.
    """
    if url is None:
        return SQLiteDatabase(path, schema)
    alone = server is None
    server = server or postgres_server(url)
    from imagerouter_mcp.database.postgres import PostgresDatabase  # noqa: PLC0415 - loads psycopg

    return PostgresDatabase(server, schema, alone=alone)


def postgres_server(url: SecretStr) -> "PostgresServer":
    """Return the PostgreSQL server at an address.

    Raises:
        ConfigurationError: The PostgreSQL driver is not installed.
    """
    try:
        from imagerouter_mcp.database.postgres import PostgresServer  # noqa: PLC0415 - loads psycopg
    except ImportError:
        raise ConfigurationError(
            "IMAGEROUTER_DATABASE_URL is set, but the PostgreSQL driver is not installed.",
            "Install imagerouter-mcp[team].",
        ) from None
    return PostgresServer(url.get_secret_value())
