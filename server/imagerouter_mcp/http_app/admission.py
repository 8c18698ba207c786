"""Limit access: who sends a request, and a rate for each client."""

import asyncio
import hashlib
import hmac
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.http_app.browser_sessions import BrowserSessions
from imagerouter_mcp.http_app.error_response import error_response, records_away
from imagerouter_mcp.http_app.exposure import (
    LINKS,
    MCP_PATH,
    PROBES,
    STUDIO_CLIENT,
    STUDIO_FILES,
    STUDIO_OPEN,
    STUDIO_PAGE,
    holds_studio_data,
)
from imagerouter_mcp.http_app.household import household
from imagerouter_mcp.people.person import LOCAL, Person

PERSON = "imagerouter_mcp.person"
"""Where a request's scope has the person who sent it; None if anybody may ask for this."""
CLIENT = "imagerouter_mcp.client"
"""Where it names the client: the person or the session, else the token that it showed and its household."""
LASTS = "imagerouter_mcp.lasts"
"""Where it has a function that returns whether its sender would still be let in."""
STUDIO_PER_SECOND = 300
"""Requests per second for the studio's files, and of a person for its data: scrolling needs many."""
BURST_SECONDS = 10
"""A client may send this many seconds' worth of its rate at once."""
MAX_WAIT_SECONDS = 1
"""How long a request that comes too soon is kept waiting; if that is not enough, it is refused."""
BYTES_OF_A_REQUEST = 128 * 1024
"""JSON counts as one more request for each of these amounts, up to `_MOST_REQUESTS` in all."""
_MOST_REQUESTS = 33
NO_SESSION = (
    "The studio does not know this browser, or no longer. Open a new link: imagerouter-mcp studio prints "
    "one, and imagerouter-mcp studio --link for a server that runs."
)
_TOKEN_OF_ALL = "Send the token of IMAGEROUTER_MCP_TOKEN as 'Authorization: Bearer …'."  # noqa: S105 - a sentence
_TOKEN_OF_ONE = "Send your own token as 'Authorization: Bearer …'. The operator of this server has it."  # noqa: S105 - as above
_NOT_FOR_APPS = (
    "Only the studio's own page may do this, and this token was given to another app. Nothing was changed. "
    "Apps use the tools at /mcp; to delete pictures, open /studio in a browser."
)
_METHODS = "GET, POST, DELETE"
_BEARER = {"WWW-Authenticate": "Bearer"}
MAX_CLIENTS = 10_000
"""How many clients' rates are remembered; the least recently seen is forgotten first."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """Who shows a token.

    Attributes:
        person: Whose token it is.
        app: The app that the person let in, by its client id; "" if the operator gave the token.
    """

    person: Person
    app: str = ""


class NotRecognisedError(Exception):
    """A token is refused for a reason that its sender is told.

    Attributes:
        answer: Says why.
    """

    def __init__(self, answer: ASGIApp) -> None:
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Recognition:
    """How the people of a server are recognised.

    Attributes:
        by_token: Returns who shows a bearer token, or None; may raise `NotRecognisedError`.
        by_id: Returns the person with an id, or None if there is nobody of that id, or no longer.
        challenge: `WWW-Authenticate` of the answer to a request that is not recognised.
    """

    by_token: Callable[[str], Awaitable[Recognised | None]]
    by_id: Callable[[str], Awaitable[Person | None]]
    challenge: str = "Bearer"


@dataclass(frozen=True, slots=True)
class _Sender:
    """Who sends a request.

    Attributes:
        person: The person, or None if nobody was recognised.
        client: Whose rate counts.
        lasts: Returns whether the person would still be recognised.
        refusal: The answer if nobody was recognised, unless it is the usual one.
        app: The app through which the person sends it; "" if it shows no token of an app.
    """

    person: Person | None
    client: str
    lasts: Callable[[], Awaitable[bool]]
    refusal: ASGIApp | None = None
    app: str = ""


class Admission:
    """Passes on requests of people who are recognised, at each client's rate.

    Where people sign in, many of them can come from one address, such as a web host's. So the rate of an
    address only slows down those who are not recognised: they are told to sign in, however many they are.

    Args:
        app: The application to protect.
        tokens: The valid tokens: two while one is being replaced, none if only this machine reaches the
            server.
        per_second: Requests per second that each client may make on average.
        sessions: Browsers that were let into the studio; their tokens are valid too.
        people: Recognises several people; None if there is only the local one.
        studio_only: Whether the server is only the studio's, where nobody else has access.
    """

    def __init__(
        self,
        app: ASGIApp,
        tokens: Sequence[SecretStr],
        per_second: float,
        sessions: BrowserSessions,
        *,
        people: Recognition | None = None,
        studio_only: bool = False,
    ) -> None:
        self._app = app
        self._expected = [f"Bearer {token.get_secret_value()}".encode() for token in tokens]
        self._rate = Rate(per_second)
        self._studio_rate = Rate(max(per_second, STUDIO_PER_SECOND))
        self._sessions = sessions
        self._people = people
        self._studio_only = studio_only
        self._good_lately = OrderedDict[bytes, None]()
        """The hashes of tokens by which people were recognised, the longest unused first."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        try:
            sender = await self._sender(scope)
        except ConfigurationError as error:
            await records_away(error)(scope, receive, send)
            return
        rate = self._studio_rate if _is_of_the_page(scope["path"], sender.person) else self._rate
        wait = rate.wait(sender.client, _weight(scope))
        await self._sleep(wait)
        refusal = self._refusal(scope, sender)
        if wait > MAX_WAIT_SECONDS and not (refusal and self._people):
            refusal = _too_many(wait)
        answer = refusal or self._app
        known = {PERSON: sender.person, CLIENT: sender.client, LASTS: sender.lasts}
        await answer({**scope, **known}, receive, send)

    async def _sender(self, scope: Scope) -> _Sender:
        shown, house = _authorization(scope), household(scope.get("client"))
        if session := self._sessions.recognise(shown):
            person = await self._found(self._sessions.person_of(session))
            return _Sender(person, _client(person, f"{session} {house}"), self._session_lasts(session))
        if number := self._number(shown):
            return _Sender(LOCAL, f"{number} {house}", _always)
        # Clients without a token must not use up the rate of a client with one at the same address.
        nobody = f"0 {house}"
        if self._people is None:
            return _Sender(self._anybody(scope["path"]), nobody, _always)
        by_token, token = self._people.by_token, _token(shown)
        try:
            shows = await self._found_by_token(by_token, token, nobody) if token else None
        except NotRecognisedError as error:
            return _Sender(None, nobody, _never, error.answer)

        async def lasts() -> bool:
            try:
                return await by_token(token) == shows
            except NotRecognisedError:
                return False

        if shows is None:
            return _Sender(None, nobody, lasts)
        return _Sender(shows.person, _client(shows.person, nobody), lasts, app=shows.app)

    async def _found_by_token(
        self, by_token: Callable[[str], Awaitable[Recognised | None]], token: str, nobody: str
    ) -> Recognised | None:
        """Return who shows a token.

        One that was good lately is looked up at once. Others are looked up later where many came that were
        wrong, but they are looked up: many people can have one address.

        Args:
            by_token: Looks it up.
            token: What the request shows.
            nobody: The client as which those of the address count that nobody knows.
        """
        hashed = hashlib.sha256(token.encode(errors="surrogatepass")).digest()
        if hashed not in self._good_lately:
            await self._sleep(self._rate.wait(nobody, 0))
        shows = await by_token(token)
        if shows is None:
            self._good_lately.pop(hashed, None)
        else:
            self._good_lately[hashed] = None
            self._good_lately.move_to_end(hashed)
            if len(self._good_lately) > MAX_CLIENTS:
                self._good_lately.popitem(last=False)
        return shows

    def _session_lasts(self, session: str) -> Callable[[], Awaitable[bool]]:
        async def lasts() -> bool:
            return self._sessions.lasts(session)

        return lasts

    async def _found(self, person: str) -> Person | None:
        if person == LOCAL.id:
            return LOCAL
        return await self._people.by_id(person) if self._people else None

    def _anybody(self, path: str) -> Person | None:
        """Return the local person for what needs no token where only this machine reaches the server."""
        needs_token = self._expected or self._studio_only or holds_studio_data(path)
        return None if needs_token else LOCAL

    async def _sleep(self, wait: float) -> None:
        """Delay a request.

        What is refused waits too: a client that floods would answer it at once with the next request.
        """
        if wait:
            await asyncio.sleep(min(wait, MAX_WAIT_SECONDS))

    def _refusal(self, scope: Scope, sender: _Sender) -> ASGIApp | None:
        """Return why a request is refused, or None if it needs no person, or has one."""
        path = scope["path"]
        if path.startswith((*LINKS, STUDIO_FILES)) or path in STUDIO_OPEN:
            return None
        if sender.person:
            is_for_the_page = holds_studio_data(path) and sender.app not in ("", STUDIO_CLIENT)
            return error_response(403, _NOT_FOR_APPS) if is_for_the_page else None
        return sender.refusal or self._tell_how_to_enter(scope)

    def _tell_how_to_enter(self, scope: Scope) -> ASGIApp:
        if self._studio_only or holds_studio_data(scope["path"]):
            return error_response(401, NO_SESSION, _BEARER)
        if self._people and scope["method"] == "OPTIONS":
            return error_response(405, "Pages of this origin may not call the server.", {"Allow": _METHODS})
        if self._people:
            return error_response(401, _TOKEN_OF_ONE, {"WWW-Authenticate": self._people.challenge})
        return error_response(401, _TOKEN_OF_ALL, _BEARER)

    def _number(self, shown: bytes) -> int:
        """Return the number of the token that a request shows, counted from 1; 0 for none."""
        # Comparing every token keeps the time taken from telling which one came close.
        return sum(n * hmac.compare_digest(shown, each) for n, each in enumerate(self._expected, 1))


async def _always() -> bool:
    return True


async def _never() -> bool:
    return False


def _too_many(wait: float) -> ASGIApp:
    return error_response(
        429, "Too many requests. Wait a moment, then continue.", {"Retry-After": str(math.ceil(wait))}
    )


def _is_of_the_page(path: str, person: Person | None) -> bool:
    """Return whether a request belongs to the studio's page, which makes many."""
    is_file = path.startswith(STUDIO_FILES) or path == STUDIO_PAGE
    return is_file or (person is not None and holds_studio_data(path))


def _authorization(scope: Scope) -> bytes:
    values = Headers(scope=scope).getlist("authorization")
    return values[0].encode() if len(values) == 1 else b""


def _token(shown: bytes) -> str:
    """Return the bearer token that a request shows; "" for none."""
    scheme, _, token = shown.decode(errors="replace").partition(" ")
    return token if scheme == "Bearer" else ""


def _client(person: Person | None, otherwise: str) -> str:
    """Return whose rate counts: the person's, wherever they are, or for the local person the client's."""
    return otherwise if person is None or person == LOCAL else person.id


def declared_size(scope: Scope) -> int:
    """Return the size that a request declares for its body, in bytes; 0 if it declares none."""
    declared = Headers(scope=scope).get("content-length", "")
    return int(declared) if declared.isdecimal() else 0


def _weight(scope: Scope) -> int:
    """Return how many requests a request counts as."""
    if scope["path"] != MCP_PATH:
        return 1
    if "transfer-encoding" in Headers(scope=scope):
        return _MOST_REQUESTS
    return min(1 + declared_size(scope) // BYTES_OF_A_REQUEST, _MOST_REQUESTS)


class Rate:
    """A token bucket for each client.

    One number is kept for a client: the time at which its bucket will be full again.

    Args:
        per_second: Requests per second that a client may make on average.
        clock: Returns the time in seconds.
    """

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 1 / per_second
        self._room = max(BURST_SECONDS, self._interval)
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def wait(self, client: str, weight: int = 1) -> float:
        """Count a request, unless it would have to wait for more than `MAX_WAIT_SECONDS`.

        Args:
            client: Whose it is.
            weight: How many requests it counts as.

        Returns:
            The seconds until it may pass.
        """
        now = self._clock()
        full_at = max(self._full_at.get(client, now), now) + min(weight * self._interval, self._room)
        excess = full_at - now - self._room
        if excess > MAX_WAIT_SECONDS:
            return excess
        self._full_at[client] = full_at
        self._full_at.move_to_end(client)
        if len(self._full_at) > MAX_CLIENTS:
            self._full_at.popitem(last=False)
        # Rounding errors are not an excess.
        return excess if excess > self._interval / 1000 else 0
