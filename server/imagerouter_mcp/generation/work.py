"""A call under way in this process, as those who wait for it see it."""

import asyncio
import time

import anyio

from imagerouter_mcp.api.wire import GenerationAnswer
from imagerouter_mcp.generation.request import Batch


class Work:
    """What is known of a call while it is carried out.

    Attributes:
        call: Its handle.
        sent: Whether a request has left; from then on nothing can stop that one.
        withdrawn: Whether nobody wants what has not left yet.
        kept: Whether somebody was told its handle, so that it goes on though nobody waits.
        unrecorded: Whether the gallery could not be written when something of it ended.
        unstored: Answers that no folder or no gallery took, by their generations' handles.
        notes: What the person should know of how it went.
        waiting: How many callers wait for it.
        task: What carries it out; its result is what came of the call.

    Args:
        call: Its handle.
        count: How many results it is to have.
    """

    def __init__(self, call: str, count: int) -> None:
        self.call = call
        self.sent = False
        self.withdrawn = False
        self.kept = False
        self.unrecorded = False
        self.unstored: dict[str, GenerationAnswer] = {}
        self.notes: list[str] = []
        self.waiting = 0
        self.task: asyncio.Task[Batch] | None = None
        self._count = count
        self._said = "Preparing"
        self._done = 0
        self._began = time.monotonic()
        self._ended = anyio.Event()

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._began

    @property
    def words(self) -> str:
        """How it goes, as the beginning of a sentence."""
        if self._count == 1:
            return self._said
        return f"{self._done} of {self._count} done; {self._said[:1].lower()}{self._said[1:]}"

    def say(self, words: str) -> None:
        """Note how it goes."""
        self._said = words

    def one_done(self) -> None:
        """Note that one of its results is there, or has failed."""
        self._done += 1

    def withdraw(self) -> None:
        """Give up what has not left yet, for nobody waits for it any more."""
        if self.kept or self.waiting:
            return
        self.withdrawn = True
        if self.sent:
            self.notes.append(
                "The call was cancelled after the request had left; the service cannot be stopped, so the "
                "result was made and paid for."
            )
        elif self.task:
            self.task.cancel()

    def end(self, _: object = None) -> None:
        """Wake those who wait."""
        self._ended.set()

    async def wait(self, seconds: float) -> bool:
        """Wait for its end, at most so long; whether it has ended."""
        with anyio.move_on_after(seconds):
            await self._ended.wait()
        return self._ended.is_set()
