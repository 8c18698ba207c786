"""The tool `show_image`: show a picture made earlier."""

from dataclasses import replace
from typing import Annotated

from mcp.types import CallToolResult
from pydantic import Field

from imagerouter_mcp.tools.declare import RESTORES, tool
from imagerouter_mcp.tools.generating import outcome_result, session_of
from imagerouter_mcp.tools.parameters import AppContext, Preview
from imagerouter_mcp.tools.pictures import GenerationContent

Handle = Annotated[str, Field(description='Such as img_7f3a. Default "last".')]


@tool("Show image", RESTORES)
async def show_image(
    *, ctx: AppContext, handle: Handle = "last", preview: Preview = "auto"
) -> Annotated[CallToolResult, GenerationContent]:
    """Show an earlier picture again; downloads a missing file. Free."""
    from imagerouter_mcp.generation.calls.outcome import Finished, Result
    from imagerouter_mcp.generation.handles import is_last, number_of

    app = ctx.request_context.lifespan_context.present()
    if number := number_of(handle):
        raise (await app.sources.last_made(session_of(ctx))).numbered(number)
    if is_last(handle):
        handle = (await app.sources.last_made(session_of(ctx))).only(video=True)[0].handle
    image, record, notes = await app.lost_files.restore(handle)
    shown = Result(replace(record, images=(image,)), notes=notes)
    return await outcome_result(ctx, Finished(record.generation, (shown,), shown=True), preview, newest=False)
