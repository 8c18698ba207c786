"""Carry out a call: prepare it, send its requests side by side, deliver the answers, end its entries.

The only place that catches every exception: an answer may have been paid for, so whatever goes wrong while it
is read or delivered ends its entry once, says what is known about the charge, and keeps what arrived.
"""

import asyncio
import logging
from collections.abc import Awaitable, Generator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import anyio
from anyio import to_thread

from imagerouter_mcp.api.wire import GenerationAnswer
from imagerouter_mcp.errors import (
    ConfigurationError,
    DeliveryError,
    ImageRouterError,
    InvalidSourceError,
    NotFoundError,
    NotNeededError,
    NotSentError,
    OutcomeUnknownError,
    UnexpectedResponseError,
    revived,
)
from imagerouter_mcp.events import GenerationEnded, failed, stage, tell
from imagerouter_mcp.gallery.answers import Answers
from imagerouter_mcp.gallery.entries import Entry, State
from imagerouter_mcp.gallery.journal import Journal
from imagerouter_mcp.generation.calls.order import Planner
from imagerouter_mcp.generation.calls.outcome import Finished, Outcome, Result, summed_up
from imagerouter_mcp.generation.calls.running import RunningCall
from imagerouter_mcp.generation.calls.send import Sender
from imagerouter_mcp.generation.concurrency import gather_outcomes
from imagerouter_mcp.generation.delivery import Delivery
from imagerouter_mcp.generation.planning.plan import Plan
from imagerouter_mcp.generation.planning.request import Order
from imagerouter_mcp.generation.sources import OpenSources
from imagerouter_mcp.images.workers import decode

if TYPE_CHECKING:
    from imagerouter_mcp.images.pixels.comparison import Look

logger = logging.getLogger(__name__)

_KEEPS_ANSWER = (DeliveryError, OutcomeUnknownError, UnexpectedResponseError)
"""Errors after which what arrived of an answer may still be of use."""


_TRANSPARENT = 0.03
"""Share of transparent pixels from which a picture's background counts as removed."""


@dataclass(frozen=True, slots=True)
class _Failure:
    """How a generation ended without a result.

    Attributes:
        state: Its state in the journal.
        error: The error's fields.
        keeps: Whether what arrived of the answer may still be of use.
    """

    state: State
    error: dict[str, Any]
    keeps: bool


class Runner:
    """Carries out new calls, and finishes those of processes that have died.

    Args:
        planner: Prepares orders.
        sender: Sends requests.
        delivery: Stores results.
        journal: Holds the entries.
        answers: Keeps what arrived.
    """

    def __init__(
        self, planner: Planner, sender: Sender, delivery: Delivery, journal: Journal, answers: Answers
    ) -> None:
        self._planner = planner
        self._sender = sender
        self._delivery = delivery
        self._journal = journal
        self._answers = answers
        self._unwritten: dict[str, _Failure] = {}
        """Failures that could not be written to the journal yet, by generation."""

    async def carry_out(self, order: Order, handles: Sequence[str], call: RunningCall) -> Finished:
        """Carry out an order. Each generation's journal entry has ended when this returns.

        Second steps are sent once all pictures are delivered and their sources are closed.

        Args:
            order: The order.
            handles: The generations' handles, one for each of `Order.generations`.
            call: Its status is kept up to date.

        Raises:
            ImageRouterError: There is no result; the message says whether money was spent.
        """
        async with AsyncExitStack() as opened:
            try:
                with _unforeseen("The call could not be prepared", NotSentError):
                    call.payer.key.client.require_key()
                    with stage("prepare"):
                        plans, amounts, sources = await self._planner.prepare(order, handles, opened)
                        source = await sources.look()
                    short = await self._sender.short_of_credits(plans[: len(order.requests)], call)
            except ImageRouterError as error:
                if isinstance(error, InvalidSourceError | NotFoundError):
                    with suppress(ConfigurationError):  # the entries must end all the same
                        error.remedy = await self._earlier(order) + error.remedy
                await self._end_all(handles, error, call)
                raise
            except asyncio.CancelledError:
                await self._end_all(handles, _given_up(), call)
                raise
            count = len(order.requests)
            call.count = len(plans)
            turns = asyncio.Semaphore(1 if short else count)
            call.notes += [short] if short else []

            async def made(handle: str, plan: Plan, amount: Decimal) -> Result:
                async with turns:
                    work = self._make(handle, plan, sources, call, source)
                    return await self._concluded(handle, plan.model, amount, call, work)

            try:
                outcomes = await gather_outcomes(map(made, handles[:count], plans[:count], amounts[:count]))
            except asyncio.CancelledError:
                if not call.sent:  # otherwise the journal's next reader settles it
                    await self._end_all(handles, _given_up(), call)
                raise
        steps = list(zip(handles[count:], plans[count:], amounts[count:], strict=False))
        outcomes += await gather_outcomes(
            self._concluded(
                handle, plan.model, amount, call, self._cut_out(handle, plan, outcomes[place], call)
            )
            for place, (handle, plan, amount) in enumerate(steps)
        )
        follow = {count + place: place for place in range(len(steps))}
        return summed_up(call.handle, [plan.model for plan in plans], outcomes, follow)

    async def finish(self, entries: Sequence[Entry], call: RunningCall) -> Finished:
        """Finish a call that was sent and never ended, from the answers that had arrived.

        Args:
            entries: The call's open entries, owned by this process.
            call: The call, marked as sent; its status is kept up to date.

        Raises:
            ImageRouterError: Nothing was made, or none of it can be retrieved.
        """
        call.status = "Fetching what had arrived"
        outcomes = await gather_outcomes(
            self._concluded(entry.handle, entry.model, entry.reserved_usd, call, self._finish(entry, call))
            for entry in entries
        )
        return summed_up(call.handle, [entry.model for entry in entries], outcomes)

    async def still_to_record(self, entries: Sequence[Entry]) -> list[Entry]:
        """Write the failures that the journal did not take before; return the entries with a held answer.

        Another server may have taken the entries over and ended them as unknown.

        Args:
            entries: All generations of a call.

        Raises:
            ConfigurationError: The journal still cannot be written.
        """
        for entry in entries:
            await self._write_failure(entry.handle)
            if entry.state == "done":
                self._delivery.take_held(entry.handle)
        return [entry for entry in entries if self._delivery.holds(entry.handle)]

    async def _earlier(self, order: Order) -> str:
        """Name the newest call that had the prompt and the sources of a refused one; "" if there is none.

        A repeated call is joined by what its sources hold, so this is needed once a source is gone.
        """
        request = order.requests[0]
        sources = [text.strip().lower() for text in request.images]
        for entry in await to_thread.run_sync(self._journal.planned, request.prompt):
            plan = Plan.kept(entry.plan)
            if plan and [origin.lower() for origin in plan.origins[: len(sources)]] == sources:
                return (
                    f"{entry.call} is an earlier call with this prompt and these sources. {_fate(entry)} "
                    f"Call get_generation with {entry.call} first. "
                )
        return ""

    async def _make(
        self,
        handle: str,
        plan: Plan,
        sources: OpenSources,
        call: RunningCall,
        source: "Look | None",
    ) -> Result:
        with _unforeseen("The request could not be carried out", OutcomeUnknownError):
            answer = await self._sender.send(handle, plan, sources, call)
            if self._answers.shared:
                await self._sender.clean_kept(handle, call)
                await to_thread.run_sync(self._answers.share, handle)
        call.status = "Fetching the result"
        return await self._deliver(handle, plan, answer, call, source)

    async def _cut_out(self, handle: str, plan: Plan, made: Outcome, call: RunningCall) -> Result:
        """Remove the background of a picture of this call: its second step.

        Args:
            handle: The step's generation.
            plan: The step's plan, which does not name its picture yet.
            made: The outcome of the picture.
            call: Its status is kept up to date.

        Raises:
            ImageRouterError: There is nothing to remove, or the step failed.
        """
        async with AsyncExitStack() as opened:
            with _unforeseen("The second step could not be prepared", NotSentError):
                picture = await _with_background(made, plan.model)
                plan, sources = await self._planner.prepare_step(handle, plan, picture, opened)
            return await self._make(handle, plan, sources, call, None)

    async def _finish(self, entry: Entry, call: RunningCall) -> Result:
        with _unforeseen("The answer that had arrived cannot be read", OutcomeUnknownError):
            answer = self._delivery.take_held(entry.handle)
            if answer is None:
                await to_thread.run_sync(self._answers.bring, entry.handle)
                answer = await to_thread.run_sync(self._sender.kept_answer, entry.handle, call)
        with _paid(answer, "The result was made, but its journal entry cannot be read"):
            plan = Plan.from_json(entry.plan or "")
        return await self._deliver(entry.handle, plan, answer, call, again=True)

    async def _deliver(
        self,
        handle: str,
        plan: Plan,
        answer: GenerationAnswer,
        call: RunningCall,
        source: "Look | None" = None,
        *,
        again: bool = False,
    ) -> Result:
        with stage("deliver"):
            return await self._store(handle, plan, answer, call, source, again=again)

    async def _store(
        self,
        handle: str,
        plan: Plan,
        answer: GenerationAnswer,
        call: RunningCall,
        source: "Look | None",
        *,
        again: bool,
    ) -> Result:
        with _paid(answer, "The result was made, but it could not be stored"):
            stored = await self._delivery.store(handle, plan, answer, again=again)
        lies = self._delivery.places(each.image.path for each in stored)
        with _paid(answer, f"The result was made, but it could not be recorded{lies and f'; it lies{lies}'}"):
            record, notes = await self._delivery.record(
                handle, plan, answer, stored, notes=call.notes, source=source
            )
        previews = {
            image.path: each.preview
            for image, each in zip(record.images, stored, strict=True)
            if image.path and each.preview
        }
        return Result(record, plan.why, plan.estimate, notes, previews=previews)

    async def _concluded(
        self, handle: str, model: str, reserved: Decimal | None, call: RunningCall, work: Awaitable[Result]
    ) -> Result:
        """Await a result; a failure ends the generation's entry, unless it can be tried again."""
        tried_before = self._delivery.holds(handle)  # then its end is in the log and the metrics already
        try:
            result = await work
        except ImageRouterError as error:
            if error.kept:
                error.cost_usd = reserved
            if not tried_before:
                tell(failed(handle, model, error))
            if not self._delivery.holds(handle):
                await self._end(handle, error, call)
            raise
        else:
            cost = result.record.cost_usd
            if not tried_before:
                tell(GenerationEnded(generation=handle, model=model, outcome="ok", cost_usd=cost))
            return result
        finally:
            call.one_done()
            call.unrecorded |= self._delivery.holds(handle)
            with anyio.CancelScope(shield=True):
                await self._sender.clean_kept(handle, call)

    async def _end_all(self, handles: Sequence[str], error: ImageRouterError, call: RunningCall) -> None:
        for handle in handles:
            await self._end(handle, error, call)

    async def _end(self, handle: str, error: ImageRouterError, call: RunningCall) -> None:
        """Enter a failure into the journal; if it cannot be written now, `still_to_record` writes it."""
        keeps = isinstance(error, _KEEPS_ANSWER)
        kept = await to_thread.run_sync(self._answers.keep, handle) if keeps else None
        if kept:
            error.remedy += f" What arrived of the answer is kept{self._delivery.places([kept])}."
        self._unwritten[handle] = _Failure(_end_state(error), error.as_fields(), keeps)
        try:
            await self._write_failure(handle)
        except ConfigurationError:
            call.unrecorded = True

    async def _write_failure(self, handle: str) -> None:
        failure = self._unwritten.get(handle)
        if failure is None:
            return
        await to_thread.run_sync(self._journal.end, handle, failure.state, failure.error)
        self._unwritten.pop(handle, None)
        if not failure.keeps:
            await to_thread.run_sync(self._answers.discard, handle)
            await to_thread.run_sync(self._delivery.discard_source, handle)


@contextmanager
def _unforeseen(what: str, failure: type[ImageRouterError]) -> Generator[None]:
    """Turn an unexpected exception into an error that says what happened and whether it was charged."""
    try:
        yield
    except ImageRouterError:
        raise
    except Exception as error:  # the boundary: see the module's docstring
        logger.exception("%s", what)
        remedy = "Report the log of this server."
        if failure is not NotSentError:
            remedy = f"Look at https://imagerouter.io before you ask for it again. {remedy}"
        raise failure(f"{what} ({type(error).__name__}).", remedy) from error


@contextmanager
def _paid(answer: GenerationAnswer, what: str) -> Generator[None]:
    """Like `_unforeseen`, for work on an answer that has arrived: each failure says what it cost."""
    try:
        with _unforeseen(what, DeliveryError):
            yield
    except ImageRouterError as error:
        error.costing(answer.cost)
        raise


async def _with_background(made: Outcome, remover: str) -> str:
    """Return the handle of a picture whose background is to be removed.

    Raises:
        NotNeededError: There is no picture, or it has no background.
        NotSentError: The picture has not arrived.
    """
    from imagerouter_mcp.images.pixels.comparison import look_at  # noqa: PLC0415 - loads Pillow

    if isinstance(made, ImageRouterError):
        raise NotNeededError("There is no picture whose background could be removed.", "")
    image = made.record.images[0]
    if image.path is None or not image.handle:
        raise NotSentError("The picture has not arrived, so its background was not removed.", "")
    look = await decode("previews", image.path, look_at, image.path)
    if look and look.transparent >= _TRANSPARENT:
        share = f"{100 * look.transparent:.0f} %"
        raise NotNeededError(
            f"Measured: {share} of the picture is transparent, so {remover} was not asked and not paid.", ""
        )
    return image.handle


def _given_up() -> NotSentError:
    return NotSentError("The call was given up before the request left.", "Ask for it again.")


def _fate(entry: Entry) -> str:
    if entry.open:
        return "It is under way and may be charged."
    return "Its result is there." if entry.state == "done" else revived(entry.error or {}).money


def _end_state(error: ImageRouterError) -> State:
    if error.charged == "unknown":
        return "unknown"
    return "not_sent" if isinstance(error, NotSentError) else "failed"
