"""Galleries in files and in PostgreSQL, which behave alike."""

import pytest

from support.postgres import Galleries


@pytest.fixture(params=["in a file", "in PostgreSQL"])
def galleries(request: pytest.FixtureRequest) -> Galleries:
    """Return what opens galleries, once for each kind of database."""
    in_file = request.param == "in a file"
    return Galleries(None if in_file else request.getfixturevalue("postgres_server"))
