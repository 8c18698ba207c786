"""Everything that one running sandbox remembers."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from imagerouter_mcp.sandbox.service.accounts import Accounts
from imagerouter_mcp.sandbox.service.editions import LIVE, Edition
from imagerouter_mcp.sandbox.service.offered import Model
from imagerouter_mcp.sandbox.service.providers import Provider
from imagerouter_mcp.sandbox.service.sandbox_journal import Journal
from imagerouter_mcp.sandbox.service.store import FileStore
from imagerouter_mcp.sandbox.service.throttle import WINDOW_SECONDS

MAX_STORED_BYTES: Final = 256 * 2**20
"""Results, and uploads, are each kept in memory up to this total."""
HEARTBEAT_SECONDS: Final = 3.0
"""How often the service sends a space while it works."""


@dataclass(slots=True)
class SandboxSettings:
    """How the sandbox behaves; may be changed while it runs.

    Attributes:
        heartbeat_seconds: The interval of heartbeats.
        latency_seconds: How long every generation takes at least.
        rate_limit: How many generations a key may ask for in a window; 0 is the service's rule (`throttle`).
        rate_window_seconds: How long a window lasts.
    """

    heartbeat_seconds: float = HEARTBEAT_SECONDS
    latency_seconds: float = 0.0
    rate_limit: int = 0
    rate_window_seconds: float = WINDOW_SECONDS


@dataclass(slots=True, kw_only=True)
class SandboxState:
    """One running sandbox.

    Attributes:
        models: Those that can be asked for, by id.
        listed: Those of them that the model list shows.
        provider: Makes the results.
        providers: Stand in for it at some models, by id.
        edition: Which generation of the service it is.
        results: What `/files/` serves.
        uploads: What arrived, by SHA-256.
        takes: How often each prompt has been painted.
        closing: Set when the server stops: everything that waits ends.
        hang_up: Closes the connection from a client's address, host and port; the server sets it.
    """

    models: Mapping[str, Model]
    listed: Mapping[str, Model]
    provider: Provider
    providers: Mapping[str, Provider] = field(default_factory=dict[str, Provider])
    edition: Edition = LIVE
    settings: SandboxSettings = field(default_factory=SandboxSettings)
    accounts: Accounts = field(default_factory=Accounts)
    journal: Journal = field(default_factory=Journal)
    results: FileStore = field(default_factory=lambda: FileStore(MAX_STORED_BYTES))
    uploads: FileStore = field(default_factory=lambda: FileStore(MAX_STORED_BYTES))
    takes: Counter[str] = field(default_factory=Counter[str])
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    hang_up: Callable[[tuple[str, int]], None] = field(default=lambda _: None)
    _jobs: set[asyncio.Task[Any]] = field(default_factory=set[asyncio.Task[Any]])

    def provider_of(self, model_id: str) -> Provider:
        """Return what makes a model's results."""
        return self.providers.get(model_id, self.provider)

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
        """Wait for so long, or until the server stops."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.closing.wait(), seconds)

    def reset(self) -> None:
        """Forget what arrived."""
        self.journal.clear()
        self.uploads.clear()
        self.takes.clear()

    def close(self) -> None:
        """End everything that waits."""
        self.closing.set()
