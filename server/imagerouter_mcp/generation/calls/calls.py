"""Begin or join calls, wait for them, hand them off, collect them; calls outlive their callers."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial

import anyio
from anyio import to_thread

from imagerouter_mcp.errors import (
    ConfigurationError,
    DeliveryError,
    ImageRouterError,
    InvalidSourceError,
    NotFoundError,
    NotSentError,
    as_repeated,
)
from imagerouter_mcp.gallery.journal import Journal
from imagerouter_mcp.generation.calls.collect import Collector
from imagerouter_mcp.generation.calls.outcome import Finished, Pending
from imagerouter_mcp.generation.calls.payer import Payer, Payers
from imagerouter_mcp.generation.calls.running import RunningCall
from imagerouter_mcp.generation.calls.tasks import CallTasks, perhaps_charged
from imagerouter_mcp.generation.handles import LastMade
from imagerouter_mcp.generation.planning.plan import Plan
from imagerouter_mcp.generation.planning.request import Order
from imagerouter_mcp.generation.sources import Sources, with_last

REPORT_SECONDS = 3.0
"""Interval of progress reports, in seconds, while nothing changes."""
LOOK_SECONDS = 0.5
"""Poll interval in seconds."""
_LOOKED_BACK = 6
"""How many calls, newest first, to check for what `last` meant in a repeated call."""

Progress = Callable[[str], Awaitable[None]]
"""Reports progress to a waiting caller in a few words."""

logger = logging.getLogger(__name__)


class Calls:
    """The calls that people ask this process for.

    Args:
        journal: Holds the entries.
        collector: Returns the outcome of a call.
        sources: Returns the `Sources` that compare orders; not called before the first order.
        tasks: Carry the calls out.
        payers: Choose whose key pays.
        repeats_are_meant: Whether repeating a delivered call makes another one, because a person typed it.
    """

    def __init__(
        self,
        journal: Journal,
        collector: Collector,
        sources: Callable[[], Sources],
        tasks: CallTasks,
        payers: Payers,
        *,
        repeats_are_meant: bool = False,
    ) -> None:
        self._journal = journal
        self._collector = collector
        self._sources = sources
        self._tasks = tasks
        self._payers = payers
        self._repeats_are_meant = repeats_are_meant

    async def ask(self, order: Order, seconds: float, progress: Progress) -> Finished | Pending:
        """Carry out an order, or join the same order if it is under way or has just ended.

        Args:
            order: The order.
            seconds: How long the caller waits.
            progress: Called at the start and every few seconds.

        Returns:
            The outcome; if the call is not done in time, how to collect it later.

        Raises:
            ImageRouterError: There is no result; the message says whether money was spent.
        """
        until = anyio.current_time() + seconds
        payer = await self._payers.present()
        order = replace(order, key=payer.key.fingerprint)
        pinned, fingerprint = await self._identified(order)
        call, joined = await self._begin_or_join(pinned, fingerprint, payer)
        if not joined:
            outcome = await self._wait_for(call, seconds, progress)
            notes_for_new = () if self._repeats_are_meant else pinned.notes
            return replace(outcome, notes=(*notes_for_new, *outcome.notes))
        repeated = not any(entry.open for entry in await self._collector.entries(call))
        try:
            outcome = await self._wait_for(call, seconds, progress)
        except ImageRouterError as error:
            if error.kind == NotSentError.kind:  # the joined call was given up before it was sent
                return await self.ask(order, max(0.0, until - anyio.current_time()), progress)
            if repeated and error.kind != DeliveryError.kind:
                raise as_repeated(error) from error
            raise
        note = _repeated_note(outcome, pinned_last=pinned is not order)
        notes = (note, *outcome.notes)
        if isinstance(outcome, Finished):
            return replace(outcome, notes=notes, repeated=True)
        return replace(outcome, notes=notes)

    async def collect(self, handle: str, seconds: float, progress: Progress) -> Finished | Pending:
        """Return the outcome of a call that this or any other process of the person made.

        Args:
            handle: The handle of any of its generations.
            seconds: How long the caller waits.
            progress: Called at the start and every few seconds.

        Raises:
            NotFoundError: There is no such call.
            ImageRouterError: There is no result; the message says whether money was spent.
        """
        if finished := await self._collector.made_here(handle):
            return finished
        with perhaps_charged():
            await self.settle()
            entries = await self._collector.entries(handle)
        return await self._wait_for(entries[0].call, seconds, progress)

    async def note_delivered(self, call: str) -> None:
        """Note that a call's outcome was delivered; failure to record this is ignored."""
        with suppress(ConfigurationError):
            await to_thread.run_sync(self._journal.note_delivered, call)

    @property
    def under_way(self) -> bool:
        """Whether this process carries out a call, or has yet to record one."""
        return self._tasks.under_way

    async def settle(self) -> None:
        """Take over and settle the calls of processes that have died."""
        await self._tasks.settle()

    async def close(self, grace_seconds: float) -> None:
        """Send nothing more, wait for sent requests to be stored, then cancel what takes too long."""
        await self._tasks.close(grace_seconds)

    async def _identified(self, order: Order) -> tuple[Order, str]:
        """Return an order with a handle in place of `last`, and its fingerprint.

        If the order repeats an earlier one, `last` means the picture that it meant when that call began.
        """
        sources = self._sources()
        newest = await sources.last_of(order)
        if newest is None:
            return order, await sources.fingerprint(order)
        if not order.again and (repeated := await self._repeated(order, newest)):
            return repeated
        pinned = with_last(order, newest)
        return pinned, await sources.fingerprint(pinned)

    async def _repeated(self, order: Order, newest: LastMade) -> tuple[Order, str] | None:
        """Return what `_identified` returns if an order repeats an earlier call, else None.

        Going back from the newest picture, it tries each as the meaning of `last`. It passes over the earlier
        call's own results and those of calls that ran beside it. It stops at a call that began after somebody
        had seen the earlier call's outcome, and does not go from this session's pictures to those of others.
        """
        sources = self._sources()
        candidate, passed = newest, set[str]()
        for _ in range(_LOOKED_BACK):
            with suppress(NotFoundError):  # `last` is ambiguous: several pictures
                before = with_last(order, candidate)
                fingerprint = await sources.fingerprint(before)
                earlier = await self._same_call(fingerprint)
                if earlier:
                    own = await to_thread.run_sync(self._journal.call, earlier)
                    others = passed - {entry.handle for entry in own}
                    left_session = candidate.elsewhere and not newest.elsewhere
                    delivered_before = partial(self._journal.delivered_before, earlier, others)
                    if others and (left_session or await to_thread.run_sync(delivered_before)):
                        return None
                    return before, fingerprint
            made = await to_thread.run_sync(self._journal.lately, candidate.records[0].generation)
            if not made:
                return None
            passed |= {entry.handle for entry in made}
            try:
                older = await sources.last_of(order, passed)
            except NotFoundError:
                return None
            if older is None or older == candidate:
                return None
            candidate = older
        return None

    async def _same_call(self, fingerprint: str) -> str | None:
        return await to_thread.run_sync(
            partial(self._journal.same_call, fingerprint, join_delivered=not self._repeats_are_meant)
        )

    async def _begin_or_join(self, order: Order, fingerprint: str, payer: Payer) -> tuple[str, bool]:
        """Begin or join a call; return its handle and whether it was joined."""
        again = order.again or await self._addresses_changed(order, fingerprint)
        enter = partial(
            self._journal.begin,
            fingerprint,
            order.generations,
            again=again,
            join_delivered=not self._repeats_are_meant,
            own_key=payer.own,
        )
        return await self._tasks.begin(enter, order, payer)

    async def _addresses_changed(self, order: Order, fingerprint: str) -> bool:
        """Return whether a source's address returns other content now than for the same call before."""
        first = order.requests[0]
        if not (first.images or first.mask):
            return False
        earlier = await self._same_call(fingerprint)
        plan = Plan.kept((await self._collector.entries(earlier))[0].plan) if earlier else None
        if plan is None or not any(plan.fetched):
            return False
        with suppress(InvalidSourceError):  # what cannot be fetched counts as unchanged
            return await self._sources().fetched(order) != plan.fetched
        return False

    async def _wait_for(self, handle: str, seconds: float, progress: Progress) -> Finished | Pending:
        try:
            return await self._follow(handle, seconds, progress)
        except ImageRouterError as error:
            if error.charged == "no" or await self._fails_for_person(handle, error):
                await self.note_delivered(handle)
            raise

    async def _fails_for_person(self, handle: str, error: ImageRouterError) -> bool:
        """Return whether typing the call again after this failure makes a new call."""
        if not self._repeats_are_meant or error.kind == DeliveryError.kind:
            return False
        with suppress(ConfigurationError, NotFoundError):
            return not any(entry.open for entry in await self._collector.entries(handle))
        return False

    async def _follow(self, handle: str, seconds: float, progress: Progress) -> Finished | Pending:
        with perhaps_charged():
            await self._tasks.record(handle)
            call = self._tasks.running(handle)
            if call is None:
                return await self._watch(handle, seconds, progress)
        call.waiting += 1
        cancelled = True
        try:
            ended = await _reported(call, seconds, progress)
            cancelled = False
        finally:
            call.waiting -= 1
            if cancelled:
                self._leave(call)
        if ended:
            return call.result()
        call.handed_off = True
        return await self._hand_off(handle, f"{call.words}, {call.elapsed:.0f} s so far")

    def _leave(self, call: RunningCall) -> None:
        """Withdraw a cancelled caller from its call."""
        call.withdraw()
        if call.sent:
            logger.warning(
                "The request has left and cannot be stopped: its result will be paid for and stored as %s.",
                call.handle,
            )

    async def _watch(self, handle: str, seconds: float, progress: Progress) -> Finished | Pending:
        """Wait for a call that another process carries out, or that has ended."""
        began = anyio.current_time()
        entries = await self._collector.entries(handle)
        report_at = began
        while any(entry.open for entry in entries):
            now = anyio.current_time()
            if now - began >= seconds:
                return await self._hand_off(handle, "Another process or server is working on it")
            if now >= report_at:
                await progress(f"Another process or server is working on it, {now - began:.0f} s")
                report_at = now + REPORT_SECONDS
            await anyio.sleep(min(LOOK_SECONDS, max(0.0, began + seconds - now)))
            await self.settle()
            if self._tasks.running(handle):
                return await self._follow(handle, began + seconds - anyio.current_time(), progress)
            entries = await self._collector.entries(handle)
        return await self._collector.finished(entries)

    async def _hand_off(self, handle: str, words: str) -> Finished | Pending:
        with perhaps_charged():
            entries = await self._collector.entries(handle)
            if not any(entry.open for entry in entries):  # it has just ended
                return await self._collector.finished(entries)
            return await self._collector.pending(entries, words)


async def _reported(call: RunningCall, seconds: float, progress: Progress) -> bool:
    """Wait for the end of a call while reporting progress; return whether it has ended."""
    until = anyio.current_time() + seconds
    said, report_at = "", 0.0
    while True:
        now = anyio.current_time()
        if call.words != said or now >= report_at:
            said, report_at = call.words, now + REPORT_SECONDS
            await progress(f"{said}, {call.elapsed:.0f} s")
        if await call.wait(min(LOOK_SECONDS, max(0.0, until - now))):
            return True
        if anyio.current_time() >= until:
            return False


def _repeated_note(outcome: Finished | Pending, *, pinned_last: bool) -> str:
    """Return the note for a joined call: nothing more was paid, how to get another, how to build on it."""
    if isinstance(outcome, Pending):
        return "The same call is already under way; this one was not sent. again=true makes another one."
    note = (
        "This is the result of the same call made before; nothing was charged again. again=true makes "
        "another one."
    )
    if pinned_last:
        image = outcome.results[0].record.images[0]
        note += f" To change this result further, name {image.handle} in place of last."
    return note
