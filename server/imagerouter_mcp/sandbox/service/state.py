"""Everything that one running sandbox remembers."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from imagerouter_mcp.sandbox.service.accounts import Accounts
from imagerouter_mcp.sandbox.service.sandbox_journal import Journal
from imagerouter_mcp.sandbox.service.store import FileStore
from imagerouter_mcp.sandbox.service.throttle import WINDOW_SECONDS

MAX_STORED_BYTES: Final = 256 * 2**20
"""Results, and uploads, are each kept in memory up to this total."""
HEARTBEAT_SECONDS: Final = 3.0
"""How often the service sends a space while it works."""

Popularity = Literal[
    "json-ids",
    "json-objects-model",
    "json-objects-id",
    "json-objects-modelId",
    "json-objects-name",
    "bare-ids",
    "bare-objects",
    "with-meta",
    "nonsense",
    "status-500",
    "html",
]
Models = Literal["normal", "with-faults", "v1", "v2", "v3", "status-500", "html", "slow"]

POPULARITY: Final[tuple[Popularity, ...]] = get_args(Popularity)
MODELS: Final[tuple[Models, ...]] = get_args(Models)


@dataclass(slots=True)
class SandboxSettings:
    """What `PUT /sandbox/settings` changes.

    Attributes:
        heartbeat_seconds: The interval of heartbeats.
        latency_seconds: How long every generation takes at least.
        popularity: How `POST /operations/get-popular-models` answers.
        models: How `GET /v1/models` answers: in which shape, or how it fails.
        rate_limit: How many generations a key may ask for in a window; 0 is the service's rule (see `rates`).
        rate_window_seconds: How long a window lasts.
    """

    heartbeat_seconds: float = HEARTBEAT_SECONDS
    latency_seconds: float = 0.0
    popularity: Popularity = "json-objects-model"
    models: Models = "normal"
    rate_limit: int = 0
    rate_window_seconds: float = WINDOW_SECONDS


@dataclass(slots=True)
class SandboxState:
    """One running sandbox.

    Attributes:
        results: What `/files/` serves.
        uploads: What arrived, by SHA-256.
        takes: How often each prompt has been painted.
        once: Faults that happen once, and have.
        closing: Set when the server stops: everything that waits ends.
        hang_up: Closes the connection from a client's address, host and port; the server sets it.
    """

    settings: SandboxSettings = field(default_factory=SandboxSettings)
    accounts: Accounts = field(default_factory=Accounts)
    journal: Journal = field(default_factory=Journal)
    results: FileStore = field(default_factory=lambda: FileStore(MAX_STORED_BYTES))
    uploads: FileStore = field(default_factory=lambda: FileStore(MAX_STORED_BYTES))
    takes: Counter[str] = field(default_factory=Counter[str])
    once: set[str] = field(default_factory=set[str])
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    hang_up: Callable[[tuple[str, int]], None] = field(default=lambda _: None)
    _jobs: set[asyncio.Task[Any]] = field(default_factory=set[asyncio.Task[Any]])

    def first_time(self, what: str) -> bool:
        """Whether this is the first time for something, since the last reset."""
        if what in self.once:
            return False
        self.once.add(what)
        return True

    def take(self, prompt: str) -> int:
        """Count a prompt, and return how often it came before since the last reset."""
        self.takes[prompt] += 1
        return self.takes[prompt] - 1

    def start(self, work: Coroutine[Any, Any, bytes]) -> "asyncio.Task[bytes]":
        """Begin work that goes on when the client that asked for it goes away, as at the service."""
        job = asyncio.create_task(work)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)
        return job

    async def pause(self, seconds: float) -> None:
        """Wait, or until the server stops."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.closing.wait(), seconds)

    def reset(self) -> None:
        """Forget what arrived, and what has happened once."""
        self.journal.clear()
        self.uploads.clear()
        self.once.clear()
        self.takes.clear()

    def close(self) -> None:
        """End everything that waits."""
        self.closing.set()
