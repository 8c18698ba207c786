"""What the generation tools share: carry out the order, report progress, respond in time."""

import time
from typing import TYPE_CHECKING

from mcp.types import CallToolResult

from imagerouter_mcp.generation.calls.outcome import Finished, Pending
from imagerouter_mcp.generation.planning.request import Order
from imagerouter_mcp.tools.hosts import host_result, seconds_to_wait
from imagerouter_mcp.tools.parameters import AppContext
from imagerouter_mcp.tools.results import PreviewChoice, pending_result, plan_result

if TYPE_CHECKING:
    from imagerouter_mcp.generation.calls.calls import Progress


async def make(ctx: AppContext, order: Order, preview: PreviewChoice) -> CallToolResult:
    """Carry out an order; if it takes longer than the host waits, say how to collect it.

    Args:
        ctx: The call's context.
        order: What is asked for.
        preview: As the caller said.
    """
    app = ctx.request_context.lifespan_context
    outcome = await app.calls.ask(order, seconds_to_wait(ctx), progress_of(ctx))
    return await respond(ctx, outcome, preview)


async def tell_plan(ctx: AppContext, order: Order) -> CallToolResult:
    """Say what an order would send, and what it may cost.

    Args:
        ctx: The call's context.
        order: What is asked for.
    """
    plan = await ctx.request_context.lifespan_context.planner.dry_run(order)
    return plan_result(plan, len(order.requests), order.kind)


async def respond(ctx: AppContext, outcome: Finished | Pending, preview: PreviewChoice) -> CallToolResult:
    """Turn what came of a call into a tool's result, and note that it was delivered.

    Args:
        ctx: The call's context.
        outcome: What came of it.
        preview: As the caller said.
    """
    if isinstance(outcome, Pending):
        return pending_result(outcome)
    result = await host_result(ctx, outcome, preview)
    # The last thing to await: a call that is cancelled before this counts as not delivered.
    await ctx.request_context.lifespan_context.calls.note_delivered(outcome.call)
    return result


def progress_of(ctx: AppContext) -> "Progress":
    """Return what reports progress to the host; its number, which must grow, is the seconds since now."""
    began = time.monotonic()

    async def progress(what: str) -> None:
        await ctx.report_progress(time.monotonic() - began, message=what)

    return progress
