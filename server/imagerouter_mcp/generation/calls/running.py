"""Track a call that this process carries out, for those who wait for it."""

import asyncio
import time

import anyio

from imagerouter_mcp.errors import NotSentError, OutcomeUnknownError
from imagerouter_mcp.generation.calls.outcome import Finished
from imagerouter_mcp.generation.calls.payer import Payer


class RunningCall:
    """The progress of a call.

    Attributes:
        handle: The call's handle.
        payer: Whose key pays for it.
        sent: Whether a request has left; it can no longer be stopped.
        withdrawn: Whether nobody wants the requests that have not been sent yet.
        handed_off: Whether somebody knows its handle, so that it goes on even if nobody waits.
        unrecorded: Whether the gallery could not be written when a part of it ended.
        notes: Sentences for the person about how it went.
        waiting: How many callers wait for it.
        task: The task that carries it out.
        status: Its progress, as the beginning of a sentence.
        count: How many results it is to have, those of second steps included.

    Args:
        handle: The call's handle.
        count: How many results it is to have.
        payer: Whose key pays for it.
    """

    def __init__(self, handle: str, count: int, payer: Payer) -> None:
        self.handle = handle
        self.payer = payer
        self.sent = False
        self.withdrawn = False
        self.handed_off = False
        self.unrecorded = False
        self.notes: list[str] = []
        self.waiting = 0
        self.task: asyncio.Task[Finished] | None = None
        self.status = "Preparing"
        self.count = count
        self._done = 0
        self._began = time.monotonic()
        self._ended = anyio.Event()

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._began

    @property
    def words(self) -> str:
        """Its status, with the number of results that are done if it has several."""
        if self.count == 1:
            return self.status
        return f"{self._done} of {self.count} done; {self.status[:1].lower()}{self.status[1:]}"

    def one_done(self) -> None:
        """Note that one of its results is there, or has failed."""
        self._done += 1

    def withdraw(self) -> None:
        """Give up what has not been sent, unless somebody still wants it."""
        if self.handed_off or self.waiting:
            return
        self.withdrawn = True
        if self.sent:
            self.notes.append(
                "The call was cancelled after the request had left; the service cannot be stopped, so the "
                "result was made and paid for."
            )
        elif self.task:
            self.task.cancel()

    def stop(self) -> None:
        """Give up what has not been sent, whoever wants it: the process ends and cannot take answers."""
        self.withdrawn = True
        if self.task and not self.sent:
            self.task.cancel()

    def end(self) -> None:
        """Wake those who wait."""
        self._ended.set()

    async def wait(self, seconds: float) -> bool:
        """Wait for its end for at most some seconds; return whether it has ended."""
        with anyio.move_on_after(seconds):
            await self._ended.wait()
        return self._ended.is_set()

    def result(self) -> Finished:
        """Return the outcome, once the call has ended.

        Raises:
            ImageRouterError: There is no result.
        """
        if self.task is None or self.task.cancelled():
            if self.sent:
                raise OutcomeUnknownError(
                    "The server ended before the answer arrived.",
                    f"Do not ask for it again at once: get_generation with {self.handle} tells what "
                    "became of it.",
                )
            raise NotSentError("The server ended before the request was sent.", "Ask for it again.")
        return self.task.result()
