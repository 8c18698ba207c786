"""The tool `get_generation`: collect what a call made after it was answered."""

from dataclasses import replace
from typing import Annotated

from mcp.types import CallToolResult
from pydantic import Field

from imagerouter_mcp.tools.declare import RESTORES, tool
from imagerouter_mcp.tools.generating import outcome_result, progress_of
from imagerouter_mcp.tools.parameters import AppContext, Preview
from imagerouter_mcp.tools.pictures import GenerationContent

GenerationHandle = Annotated[str, Field(description="Such as gen_7f3a.")]
Wait = Annotated[float, Field(ge=0, description="Seconds, at most 45. Default 45.")]


@tool("Get generation", RESTORES)
async def get_generation(
    *, generation: GenerationHandle, ctx: AppContext, wait: Wait = 45, preview: Preview = "auto"
) -> Annotated[CallToolResult, GenerationContent]:
    """Collect a picture or video that was not done in time. Free."""
    from imagerouter_mcp.generation.calls.outcome import Finished

    app = ctx.request_context.lifespan_context.present()
    seconds = min(wait, app.settings.wait_seconds)
    outcome = await app.calls.collect(generation, seconds, progress_of(ctx))
    if isinstance(outcome, Finished):
        outcome = replace(outcome, shown=True)
    return await outcome_result(ctx, outcome, preview)
