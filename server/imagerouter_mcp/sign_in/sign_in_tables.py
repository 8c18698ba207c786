"""Define the tables of sign-in. Secrets are kept as hashes only; times are whole seconds since 1970, UTC."""

from imagerouter_mcp.database.schema import Schema

_MIGRATIONS = (
    """
    CREATE TABLE clients (              -- programs that registered themselves
        id TEXT PRIMARY KEY,
        metadata TEXT NOT NULL,         -- a JSON object, as registered
        registered_at BIGINT NOT NULL,
        used_at BIGINT                  -- when a person last let it in, or it was last there
    );
    CREATE INDEX clients_unused ON clients (registered_at) WHERE used_at IS NULL;
    CREATE TABLE client_documents (     -- the last good copies of the documents that describe programs
        address TEXT PRIMARY KEY,
        metadata TEXT NOT NULL,
        fetched_at BIGINT NOT NULL
    );
    CREATE TABLE authorization_requests (   -- what programs ask for, until the person decides
        handle TEXT PRIMARY KEY,
        browser TEXT NOT NULL,          -- the hash of the cookie that the asking browser got
        request TEXT NOT NULL,          -- a JSON object
        expires_at BIGINT NOT NULL
    );
    CREATE TABLE authorization_codes (
        code TEXT PRIMARY KEY,
        person TEXT NOT NULL,
        request TEXT NOT NULL,
        expires_at BIGINT NOT NULL
    );
    CREATE TABLE grants (               -- that a person lets a program in
        id TEXT PRIMARY KEY,
        code TEXT NOT NULL UNIQUE,      -- the hash of the code that began it
        person TEXT NOT NULL,
        client TEXT NOT NULL,
        resource TEXT NOT NULL,
        begun_at BIGINT NOT NULL,
        used_at BIGINT NOT NULL
    );
    CREATE INDEX grants_person ON grants (person);
    CREATE TABLE access_tokens (
        token TEXT PRIMARY KEY,
        grant_id TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
        scopes TEXT NOT NULL,           -- separated by spaces
        expires_at BIGINT NOT NULL
    );
    CREATE INDEX access_tokens_grant ON access_tokens (grant_id);
    CREATE TABLE refresh_tokens (
        token TEXT PRIMARY KEY,
        grant_id TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
        parent TEXT,                    -- the token that was exchanged for this one
        scopes TEXT NOT NULL,
        superseded BIGINT NOT NULL,     -- 1 once a successor was used
        expires_at BIGINT NOT NULL
    );
    CREATE INDEX refresh_tokens_grant ON refresh_tokens (grant_id);
    CREATE TABLE invitations (
        code TEXT PRIMARY KEY,
        person TEXT NOT NULL,
        expires_at BIGINT NOT NULL
    );
    CREATE TABLE browsers (             -- in which a person is signed in
        token TEXT PRIMARY KEY,
        person TEXT NOT NULL,
        expires_at BIGINT NOT NULL
    );
    """,
    """
    CREATE TABLE openid_sign_ins (      -- that go on at an OpenID provider
        handle TEXT PRIMARY KEY,        -- the hash of `state`
        browser TEXT NOT NULL,          -- the hash of the cookie that the browser got
        request TEXT NOT NULL,          -- the handle of what a program asks for; it needs its own cookie
        expires_at BIGINT NOT NULL
    );
    """,
)

SIGN_IN = Schema(
    "sign-in",
    _MIGRATIONS,
    "Move that file away. Everybody then signs in again with a new invitation; the pictures are kept.",
)
