"""Calls that outlive their callers: begun or joined, waited for, handed off, collected."""

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Any

import anyio
from anyio import to_thread

from imagerouter_mcp.errors import ConfigurationError, ImageRouterError, NotSentError, OutcomeUnknownError
from imagerouter_mcp.gallery.entries import Draft
from imagerouter_mcp.gallery.journal import HANDLE_TOLD, RESULT_LEFT, RESULT_TOLD
from imagerouter_mcp.generation.collect import collected, entries_of, pending
from imagerouter_mcp.generation.fingerprint import fingerprint_of
from imagerouter_mcp.generation.orphans import finish
from imagerouter_mcp.generation.request import Batch, Order, Pending, Progress
from imagerouter_mcp.generation.run import carry_out
from imagerouter_mcp.generation.studio import Studio
from imagerouter_mcp.generation.work import Work

TELL_SECONDS = 3.0
"""How often a caller that waits is told how it goes, though nothing is new."""
LEAVING_SECONDS = 0.25
"""How long an answer takes at most from a tool's end to the host."""
LOOK_SECONDS = 0.5
"""How often it is looked whether there is anything new."""

logger = logging.getLogger(__name__)


class Calls:
    """The calls that this process carries out.

    Args:
        studio: The process's parts.
    """

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._works: dict[str, Work] = {}
        self._unrecorded: dict[str, Work] = {}
        """What has ended and could not be recorded: settled when somebody asks for it."""
        self._entering = anyio.Lock()
        self._ending = False
        self._leaving: set[asyncio.Task[None]] = set()

    async def ask(self, order: Order, seconds: float, progress: Progress) -> Batch | Pending:
        """Carry out a call, or join the same one where it is under way or nobody was told what came of it.

        Args:
            order: The call.
            seconds: How long the caller waits.
            progress: Told at the start and every few seconds.

        Returns:
            What came of it, or, when it is not done in that time, how to ask for it later.

        Raises:
            ImageRouterError: There is no result; the sentence says whether money was spent.
        """
        until = anyio.current_time() + seconds
        call, joined = await self._begin_or_join(order)
        try:
            return await self._answer(call, seconds, progress)
        except ImageRouterError as error:
            if not joined or error.kind != NotSentError.kind:
                raise
        # What it joined was given up by its first caller before it left, and this caller still wants it.
        call, _ = await self._begin_or_join(order)
        return await self._answer(call, max(0.0, until - anyio.current_time()), progress)

    async def collect(self, handle: str, seconds: float, progress: Progress) -> Batch | Pending:
        """What came of a call of this or any other process of the person.

        Args:
            handle: Of any of its generations.
            seconds: How long the caller waits.
            progress: Told at the start and every few seconds.

        Raises:
            NotFoundError: There is no such call.
            ImageRouterError: There is no result; the sentence says whether money was spent.
        """
        await self.settle()
        entries = await entries_of(self._studio, handle)
        return await self._answer(entries[0].call, seconds, progress)

    async def told(self, call: str) -> None:
        """Note that somebody was told what came of a call; a gallery that fails now costs nobody that.

        A server that is ending cannot know whether its answer still gets through: it notes nothing. And one
        that is killed in the next moment has not noted that the answer left.
        """
        if self._ending:
            return
        await self._tell(call, RESULT_TOLD)
        leaving = asyncio.create_task(self._note_left(call))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    async def _note_left(self, call: str) -> None:
        await anyio.sleep(LEAVING_SECONDS)
        await self._tell(call, RESULT_LEFT)

    async def _tell(self, call: str, told: int) -> None:
        with suppress(ConfigurationError):
            await to_thread.run_sync(self._studio.journal.tell, call, told)

    async def settle(self) -> None:
        """Take over and settle what processes left that are gone."""
        async with self._entering:
            await self._settle()

    async def close(self, grace_seconds: float) -> None:
        """Send nothing more, and give what was sent its time to arrive and be stored.

        Args:
            grace_seconds: How long.
        """
        self._ending = True
        self._studio.pace.stop()
        tasks = [work.task for work in self._works.values() if work.task]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace_seconds)
            for task in late:
                task.cancel()
            await asyncio.wait(tasks)
        if self._leaving:
            await asyncio.wait(self._leaving)

    async def _begin_or_join(self, order: Order) -> tuple[str, bool]:
        """The handle of a call, and whether it is one that had begun before."""
        fingerprint = await fingerprint_of(self._studio, order)
        drafts = [Draft(prompt=request.prompt, model=request.model) for request in order.requests]
        begin = partial(self._studio.journal.begin, fingerprint, drafts, again=order.again)
        async with self._entering:
            await self._settle()
            handles, joined = await to_thread.run_sync(begin)
            if not joined:
                work = Work(handles[0], len(handles))
                self._carry(work, carry_out(self._studio, order, handles, work))
        return handles[0], joined

    async def _settle(self, earlier: Work | None = None) -> None:
        """Settle what is left over; of an earlier work of this process, with the answers that it holds."""
        known = {*self._works, *self._unrecorded}
        orphans = await to_thread.run_sync(self._studio.journal.adopt, known)
        for call, entries in groupby(orphans, key=attrgetter("call")):
            left = list(entries)
            work = Work(call, len(left))
            work.kept = True
            if earlier and earlier.call == call:
                work.unstored = earlier.unstored
            self._carry(work, finish(self._studio, left, work))

    def _carry(self, work: Work, result: Coroutine[Any, Any, Batch]) -> None:
        """Start what carries out a call; it belongs to this process, not to the caller."""
        work.task = asyncio.create_task(result)
        self._works[work.call] = work
        work.task.add_done_callback(partial(self._ended, work))

    def _ended(self, work: Work, task: asyncio.Task[Batch]) -> None:
        del self._works[work.call]
        if work.unrecorded:
            self._unrecorded[work.call] = work
        if not task.cancelled():
            task.exception()  # looked at, for perhaps nobody waits for it
        work.end()

    async def _answer(self, call: str, seconds: float, progress: Progress) -> Batch | Pending:
        try:
            return await self._wait(call, seconds, progress)
        except ImageRouterError as error:
            if error.charged == "no":
                await self.told(call)
            raise

    async def _wait(self, call: str, seconds: float, progress: Progress) -> Batch | Pending:
        if call in self._unrecorded:
            async with self._entering:
                await self._settle(self._unrecorded.pop(call, None))
        work = self._works.get(call)
        if work is None:
            return await self._watch(call, seconds, progress)
        work.waiting += 1
        left = True
        try:
            ended = await _told(work, seconds, progress)
            left = False
        finally:
            work.waiting -= 1
            if left:
                self._leave(work)
        if ended:
            return _outcome(work)
        work.kept = True
        return await self._handed_off(call, f"{work.words}, {work.elapsed:.0f} s so far")

    def _leave(self, work: Work) -> None:
        """The caller was cancelled."""
        work.withdraw()
        if work.sent:
            logger.warning(
                "A call was cancelled after its request had left. The service cannot be stopped: the result "
                "will be paid for and stored as %s.",
                work.call,
            )

    async def _watch(self, call: str, seconds: float, progress: Progress) -> Batch | Pending:
        """Wait for a call that no work of this process carries out."""
        began = anyio.current_time()
        entries = await entries_of(self._studio, call)
        tell_at = began
        while any(entry.open for entry in entries):
            now = anyio.current_time()
            if now - began >= seconds:
                return await self._handed_off(call, "Another process of yours works on it")
            if now >= tell_at:
                await progress(f"Another process of yours works on it, {now - began:.0f} s")
                tell_at = now + TELL_SECONDS
            await anyio.sleep(min(LOOK_SECONDS, max(0.0, began + seconds - now)))
            await self.settle()
            if call in self._works:
                return await self._wait(call, began + seconds - anyio.current_time(), progress)
            entries = await entries_of(self._studio, call)
        return await collected(self._studio, entries)

    async def _handed_off(self, call: str, words: str) -> Batch | Pending:
        try:
            await to_thread.run_sync(self._studio.journal.tell, call, HANDLE_TOLD)
            entries = await entries_of(self._studio, call)
            if not any(entry.open for entry in entries):  # it has just ended
                return await collected(self._studio, entries)
            return await pending(self._studio, entries, words)
        except ConfigurationError as error:
            error.charged = "unknown"  # for the call goes on
            raise


async def _told(work: Work, seconds: float, progress: Progress) -> bool:
    """Wait for the end of a work and tell how it goes; whether it has ended."""
    until = anyio.current_time() + seconds
    said, tell_at = "", 0.0
    while True:
        now = anyio.current_time()
        if work.words != said or now >= tell_at:
            said, tell_at = work.words, now + TELL_SECONDS
            await progress(f"{said}, {work.elapsed:.0f} s")
        if await work.wait(min(LOOK_SECONDS, max(0.0, until - now))):
            return True
        if anyio.current_time() >= until:
            return False


def _outcome(work: Work) -> Batch:
    """What came of a work that has ended.

    Raises:
        ImageRouterError: There is no result.
    """
    if work.task is None or work.task.cancelled():
        if work.sent:
            raise OutcomeUnknownError(
                "The server ended before the answer came.",
                f"Do not ask for it again at once: get_generation with {work.call} tells what came of it.",
            )
        raise NotSentError("The server ended before the request was sent.", "Ask for it again.")
    return work.task.result()
