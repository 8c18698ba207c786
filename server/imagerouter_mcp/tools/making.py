"""What the generation tools share: run the request, and report progress meanwhile."""

import time

from mcp.types import CallToolResult

from imagerouter_mcp.generation.request import ImageRequest
from imagerouter_mcp.tools.hosts import answer
from imagerouter_mcp.tools.parameters import StudioContext
from imagerouter_mcp.tools.results import PreviewChoice


async def make(ctx: StudioContext, request: ImageRequest, preview: PreviewChoice) -> CallToolResult:
    """Run one request for a tool.

    Args:
        ctx: The call's context.
        request: What is asked for.
        preview: As the caller said.
    """
    from imagerouter_mcp.generation.run import generate  # noqa: PLC0415 - httpx waits for the first call

    began = time.monotonic()

    async def progress(what: str) -> None:
        elapsed = time.monotonic() - began
        await ctx.report_progress(elapsed, message=f"{what}, {elapsed:.0f} s")

    return await answer(ctx, await generate(ctx.request_context.lifespan_context, request, progress), preview)
