"""The tool `show_image`: a picture made earlier, once more."""

from dataclasses import replace
from typing import Annotated

from mcp.types import CallToolResult
from pydantic import Field

from imagerouter_mcp.generation.calls.outcome import Finished, Result
from imagerouter_mcp.tools.making import respond
from imagerouter_mcp.tools.parameters import AppContext, Preview

Handle = Annotated[str, Field(description='Handle of a picture (img_7f3a), or "last" (default).')]


async def show_image(
    *, ctx: AppContext, handle: Handle = "last", preview: Preview = "auto"
) -> CallToolResult:
    """Show a picture made earlier: path, link, cost, preview. Fetches it again if its file is missing.

    Free of charge.
    """
    image, record, notes = await ctx.request_context.lifespan_context.delivery.restore(handle)
    shown = Result(replace(record, images=(image,)), notes=notes)
    return await respond(ctx, Finished(record.generation, (shown,)), preview)
