"""The tool `preview_mask`: what an edit with a mask would change."""

from typing import Annotated, Any

from anyio import to_thread
from mcp.types import CallToolResult, ContentBlock
from pydantic import Field

from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.generation.planning.request import Request
from imagerouter_mcp.tools.parameters import AppContext, Mask
from imagerouter_mcp.tools.results import image_block, text_block

Source = Annotated[str, Field(description='The picture, in any form that edit_image takes. Default "last".')]

MASK_SCHEMA: dict[str, Any] = {"type": "object", "properties": {"changed_percent": {"type": "number"}}}
"""Of the structured content: {changed_percent, width, height, notes}, the size in pixels."""


async def preview_mask(*, mask: Mask, ctx: AppContext, image: Source = "last") -> CallToolResult:
    """Show which part of a picture an edit with this mask would change. Free of charge."""
    from imagerouter_mcp.images.mask_preview import share, show_mask

    request = Request(prompt="", images=(image,), mask=mask)
    async with ctx.request_context.lifespan_context.sources.opened(request) as sources:
        if sources.mask is None:
            raise PlanError("There is no mask.", 'Give one in `mask`, such as "box:0,0,100%,50%".')
        source = sources.images[0]
        preview = await to_thread.run_sync(show_mask, source.file, sources.mask)
        percent = round(100 * await to_thread.run_sync(share, sources.mask), 1)
        width, height = source.width, source.height
    changes = f"{percent:g} % of the {width}×{height} picture would change: the tinted part."
    text = " ".join((changes, *sources.notes))
    blocks: list[ContentBlock] = [text_block([text]), image_block(preview)]
    fields = {"changed_percent": percent, "width": width, "height": height, "notes": list(sources.notes)}
    return CallToolResult(content=blocks, structured_content=fields)
