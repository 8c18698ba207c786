"""Store what people allow clients to do: authorization codes, access tokens and refresh tokens.

A code is exchanged for a grant once. A grant has access tokens, which last an hour, and refresh tokens, each
of which is exchanged for a successor. The exchanged one stays valid until a successor is used, because
answers get lost and two processes of one client may refresh at once. A superseded one that is used again was
copied: it ends the grant.
"""

from dataclasses import dataclass, field

from imagerouter_mcp.database.schema import Connection
from imagerouter_mcp.sign_in.authorization_requests import AuthorizationRequest
from imagerouter_mcp.sign_in.secrets_kept import digest, new_secret
from imagerouter_mcp.sign_in.store import Store

CODE_SECONDS = 5 * 60
ACCESS_SECONDS = 3600
REFRESH_SECONDS = 90 * 24 * 3600
"""Seconds that a refresh token is valid; a successor is valid as long again."""
SUPERSEDED_SECONDS = 14 * 24 * 3600
"""Seconds that a superseded refresh token is remembered, to detect a copy."""
MOST_SUCCESSORS = 20
"""Maximum number of successors of one refresh token; a client that asks for more is broken."""


@dataclass(frozen=True, slots=True)
class Code:
    """An unused authorization code: who allowed it, and for which request."""

    person: str
    request: AuthorizationRequest
    expires_at: int


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens that a client gets."""

    scopes: tuple[str, ...]
    access: str = field(default_factory=new_secret)
    refresh: str = field(default_factory=new_secret)
    expires_in: int = ACCESS_SECONDS


@dataclass(frozen=True, slots=True)
class Shown:
    """What a token grants, and to whom."""

    person: str
    client: str
    resource: str
    scopes: tuple[str, ...]
    expires_at: int


class Grants(Store):
    """Issues codes and tokens and recognises them; only their hashes are stored."""

    def give_code(self, person: str, request: AuthorizationRequest) -> str:
        """Create a code for a request that a person allowed."""
        code, now = new_secret(), self._now()
        with self._database.writing() as connection:
            connection.execute("DELETE FROM authorization_codes WHERE expires_at <= ?", (now,))
            connection.execute(
                "INSERT INTO authorization_codes (code, person, request, expires_at) VALUES (?, ?, ?, ?)",
                (digest(code), person, request.as_json(), now + CODE_SECONDS),
            )
        return code

    def find_code(self, code: str, client: str) -> Code | None:
        """Return an unused code's content, or None. Showing a used code ends its grant."""
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT person, request, expires_at FROM authorization_codes"
                " WHERE code = ? AND expires_at > ?",
                (digest(code), self._now()),
            ).fetchone()
        if not found:
            with self._database.writing() as connection:
                connection.execute("DELETE FROM grants WHERE code = ? AND client = ?", (digest(code), client))
            return None
        return Code(found[0], AuthorizationRequest.from_json(found[1]), found[2])

    def exchange_code(self, code: str) -> Tokens | None:
        """Exchange a code for tokens; return None if it is unknown or another request used it first."""
        now, grant = self._now(), new_secret()
        with self._database.writing() as connection:
            found = connection.execute(
                "DELETE FROM authorization_codes WHERE code = ? AND expires_at > ? RETURNING person, request",
                (digest(code), now),
            ).fetchone()
            if not found:
                return None
            request = AuthorizationRequest.from_json(found[1])
            _forget_expired(connection, now)
            connection.execute(
                "INSERT INTO grants (id, code, person, client, resource, begun_at, used_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (grant, digest(code), found[0], request.client, request.resource, now, now),
            )
            tokens = Tokens(request.scopes)
            _give(connection, grant, tokens, now, parent=None, refreshes=" ".join(request.scopes))
        return tokens

    def find_refresh(self, token: str, client: str) -> Shown | None:
        """Return what a refresh token grants, or None. Showing a superseded one ends its grant."""
        with self._database.reading() as connection:
            found = connection.execute(
                f"SELECT {_SHOWN}, superseded, grant_id FROM refresh_tokens AS tokens"  # noqa: S608 - our own words
                " JOIN grants ON grants.id = grant_id WHERE token = ? AND client = ? AND expires_at > ?",
                (digest(token), client, self._now()),
            ).fetchone()
        if found and found[5]:
            with self._database.writing() as connection:
                connection.execute("DELETE FROM grants WHERE id = ?", (found[6],))
            return None
        return _shown(found) if found else None

    def exchange_refresh(self, token: str, client: str, scopes: tuple[str, ...]) -> Tokens | None:
        """Exchange a refresh token for a successor and an access token, or return None.

        Args:
            token: The refresh token.
            client: The client that sends it.
            scopes: Scopes of the access token, some or all of the refresh token's.
        """
        now, shown = self._now(), digest(token)
        with self._database.writing() as connection:
            found = connection.execute(
                "SELECT grant_id, parent, tokens.scopes FROM refresh_tokens AS tokens JOIN grants"
                " ON grants.id = grant_id"
                " WHERE token = ? AND client = ? AND expires_at > ? AND superseded = 0",
                (shown, client, now),
            ).fetchone()
            successors = connection.execute(
                "SELECT count(*) FROM refresh_tokens WHERE parent = ?", (shown,)
            ).fetchone()
            if not found or successors[0] >= MOST_SUCCESSORS:
                return None
            grant, parent, kept = found
            connection.execute("UPDATE refresh_tokens SET superseded = 1 WHERE token = ?", (parent,))
            connection.execute(
                "DELETE FROM refresh_tokens WHERE grant_id = ? AND superseded = 1 AND expires_at <= ?",
                (grant, now + REFRESH_SECONDS - SUPERSEDED_SECONDS),
            )
            connection.execute("UPDATE grants SET used_at = ? WHERE id = ?", (now, grant))
            tokens = Tokens(scopes)
            _give(connection, grant, tokens, now, parent=shown, refreshes=kept)
        return tokens

    def find_access(self, token: str) -> Shown | None:
        """Return what an access token grants, or None if it is unknown or expired."""
        with self._database.reading() as connection:
            found = connection.execute(
                f"SELECT {_SHOWN} FROM access_tokens AS tokens JOIN grants ON grants.id = grant_id"  # noqa: S608 - as above
                " WHERE token = ? AND expires_at > ?",
                (digest(token), self._now()),
            ).fetchone()
        return _shown(found) if found else None

    def revoke(self, token: str) -> None:
        """End the grant of an access token or a refresh token (RFC 7009)."""
        with self._database.writing() as connection:
            connection.execute(
                "DELETE FROM grants WHERE id IN (SELECT grant_id FROM access_tokens WHERE token = ?"
                " UNION SELECT grant_id FROM refresh_tokens WHERE token = ?)",
                (digest(token), digest(token)),
            )

    def end_all(self, person: str) -> None:
        """End all codes and grants of a person, such as when the person is removed."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM authorization_codes WHERE person = ?", (person,))
            connection.execute("DELETE FROM grants WHERE person = ?", (person,))


_SHOWN = "person, client, resource, tokens.scopes, expires_at"


def _shown(row: tuple[str, str, str, str, int]) -> Shown:
    return Shown(row[0], row[1], row[2], tuple(row[3].split()), row[4])


def _give(
    connection: Connection, grant: str, tokens: Tokens, now: int, *, parent: str | None, refreshes: str
) -> None:
    """Keep the tokens of a grant.

    Args:
        connection: Within a transaction.
        grant: The grant's id.
        tokens: The tokens that the client gets.
        now: The time.
        parent: The hash of the refresh token that was exchanged for these.
        refreshes: Scopes of the refresh token, which may be more than the access token's.
    """
    connection.execute("DELETE FROM access_tokens WHERE grant_id = ? AND expires_at <= ?", (grant, now))
    connection.execute(
        "INSERT INTO access_tokens (token, grant_id, scopes, expires_at) VALUES (?, ?, ?, ?)",
        (digest(tokens.access), grant, " ".join(tokens.scopes), now + ACCESS_SECONDS),
    )
    connection.execute(
        "INSERT INTO refresh_tokens (token, grant_id, parent, scopes, superseded, expires_at)"
        " VALUES (?, ?, ?, ?, 0, ?)",
        (digest(tokens.refresh), grant, parent, refreshes, now + REFRESH_SECONDS),
    )


def _forget_expired(connection: Connection, now: int) -> None:
    """Delete grants whose tokens have all expired."""
    connection.execute("DELETE FROM grants WHERE used_at <= ?", (now - REFRESH_SECONDS - ACCESS_SECONDS,))
