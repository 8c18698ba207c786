"""A call from request to result: pick the models, open the sources, plan, set money aside, send, deliver."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from decimal import Decimal
from functools import partial

from anyio import to_thread

from imagerouter_mcp.errors import ConfigurationError, ImageRouterError, NotSentError
from imagerouter_mcp.gallery.entries import Planned, State
from imagerouter_mcp.generation.abreast import abreast
from imagerouter_mcp.generation.choose import WORDS, Choice, Preference
from imagerouter_mcp.generation.deliver import deliver, prepare_destination
from imagerouter_mcp.generation.job import Job
from imagerouter_mcp.generation.limits import budget_day, check_order, over_budget
from imagerouter_mcp.generation.plan import Plan, make_plan, pick_model
from imagerouter_mcp.generation.prices import Estimate, estimate
from imagerouter_mcp.generation.request import Batch, Generation, GenerationRequest, Order
from imagerouter_mcp.generation.send import Sending, send
from imagerouter_mcp.generation.sources import Sources, open_sources
from imagerouter_mcp.generation.studio import Studio
from imagerouter_mcp.generation.work import Work


async def plan_only(studio: Studio, request: GenerationRequest) -> Plan:
    """What would be sent, and what it may cost; nothing is sent.

    Raises:
        ImageRouterError: It would be refused.
    """
    choice = await _pick(studio, request)
    async with open_sources(studio, request) as sources:
        return _plan(studio, request, choice, sources)


async def expected_cost(studio: Studio, order: Order) -> Estimate | None:
    """What a call may cost, by its models alone; None when the list does not tell.

    Raises:
        ImageRouterError: It would be refused.
    """
    choices = [await _pick(studio, request) for request in order.requests]
    prices = [estimate(choice.entry) for choice in choices]
    known = [price for price in prices if price]
    if len(known) < len(prices):
        return None
    return Estimate(
        sum(price.low for price in known),
        sum(price.likely for price in known),
        sum(price.high for price in known),
    )


async def carry_out(studio: Studio, order: Order, handles: Sequence[str], work: Work) -> Batch:
    """Make what a call asks for, and put it where it belongs.

    Everything that can be refused is refused before the service is asked. Each generation's entry in the
    journal ends before this does.

    Args:
        studio: The process's parts.
        order: The call.
        handles: The generations' handles, one for each request.
        work: Told how it goes.

    Raises:
        ImageRouterError: There is no result; the sentence says whether money was spent.
    """
    async with AsyncExitStack() as opened:
        try:
            sendings = await _prepare(studio, order, handles, opened)
        except ImageRouterError as error:
            await _end_all(studio, handles, error, work)
            raise
        except asyncio.CancelledError:
            await _end_all(studio, handles, _given_up(), work)
            raise
        try:
            return await _make_all(studio, sendings, work)
        except asyncio.CancelledError:
            if not work.sent:  # else the journal's next reader settles it
                await _end_all(studio, handles, _given_up(), work)
            raise


def _given_up() -> NotSentError:
    return NotSentError("The call was given up before the request left.", "Ask for it again.")


async def _end_all(studio: Studio, handles: Sequence[str], error: ImageRouterError, work: Work) -> None:
    for handle in handles:
        await end(studio, handle, error, work)


async def _prepare(
    studio: Studio, order: Order, handles: Sequence[str], opened: AsyncExitStack
) -> list[Sending]:
    """Everything that comes before the first request leaves; the sources stay open as long as the stack."""
    studio.client.require_key()
    request = order.requests[0]
    distinct = {each.model: each for each in order.requests}
    picked = {model: await _pick(studio, each) for model, each in distinct.items()}
    sources = await opened.enter_async_context(open_sources(studio, request))
    plans = [_plan(studio, request, picked[each.model], sources) for each in order.requests]
    amounts = check_order(studio.settings, order, plans)
    destination = await to_thread.run_sync(prepare_destination, request, studio)
    sendings = [
        Sending(
            job=Job(
                handle=handle,
                call=handles[0],
                kind=each.kind,
                prompt=each.prompt,
                fields=plan.fields,
                why=plan.why,
                estimate=plan.estimate,
                destination=destination,
                origins=sources.origins,
                notes=(*plan.notes, *sources.notes),
            ),
            request=each,
            sources=sources,
            convention=plan.convention,
        )
        for handle, each, plan in zip(handles, order.requests, plans, strict=True)
    ]
    await _reserve(studio, sendings, amounts)
    return sendings


async def _pick(studio: Studio, request: GenerationRequest) -> Choice:
    settings = studio.settings
    preference = Preference(
        settings.model, settings.edit_model, settings.video_model, float(settings.auto_max_usd)
    )
    popular: Sequence[str] = ()
    if request.model.strip().lower() in WORDS:
        popular = await studio.popular_ids()
    return pick_model(request, await studio.known_models(), popular, preference)


def _plan(studio: Studio, request: GenerationRequest, choice: Choice, sources: Sources) -> Plan:
    return make_plan(
        request,
        choice,
        response_format=studio.settings.response_format,
        source=sources.size,
        listed=studio.catalogue.peek() is not None,
    )


async def _reserve(studio: Studio, sendings: Sequence[Sending], amounts: Sequence[Decimal]) -> None:
    """Set the money aside, within the day's budget."""
    planned = [
        Planned(
            handle=sending.job.handle, model=sending.job.model, reserved_usd=amount, job=sending.job.as_json()
        )
        for sending, amount in zip(sendings, amounts, strict=True)
    ]
    day = budget_day(datetime.now().astimezone())
    committed = await to_thread.run_sync(studio.journal.reserve, planned, studio.settings.budget_usd, day)
    if committed is not None:
        raise over_budget(studio.settings, sum(amounts, Decimal()), committed)


async def _make_all(studio: Studio, sendings: Sequence[Sending], work: Work) -> Batch:
    """Make all side by side; the failure of some never discards the others."""
    outcomes = await abreast([partial(_make, studio, sending, work) for sending in sendings])
    return summed_up(work.call, [sending.job.model for sending in sendings], outcomes)


def summed_up(call: str, models: Sequence[str], outcomes: Sequence[Generation | ImageRouterError]) -> Batch:
    """What came of a call.

    Args:
        call: Its handle.
        models: The model of each of its generations.
        outcomes: What came of each.

    Raises:
        ImageRouterError: Nothing was made; it is the failure that says most about money, and tells the rest.
    """
    made = tuple(outcome for outcome in outcomes if isinstance(outcome, Generation))
    failures = [
        (model, outcome)
        for model, outcome in zip(models, outcomes, strict=True)
        if isinstance(outcome, ImageRouterError)
    ]
    if not made:
        raise _worst([error for _, error in failures])
    return Batch(call, made, tuple(f"{model}: {error}" for model, error in failures))


def _worst(errors: Sequence[ImageRouterError]) -> ImageRouterError:
    worst = max(errors, key=lambda error: ("no", "unknown", "yes").index(error.charged))
    others = dict.fromkeys(str(error) for error in errors if str(error) != str(worst))
    worst.remedy = " ".join((worst.remedy, *(f"Also: {other}" for other in others)))
    return worst


async def _make(studio: Studio, sending: Sending, work: Work) -> Generation:
    job = sending.job
    try:
        answer = await send(studio, sending, work)
    except ImageRouterError as error:
        await end(studio, job.handle, error, work)
        raise
    finally:
        work.one_done()
    work.say("Fetching the result")
    return await deliver(studio, job, answer, work)


async def end(studio: Studio, handle: str, error: ImageRouterError, work: Work) -> None:
    """Enter a failure into the journal; where that cannot be written now, a later process settles it.

    Args:
        studio: Holds the journal.
        handle: The generation's.
        error: Why there is no result.
        work: Told when it could not be written.
    """
    try:
        await to_thread.run_sync(studio.journal.end, handle, _end_state(error), error.as_fields())
    except ConfigurationError:
        work.unrecorded = True


def _end_state(error: ImageRouterError) -> State:
    if error.charged == "unknown":
        return "unknown"
    return "not_sent" if isinstance(error, NotSentError) else "failed"
