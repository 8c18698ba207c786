"""Carry out calls as tasks of this process, each until its outcome is in the journal.

A task that ends while the journal cannot be written leaves an outcome that only this process knows: it is
written later, by the next caller who asks for it or by a task that tries again and again.
"""

import asyncio
import math
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Any, TypeVar

import anyio
from anyio import to_thread

from imagerouter_mcp.errors import ConfigurationError, ImageRouterError
from imagerouter_mcp.gallery.entries import Entry
from imagerouter_mcp.gallery.journal import Journal
from imagerouter_mcp.generation.calls.collect import Collector
from imagerouter_mcp.generation.calls.outcome import Finished
from imagerouter_mcp.generation.calls.payer import Payer, Payers
from imagerouter_mcp.generation.calls.run import Runner
from imagerouter_mcp.generation.calls.running import RunningCall
from imagerouter_mcp.generation.planning.request import Order

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds before the journal is tried again after it could not be written; each pause is twice the last."""

T = TypeVar("T")


class CallTasks:
    """The calls that this process takes care of.

    Args:
        journal: Holds the entries.
        collector: Returns the outcome of a call.
        runner: Returns the `Runner` that carries out calls; not called before the first call.
        payers: Choose whose key pays.
        recount: Updates the sum of committed money once a call has ended; None where nobody needs it.
    """

    def __init__(
        self,
        journal: Journal,
        collector: Collector,
        runner: Callable[[], Runner],
        payers: Payers,
        recount: Callable[[], None] | None = None,
    ) -> None:
        self._journal = journal
        self._collector = collector
        self._runner = runner
        self._payers = payers
        self._recount = recount
        self._running: dict[str, RunningCall] = {}
        self._unrecorded: dict[str, Payer] = {}
        """Who pays for each call with an outcome that could not be written to the journal yet."""
        self._adopting = anyio.Lock()
        """Held from a look at the journal until what was found or begun there is in `_running`."""
        self._last_adopted = -math.inf
        self._adoption_failed = False
        self._retrying: asyncio.Task[None] | None = None
        self._closing = False

    @property
    def under_way(self) -> bool:
        """Whether this process carries out a call, or has yet to record one."""
        return bool(self._running or self._unrecorded)

    def running(self, handle: str) -> RunningCall | None:
        """Return a call that this process carries out now, by its handle."""
        return self._running.get(handle)

    async def begin(
        self, enter: Callable[[], tuple[list[str], bool]], order: Order, payer: Payer
    ) -> tuple[str, bool]:
        """Take over calls of dead processes, then carry out an order unless it joins a call.

        Args:
            enter: Enters the order into the journal; returns the call's handles, and whether it was joined.
            order: The order.
            payer: Whose key pays for it.

        Returns:
            The call's first handle, and whether it was joined.
        """
        async with self._adopting:
            handles, joined = await self._adopt(enter)
            if not joined:
                call = RunningCall(handles[0], len(handles), payer)
                self._start(call, self._runner().carry_out(order, handles, call))
        return handles[0], joined

    async def settle(self) -> None:
        """Take over and settle the calls of processes that have died."""
        asked_at = anyio.current_time()
        async with self._adopting:
            if self._last_adopted < asked_at:  # else a later caller has just done it
                await self._adopt(lambda: None)

    async def record(self, handle: str) -> None:
        """Try once more to record a call that is not recorded yet; store held answers in a new task.

        Raises:
            ConfigurationError: The journal still cannot be used.
        """
        if handle not in self._unrecorded:
            return
        entries = await to_thread.run_sync(self._journal.call, handle)
        left = await self._runner().still_to_record(entries)
        payer = self._unrecorded.pop(handle, None)  # None if another caller was here first
        if payer and left:
            self._start_finishing(handle, left, payer)

    async def close(self, grace_seconds: float) -> None:
        """Send nothing more, wait for sent requests to be stored, then cancel what takes too long."""
        self._closing = True
        if self._retrying:
            self._retrying.cancel()
        for call in self._running.values():
            call.stop()
        tasks = [call.task for call in self._running.values() if call.task]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace_seconds)
            for task in late:
                task.cancel()
            await asyncio.wait(tasks)

    async def _adopt(self, and_then: Callable[[], T]) -> T:
        """Take over calls of dead processes; in the same thread, do one more thing with the journal.

        Raises:
            ConfigurationError: The journal cannot be used now; dead processes' calls are taken over later.
        """
        began = anyio.current_time()
        known = {*self._running, *self._unrecorded}
        try:
            orphans, result = await to_thread.run_sync(lambda: (self._journal.adopt(known), and_then()))
        except ConfigurationError:
            self._adoption_failed = True
            self._retry_later()
            raise
        self._adoption_failed = False
        for handle, entries in groupby(orphans, key=attrgetter("call")):
            self._start_finishing(handle, list(entries), await self._payers.settling())
        self._last_adopted = began
        return result

    def _retry_later(self) -> None:
        """Start trying the journal again in the background, unless a task does so already."""
        if not self._closing and (self._retrying is None or self._retrying.done()):
            self._retrying = asyncio.create_task(self._retry())

    async def _retry(self) -> None:
        """Try until every outcome is in the journal: only this process knows them."""
        pause = FIRST_PAUSE
        while self._unrecorded or self._adoption_failed:
            await anyio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            with suppress(ConfigurationError):
                if self._adoption_failed:
                    await self.settle()
                for handle in tuple(self._unrecorded):
                    await self.record(handle)
                    if call := self._running.get(handle):
                        await call.wait(math.inf)

    def _start_finishing(self, handle: str, entries: list[Entry], payer: Payer) -> None:
        call = RunningCall(handle, len(entries), payer)
        call.sent = call.handed_off = True
        self._start(call, self._finish(entries, call))

    async def _finish(self, entries: Sequence[Entry], call: RunningCall) -> Finished:
        with perhaps_charged():
            try:
                finished = await self._runner().finish(entries, call)
            except ImageRouterError:
                if call.unrecorded or any(e.open for e in await self._collector.entries(call.handle)):
                    raise
            else:
                if call.unrecorded:  # its end is not in the journal yet
                    return finished
            # Include what the call made before the other process died.
            return await self._collector.finished(await self._collector.entries(call.handle))

    def _start(self, call: RunningCall, work: Coroutine[Any, Any, Finished]) -> None:
        """Start a task that carries out a call; it belongs to this process, not to the caller."""
        call.task = asyncio.create_task(self._recounted(work))
        self._running[call.handle] = call
        call.task.add_done_callback(partial(self._ended, call))

    async def _recounted(self, work: Coroutine[Any, Any, Finished]) -> Finished:
        try:
            return await work
        finally:
            if self._recount:
                with suppress(ConfigurationError):  # the person's next call counts it
                    await to_thread.run_sync(self._recount)

    def _ended(self, call: RunningCall, task: asyncio.Task[Finished]) -> None:
        del self._running[call.handle]
        if call.unrecorded:
            self._unrecorded[call.handle] = call.payer
            self._retry_later()
        if not task.cancelled():
            task.exception()  # or asyncio would complain that nobody retrieved it
        call.end()


@contextmanager
def perhaps_charged() -> Generator[None]:
    """Mark a failure of the gallery or the settings with "may have been charged": the call was sent."""
    try:
        yield
    except ConfigurationError as error:
        error.charged = "unknown"
        raise
