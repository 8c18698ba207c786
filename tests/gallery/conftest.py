"""Galleries in files and in PostgreSQL, which behave alike."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from imagerouter_mcp.database.postgres import PostgresServer
from support.postgres import Cluster, Galleries


@pytest.fixture(scope="session")
def postgres_server(postgres: Cluster) -> Iterator[PostgresServer]:
    """Connect to PostgreSQL."""
    with closing(PostgresServer(postgres.url)) as server:
        yield server


@pytest.fixture(params=["in a file", "in PostgreSQL"])
def galleries(request: pytest.FixtureRequest) -> Galleries:
    """Return what opens galleries, once for each kind of database."""
    in_file = request.param == "in a file"
    return Galleries(None if in_file else request.getfixturevalue("postgres_server"))
