"""What the generation tools share: carry out the order, report progress, answer in time."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from mcp.types import CallToolResult

from imagerouter_mcp.generation.planning.request import Order
from imagerouter_mcp.tools.consent import Answered, agreed
from imagerouter_mcp.tools.inline_preview import PreviewChoice
from imagerouter_mcp.tools.parameters import AppContext

if TYPE_CHECKING:
    from imagerouter_mcp.generation.calls.calls import Progress
    from imagerouter_mcp.generation.calls.outcome import Finished, Pending

_OPENCLAW = "openclaw-bundle-mcp"
"""OpenClaw's name for itself as a client. It cuts results at 20,000 characters and shows no picture in the
chat but those that a `MEDIA:` line in the agent's own reply names."""


async def generate(
    ctx: AppContext,
    order: Order,
    consent: Answered,
    *,
    confirm_cost: bool,
    preview: PreviewChoice = "none",
    dry_run: bool = False,
) -> CallToolResult:
    """Carry out an order; if it takes longer than the host waits, answer how to collect it.

    Args:
        ctx: The call's context.
        order: What is asked for.
        consent: What the person answered about the price.
        confirm_cost: Whether the agent says that the person agreed to the price.
        preview: As the caller chose it.
        dry_run: Only answer what the order would send and cost.

    Raises:
        BudgetError: The person did not agree to the price.
    """
    app = ctx.request_context.lifespan_context
    confirmed = agreed(consent, confirm_cost=confirm_cost, ctx=ctx)
    if dry_run:
        from imagerouter_mcp.tools.unmade_result import plan_result

        return plan_result(await app.planner.dry_run(order), len(order.requests), order.kind)
    order = replace(order, confirmed=confirmed)
    outcome = await app.calls.ask(order, app.settings.wait_seconds, progress_of(ctx))
    return await outcome_result(ctx, outcome, preview)


async def outcome_result(
    ctx: AppContext, outcome: "Finished | Pending", preview: PreviewChoice
) -> CallToolResult:
    """Answer what a call made, or that it goes on.

    Args:
        ctx: The call's context.
        outcome: What the call made so far.
        preview: As the caller chose it.
    """
    from imagerouter_mcp.generation.calls.outcome import Pending
    from imagerouter_mcp.tools.unmade_result import pending_result

    if isinstance(outcome, Pending):
        return pending_result(outcome)
    app = ctx.request_context.lifespan_context
    result = await _done(ctx, outcome, preview)
    # The last await: a call that is cancelled before it has not been answered and is answered again later.
    await app.calls.note_delivered(outcome.call)
    return result


def progress_of(ctx: AppContext) -> "Progress":
    """Return a function that reports progress to the host, in seconds since now: the number has to grow."""
    began = time.monotonic()

    async def progress(what: str) -> None:
        await ctx.report_progress(time.monotonic() - began, message=what)

    return progress


async def _done(ctx: AppContext, finished: "Finished", preview: PreviewChoice) -> CallToolResult:
    """Word a finished call for the host that asked."""
    from imagerouter_mcp.tools.generation_result import done_result
    from imagerouter_mcp.tools.media_lines import media_lines

    app = ctx.request_context.lifespan_context
    settings, links = app.settings, app.links
    client = ctx.session.client_params
    openclaw = client is not None and client.client_info.name == _OPENCLAW
    if preview == "auto":
        preview = "none" if openclaw else settings.preview
    media: list[str] = []
    if openclaw or settings.media_lines:
        images = [image for made in finished.results for image in made.record.images]
        media = media_lines(images, links, openclaw=openclaw)
    return await done_result(finished, preview, media, links)
