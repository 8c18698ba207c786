"""A paid call from request to result: pick the model, open the sources, plan, send, deliver."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from anyio import to_thread

from imagerouter_mcp.api.wire import GenerationAnswer
from imagerouter_mcp.errors import BudgetError, ImageRouterError, InvalidRequestError
from imagerouter_mcp.generation.abreast import abreast
from imagerouter_mcp.generation.choose import WORDS, Choice, Need, Preference, examples
from imagerouter_mcp.generation.deliver import Job, deliver, prepare_destination
from imagerouter_mcp.generation.plan import Plan, make_plan, pick_model
from imagerouter_mcp.generation.prices import dollars
from imagerouter_mcp.generation.request import Batch, Generation, ImageRequest, Progress, silent
from imagerouter_mcp.generation.sources import Sources, open_sources
from imagerouter_mcp.generation.studio import Studio

AT_ONCE = 4
"""Requests side by side: the least that an account's rate limit allows is six a second."""


async def plan_only(studio: Studio, request: ImageRequest) -> Plan:
    """What `generate` would send, and what it may cost; nothing is sent.

    Raises:
        ImageRouterError: It would be refused.
    """
    choice = await _pick(studio, request)
    async with open_sources(studio, request) as sources:
        return await _plan(studio, request, choice, sources)


async def generate(
    studio: Studio, request: ImageRequest, count: int = 1, progress: Progress = silent
) -> Batch:
    """Make one picture, or several of the same, and put them where they belong.

    Everything that can be refused is refused before the service is asked.

    Args:
        studio: The process's parts.
        request: What is asked for.
        count: How many pictures; each is a request of its own.
        progress: Told at the start and at each sign of life.

    Raises:
        ImageRouterError: There is no picture; the sentence says whether money was spent.
    """
    return await _generate(studio, [request] * count, progress)


async def compare(
    studio: Studio,
    request: ImageRequest,
    models: Sequence[str],
    max_cost_usd: float,
    progress: Progress = silent,
) -> Batch:
    """Make the same picture with several models.

    Args:
        studio: The process's parts.
        request: What is asked for; its model is replaced.
        models: Ids, or words such as "cheapest".
        max_cost_usd: What all of it may cost at most, -1 for no limit.
        progress: Told at the start and at each sign of life.

    Raises:
        BudgetError: The highest prices add up to more than the limit; nothing was sent.
        ImageRouterError: There is no picture; the sentence says whether money was spent.
    """
    return await _generate(
        studio, [replace(request, model=model) for model in models], progress, max_cost_usd
    )


async def _generate(
    studio: Studio, requests: Sequence[ImageRequest], progress: Progress, max_cost_usd: float = -1
) -> Batch:
    studio.client.require_key()
    distinct = {request.model: request for request in requests}
    picked = {model: await _pick(studio, request) for model, request in distinct.items()}
    async with open_sources(studio, requests[0]) as sources:
        plans = {model: await _plan(studio, requests[0], choice, sources) for model, choice in picked.items()}
        _check_cost([plans[request.model] for request in requests], max_cost_usd)
        destination = await to_thread.run_sync(prepare_destination, requests[0], studio)
        jobs = [
            Job(each, plans[each.model], destination, sources.origins, sources.notes) for each in requests
        ]
        return await _run_all(studio, jobs, sources, progress)


async def _pick(studio: Studio, request: ImageRequest) -> Choice:
    settings = studio.settings
    preference = Preference(settings.model, settings.edit_model, settings.auto_max_usd)
    popular: Sequence[str] = ()
    if request.model.strip().lower() in WORDS:
        popular = await studio.popular_ids()
    return pick_model(request, await studio.known_models(), popular, preference)


async def _plan(studio: Studio, request: ImageRequest, choice: Choice, sources: Sources) -> Plan:
    return make_plan(
        request,
        choice,
        response_format=studio.settings.response_format,
        source=sources.size,
        listed=studio.catalogue.peek() is not None,
    )


def _check_cost(plans: Sequence[Plan], max_cost_usd: float) -> None:
    if max_cost_usd < 0:
        return
    unknown = [plan.model for plan in plans if plan.estimate is None]
    if unknown:
        raise BudgetError(
            f"The price of {', '.join(unknown)} is not known, so max_cost_usd cannot be held.",
            "Leave that model out, or leave out max_cost_usd.",
        )
    highest = sum(plan.estimate.high for plan in plans if plan.estimate)
    if highest > max_cost_usd:
        told = ", ".join(
            f"{plan.model} up to {dollars(plan.estimate.high)}" for plan in plans if plan.estimate
        )
        raise BudgetError(
            f"This may cost up to {dollars(highest)}, more than the {dollars(max_cost_usd)} allowed: {told}.",
            "Choose cheaper models (search_models with max_price), or allow more.",
        )


async def _run_all(studio: Studio, jobs: Sequence[Job], sources: Sources, progress: Progress) -> Batch:
    """Run jobs side by side; the failure of some never discards the others."""
    outcomes = await abreast([partial(_run, studio, job, sources, progress) for job in jobs], AT_ONCE)
    made = tuple(outcome for outcome in outcomes if isinstance(outcome, Generation))
    if not made:
        raise _worst([outcome for outcome in outcomes if isinstance(outcome, ImageRouterError)])
    failures = tuple(
        f"{job.plan.model}: {outcome}"
        for job, outcome in zip(jobs, outcomes, strict=True)
        if isinstance(outcome, ImageRouterError)
    )
    return Batch(made, failures)


def _worst(errors: Sequence[ImageRouterError]) -> ImageRouterError:
    """Of several failures, the one that says most about money, with the others' sentences behind it."""
    worst = max(errors, key=lambda error: ("no", "unknown", "yes").index(error.charged))
    others = dict.fromkeys(str(error) for error in errors if str(error) != str(worst))
    worst.remedy = " ".join((worst.remedy, *(f"Also: {other}" for other in others)))
    return worst


async def _run(studio: Studio, job: Job, sources: Sources, progress: Progress) -> Generation:
    await progress(f"Asking {job.plan.model}")
    return await deliver(studio, job, await _send(studio, job, sources, progress))


async def _send(studio: Studio, job: Job, sources: Sources, progress: Progress) -> GenerationAnswer:
    plan = job.plan

    async def alive() -> None:
        await progress(f"{plan.model} is working")

    try:
        if not sources.images:
            return await studio.client.generate(plan.fields, alive)
        with ExitStack() as opened:
            mask = await to_thread.run_sync(sources.mask_upload, plan.convention)
            if mask:
                opened.enter_context(mask.file)
            return await studio.client.edit(plan.fields, sources.uploads(), mask, alive)
    except InvalidRequestError as error:
        listing = studio.catalogue.peek()
        if listing and not listing.find(plan.model):
            need = Need(bool(job.request.images), bool(job.request.mask))
            error.remedy = f"Use a model of the list{examples(need, listing)}."
        raise
