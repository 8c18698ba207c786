"""The tool `get_generation`: what came of a call that was still under way when it was answered."""

from typing import Annotated

from mcp.types import CallToolResult
from pydantic import Field

from imagerouter_mcp.tools.hosts import seconds_to_wait
from imagerouter_mcp.tools.making import progress_of, respond
from imagerouter_mcp.tools.parameters import AppContext, Preview

GenerationHandle = Annotated[
    str, Field(description="Handle from the answer of a generation tool (gen_7f3a).")
]
Wait = Annotated[
    float, Field(ge=0, description="Seconds to wait for it at most. Default 45, which is also the most.")
]


async def get_generation(
    *, generation: GenerationHandle, ctx: AppContext, wait: Wait = 45, preview: Preview = "auto"
) -> CallToolResult:
    """Collect a picture or video that was not done in time. Free of charge, however often."""
    calls = ctx.request_context.lifespan_context.calls
    seconds = min(wait, seconds_to_wait(ctx))
    return await respond(ctx, await calls.collect(generation, seconds, progress_of(ctx)), preview)
