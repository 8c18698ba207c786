"""Keep the sessions of browsers in the studio, each with a token of its own."""

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

IDLE_SECONDS = 12 * 3600
"""How long after its last request a session ends."""
MOST_SESSIONS = 100
"""The longest idle one gives way to a new one."""


@dataclass(slots=True)
class _Session:
    bearer: bytes
    """The hash of what its requests show."""
    person: str
    """The id of the person who was let in."""
    used_at: float


class BrowserSessions:
    """Issues and recognises tokens, keeping only their hashes. They end with the process.

    Args:
        clock: Returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._names = (f"studio-{number}" for number in count(1))
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        """By name, the longest idle first."""

    def open(self, person: str) -> str:
        """Open a session and return its token.

        Args:
            person: The id of the person whose session it is.
        """
        self._end_idle()
        if len(self._sessions) >= MOST_SESSIONS:
            self._sessions.popitem(last=False)
        token = secrets.token_urlsafe(32)
        self._sessions[next(self._names)] = _Session(
            _digest(f"Bearer {token}".encode()), person, self._clock()
        )
        return token

    def recognise(self, shown: bytes) -> str | None:
        """Return the name of the session whose request this is, and note that it is in use.

        Args:
            shown: The request's `Authorization`.
        """
        self._end_idle()
        digest, found = _digest(shown), None
        for name, session in self._sessions.items():  # all of them: the time must not tell which came close
            if hmac.compare_digest(session.bearer, digest):
                found = name
        if found:
            self._sessions[found].used_at = self._clock()
            self._sessions.move_to_end(found)
        return found

    def person_of(self, name: str) -> str:
        """Return the id of the person whose session this is."""
        return self._sessions[name].person

    def lasts(self, name: str) -> bool:
        """Return whether a session has not ended."""
        self._end_idle()
        return name in self._sessions

    def _end_idle(self) -> None:
        latest = self._clock() - IDLE_SECONDS
        while self._sessions and next(iter(self._sessions.values())).used_at <= latest:
            self._sessions.popitem(last=False)


def _digest(shown: bytes) -> bytes:
    return hashlib.sha256(shown).digest()
