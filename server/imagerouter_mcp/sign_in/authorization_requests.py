"""Store clients' authorization requests from the redirect to our page until the person decides, once."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from json import dumps, loads
from typing import Any

from imagerouter_mcp.database.schema import Database
from imagerouter_mcp.sign_in.secrets_kept import digest, new_secret

DECIDE_SECONDS = 15 * 60
"""Seconds that a person may take to decide."""
MOST_WAITING = 10_000
"""Maximum number of waiting requests; beyond it, the oldest are deleted."""


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """What a client asks for.

    Attributes:
        client: Its id.
        redirect_uri: Where the answer goes.
        redirect_uri_given: Whether the request named it.
        state: The client's own value, which is returned to it.
        scopes: Scopes of the tokens.
        challenge: The PKCE challenge, S256.
        resource: The address that the tokens are valid for.
        by_own_page: Whether our own page sent it, so that nobody has to be asked about the client.
    """

    client: str
    redirect_uri: str
    redirect_uri_given: bool
    state: str | None
    scopes: tuple[str, ...]
    challenge: str
    resource: str
    by_own_page: bool = False

    def as_json(self) -> str:
        """Return the request as a JSON object."""
        return dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "AuthorizationRequest":
        """Read what `as_json` wrote."""
        fields: dict[str, Any] = loads(text)
        fields["scopes"] = tuple(fields["scopes"])
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request's handle, and the secret of the browser that brought it."""

    handle: str = field(default_factory=new_secret)
    browser: str = field(default_factory=new_secret)


class AuthorizationRequests:
    """Keeps requests, each bound to the browser that brought it.

    Args:
        database: Where they are stored.
        clock: Returns the time in seconds since 1970.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def keep(self, asked: Asked, request: AuthorizationRequest) -> None:
        """Keep a request until the person decides."""
        now = int(self._clock())
        with self._database.writing() as connection:
            connection.execute("DELETE FROM authorization_requests WHERE expires_at <= ?", (now,))
            connection.execute(
                "DELETE FROM authorization_requests WHERE handle IN (SELECT handle FROM"
                " authorization_requests ORDER BY expires_at DESC, handle LIMIT 1000 OFFSET ?)",
                (MOST_WAITING - 1,),
            )
            connection.execute(
                "INSERT INTO authorization_requests (handle, browser, request, expires_at)"
                " VALUES (?, ?, ?, ?)",
                (digest(asked.handle), digest(asked.browser), request.as_json(), now + DECIDE_SECONDS),
            )

    def find(self, asked: Asked) -> AuthorizationRequest | None:
        """Return a waiting request, or None; only the browser that brought it finds it."""
        with self._database.reading() as connection:
            found = connection.execute(
                f"SELECT request FROM authorization_requests WHERE {_ASKED}",  # noqa: S608 - our own words
                self._key(asked),
            ).fetchone()
        return AuthorizationRequest.from_json(found[0]) if found else None

    def take(self, asked: Asked) -> AuthorizationRequest | None:
        """Return a request and delete it; of several concurrent calls, only one gets it."""
        with self._database.writing() as connection:
            found = connection.execute(
                f"DELETE FROM authorization_requests WHERE {_ASKED} RETURNING request",  # noqa: S608 - as above
                self._key(asked),
            ).fetchone()
        return AuthorizationRequest.from_json(found[0]) if found else None

    def _key(self, asked: Asked) -> tuple[str, str, int]:
        return digest(asked.handle), digest(asked.browser), int(self._clock())


_ASKED = "handle = ? AND browser = ? AND expires_at > ?"
