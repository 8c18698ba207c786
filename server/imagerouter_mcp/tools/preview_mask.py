"""The tool `preview_mask`: show what an edit with a mask would change."""

from dataclasses import replace
from typing import Annotated, TypedDict

from mcp.server.mcpserver.resolve import Resolve
from mcp.types import CallToolResult, ListRootsResult
from pydantic import Field

from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.generation.planning.request import Order, Request
from imagerouter_mcp.tools.declare import READS, tool
from imagerouter_mcp.tools.generating import session_of
from imagerouter_mcp.tools.inline_preview import image_block
from imagerouter_mcp.tools.parameters import AppContext
from imagerouter_mcp.tools.roots import Roots, ask_roots, within_roots
from imagerouter_mcp.tools.structured import tool_result

Source = Annotated[str, Field(description='Picture, as in edit_image. Default "last".')]
PreviewedMask = Annotated[str, Field(description="As in edit_image.")]


class MaskContent(TypedDict):
    """How much of a picture would change; the size is the picture's, in pixels.

    `sent_box` is the part that would be sent: x, y, width, height.
    """

    changed_percent: float
    width: int
    height: int
    sent_box: list[int]
    notes: list[str]


async def _roots(ctx: AppContext, image: str, mask: str) -> Roots:
    return await ask_roots(ctx, (image, mask))


@tool("Preview mask", READS)
async def preview_mask(
    *,
    mask: PreviewedMask,
    ctx: AppContext,
    roots: Annotated[ListRootsResult, Resolve(_roots)],
    image: Source = "last",
) -> Annotated[CallToolResult, MaskContent]:
    """Show which part of a picture an edit with this mask would change. Free."""
    from imagerouter_mcp.api.model_list import ModelEntry
    from imagerouter_mcp.generation.planning.cuts import cut_around
    from imagerouter_mcp.generation.sources import with_last
    from imagerouter_mcp.images.masks.painting import covered_share, mask_preview
    from imagerouter_mcp.images.workers import decode

    app = ctx.request_context.lifespan_context.present()
    order = Order(tool="preview_mask", requests=(Request(prompt="", images=(image,), mask=mask),))
    order = replace(await within_roots(order, roots), session=session_of(ctx))
    if made := await app.sources.last_of(order):
        order = with_last(order, made)
    async with app.sources.opened(order.requests[0]) as sources:
        if sources.mask is None:
            raise PlanError("There is no mask.", 'Give one in `mask`, such as "box:0,0,100%,50%".')
        source, masked = sources.whole, sources.masked
        if source is None or masked is None:
            raise PlanError("There is no picture.", "Give one in `image`.")
        cut = cut_around(masked.region, masked.size, ModelEntry(""))
        drawn = await decode("previews", None, sources.mask.read)
        preview = await decode("previews", source.file, mask_preview, source.file, drawn, cut.box)
        percent = round(100 * await decode("previews", None, covered_share, drawn), 1)
        width, height = masked.size
    changes = f"{percent:g} % of the {width}×{height} picture would change: the tinted part."
    left, top, right, bottom = cut.box
    framed = right - left, bottom - top
    sent = (
        "The whole picture would be sent."
        if framed == masked.size
        else f"Only what is inside the frame would be sent, about {framed[0]}×{framed[1]}."
    )
    text = " ".join((changes, sent, *sources.notes))
    content = MaskContent(
        changed_percent=percent,
        width=width,
        height=height,
        sent_box=[left, top, *framed],
        notes=list(sources.notes),
    )
    return tool_result([text], content, image_block(preview))
