"""Define the tables of the people who use a server. Only hashes of tokens are stored."""

from imagerouter_mcp.database.schema import Schema

_MIGRATIONS = (
    """
    CREATE TABLE people (
        id TEXT PRIMARY KEY,
        issuer TEXT NOT NULL,
        subject TEXT NOT NULL,
        name TEXT NOT NULL,             -- as the operator writes it
        folded_name TEXT NOT NULL UNIQUE,
        limits TEXT NOT NULL,           -- a JSON object
        added_at BIGINT NOT NULL,       -- seconds since 1970, UTC
        UNIQUE (issuer, subject)
    );
    CREATE TABLE tokens (               -- that the operator gave to people
        token TEXT PRIMARY KEY,
        person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE
    );
    CREATE INDEX tokens_person ON tokens (person);
    CREATE TABLE committed (            -- sums of each person's own journal, for the budget of all
        person TEXT PRIMARY KEY,
        day TEXT NOT NULL,
        spent_usd TEXT NOT NULL,        -- on that day
        under_way_usd TEXT NOT NULL     -- reserved on any day
    );
    """,
    """
    CREATE TABLE blocked_people (       -- who is not let in, whatever they show
        id TEXT PRIMARY KEY,            -- also of people who were removed
        name TEXT NOT NULL
    );
    """,
    """
    CREATE TABLE api_keys (             -- ImageRouter keys of people who pay themselves
        person TEXT PRIMARY KEY REFERENCES people (id) ON DELETE CASCADE,
        encrypted TEXT NOT NULL,        -- together with the person's id
        stored_at BIGINT NOT NULL,
        refused_at BIGINT               -- when ImageRouter refused it; it is out of use since
    );
    """,
)

PEOPLE = Schema(
    "list of people",
    _MIGRATIONS,
    "Move that file away, and add the people again, under the same names: their pictures are kept.",
)
