"""The tool `show_image`: show a picture made earlier."""

from dataclasses import replace
from typing import Annotated

from mcp.types import CallToolResult
from pydantic import Field

from imagerouter_mcp.generation.request import Batch, Generation
from imagerouter_mcp.tools.declare import RESTORES, tool
from imagerouter_mcp.tools.generating import outcome_result
from imagerouter_mcp.tools.generation_result import GenerationContent
from imagerouter_mcp.tools.parameters import Preview, StudioContext

Handle = Annotated[str, Field(description='Handle of a picture (img_7f3a), or "last" (default).')]


@tool("Show image", RESTORES)
async def show_image(
    *, ctx: StudioContext, handle: Handle = "last", preview: Preview = "auto"
) -> Annotated[CallToolResult, GenerationContent]:
    """Show a picture made earlier: path, link, cost, preview. Fetches it again if its file is missing.

    Free of charge.
    """
    from imagerouter_mcp.generation.recall import recall

    image, record, notes = await recall(ctx.request_context.lifespan_context, handle)
    shown = Generation(replace(record, images=(image,)), notes=notes)
    return await outcome_result(ctx, Batch(record.generation, (shown,)), preview)
