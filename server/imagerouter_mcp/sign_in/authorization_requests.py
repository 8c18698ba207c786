"""Store clients' authorization requests from the redirect to our page until the person decides, once."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from json import dumps, loads
from typing import Any

from imagerouter_mcp.database.schema import Database
from imagerouter_mcp.sign_in.waiting import Asked, Waiting


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


class AuthorizationRequests:
    """Keeps requests, each bound to the browser that brought it.

    Args:
        database: Where they are stored.
        clock: Returns the time in seconds since 1970.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._waiting = Waiting("authorization_requests", database, clock)

    def keep(self, asked: Asked, request: AuthorizationRequest) -> None:
        """Keep a request until the person decides."""
        self._waiting.keep(asked, request.as_json())

    def find(self, asked: Asked) -> AuthorizationRequest | None:
        """Return a waiting request, or None; only the browser that brought it finds it."""
        found = self._waiting.find(asked)
        return AuthorizationRequest.from_json(found) if found else None

    def take(self, asked: Asked) -> AuthorizationRequest | None:
        """Return a request and delete it; of several concurrent calls, only one gets it."""
        found = self._waiting.take(asked)
        return AuthorizationRequest.from_json(found) if found else None
