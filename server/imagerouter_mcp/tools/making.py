"""What the generation tools share: carry out the order, report progress meanwhile, answer in time."""

import time

from mcp.types import CallToolResult

from imagerouter_mcp.generation.request import Batch, Order, Pending, Progress
from imagerouter_mcp.tools.hosts import answer, answer_within
from imagerouter_mcp.tools.parameters import StudioContext
from imagerouter_mcp.tools.results import PreviewChoice, pending_result, plan_result


async def make(ctx: StudioContext, order: Order, preview: PreviewChoice) -> CallToolResult:
    """Carry out an order for a tool; when it takes longer than the host waits, say how to collect it.

    Args:
        ctx: The call's context.
        order: What is asked for.
        preview: As the caller said.
    """
    studio = ctx.request_context.lifespan_context
    outcome = await studio.calls.ask(order, answer_within(ctx), progress_of(ctx))
    return await answered(ctx, outcome, preview)


async def tell_plan(ctx: StudioContext, order: Order) -> CallToolResult:
    """Tell what an order would send, and what it may cost.

    Args:
        ctx: The call's context.
        order: What is asked for.
    """
    from imagerouter_mcp.generation.run import plan_only

    plan = await plan_only(ctx.request_context.lifespan_context, order.requests[0])
    return plan_result(plan, len(order.requests), order.kind)


async def answered(ctx: StudioContext, outcome: Batch | Pending, preview: PreviewChoice) -> CallToolResult:
    """Word what came of a call, and note that it was told.

    Args:
        ctx: The call's context.
        outcome: What came of it.
        preview: As the caller said.
    """
    if isinstance(outcome, Pending):
        return pending_result(outcome)
    result = await answer(ctx, outcome, preview)
    # The last thing that is waited for: a call that was cancelled before counts as untold.
    await ctx.request_context.lifespan_context.calls.told(outcome.call)
    return result


def progress_of(ctx: StudioContext) -> Progress:
    """What tells the host that the work goes on; the number, which must grow, is of seconds since now."""
    began = time.monotonic()

    async def progress(what: str) -> None:
        await ctx.report_progress(time.monotonic() - began, message=what)

    return progress
