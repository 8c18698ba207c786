"""The tool `finish_image`: what needs no model."""

from dataclasses import replace
from typing import Annotated

from mcp.server.mcpserver.resolve import Resolve
from mcp.types import CallToolResult, ListRootsResult
from pydantic import Field

from imagerouter_mcp.generation.planning.request import Order, Request
from imagerouter_mcp.tools.declare import MAKES, tool
from imagerouter_mcp.tools.generating import outcome_result, session_of
from imagerouter_mcp.tools.parameters import AppContext, OutputDir, Preview
from imagerouter_mcp.tools.pictures import GenerationContent
from imagerouter_mcp.tools.roots import Roots, ask_roots, within_roots

Finished = Annotated[list[str], Field(description="1 to 16, as in edit_image.")]
Steps = Annotated[
    list[str],
    Field(
        description="In order: crop 16:9, trim, resize 1200x630, pad 1:1 blur, rotate 90, flip, "
        "flatten white, grey, cutout, convert webp 80, convert jpeg 200kB, grid, before-after, "
        "animate gif 500ms, favicon, app-icons, social."
    ),
]
Named = Annotated[str, Field(description="File name, no folder. Default: the picture's own.")]


async def _roots(ctx: AppContext, images: list[str], output_dir: str) -> Roots:
    return await ask_roots(ctx, images, output_dir)


@tool("Finish image", MAKES)
async def finish_image(
    *,
    images: Finished,
    steps: Steps,
    ctx: AppContext,
    roots: Annotated[ListRootsResult, Resolve(_roots)],
    output_dir: OutputDir = "",
    filename: Named = "",
    preview: Preview = "auto",
) -> Annotated[CallToolResult, GenerationContent]:
    """Crop, resize, compress or convert pictures; make icons, collages, GIFs; remove plain backgrounds.

    Free.
    """
    from imagerouter_mcp.generation.calls.outcome import Finished, Result
    from imagerouter_mcp.generation.sources import with_last

    app = ctx.request_context.lifespan_context.present()
    request = Request(prompt="", images=tuple(images), output_dir=output_dir, filename=filename)
    order = await within_roots(Order(tool="finish_image", requests=(request,)), roots)
    order = replace(order, session=session_of(ctx))
    if made := await app.sources.last_of(order):
        order = with_last(order, made)
    record, notes = await app.step_runner.run(order.requests[0], steps)
    order_notes = () if app.typed else order.notes  # a person knows no sessions
    finished = Finished(record.generation, (Result(record, notes=(*order_notes, *notes)),))
    return await outcome_result(ctx, finished, preview)
