"""What the generation tools share: run the request, and report progress meanwhile."""

import time

from mcp.types import CallToolResult

from imagerouter_mcp.generation.request import ImageRequest, Progress
from imagerouter_mcp.tools.hosts import answer
from imagerouter_mcp.tools.parameters import StudioContext
from imagerouter_mcp.tools.results import PreviewChoice, plan_result


async def make(
    ctx: StudioContext, request: ImageRequest, count: int, preview: PreviewChoice, *, dry_run: bool
) -> CallToolResult:
    """Run one request for a tool.

    Args:
        ctx: The call's context.
        request: What is asked for.
        count: How many pictures.
        preview: As the caller said.
        dry_run: Whether to tell the plan only.
    """
    from imagerouter_mcp.generation.run import generate, plan_only

    studio = ctx.request_context.lifespan_context
    if dry_run:
        return plan_result(await plan_only(studio, request), count)
    return await answer(ctx, await generate(studio, request, count, progress_of(ctx)), preview)


def progress_of(ctx: StudioContext) -> Progress:
    """What tells the host that the work goes on, with the seconds since now."""
    began = time.monotonic()

    async def progress(what: str) -> None:
        elapsed = time.monotonic() - began
        await ctx.report_progress(elapsed, message=f"{what}, {elapsed:.0f} s")

    return progress
