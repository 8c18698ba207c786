"""What the generation tools share: run the request, report progress, word the answer for this host."""

import time

from mcp.types import CallToolResult

from imagerouter_mcp.generation.request import ImageRequest
from imagerouter_mcp.generation.run import generate
from imagerouter_mcp.tools.parameters import StudioContext
from imagerouter_mcp.tools.results import PreviewChoice, generation_result

OPENCLAW = "openclaw-bundle-mcp"
"""OpenClaw's name for itself as a client. It cuts results, and relays no picture to the chat, only what a
`MEDIA:` line in the agent's own reply names."""


async def make(ctx: StudioContext, request: ImageRequest, preview: PreviewChoice) -> CallToolResult:
    """Run one request for a tool.

    Args:
        ctx: The call's context.
        request: What is asked for.
        preview: "auto", "none" or "large", as the caller said.
    """
    studio = ctx.request_context.lifespan_context
    began = time.monotonic()

    async def progress(what: str) -> None:
        elapsed = time.monotonic() - began
        await ctx.report_progress(elapsed, message=f"{what}, {elapsed:.0f} s")

    generation = await generate(studio, request, progress)
    in_chat = client_name(ctx) == OPENCLAW
    if preview == "auto":
        preview = "none" if in_chat else studio.settings.preview
    return await generation_result(generation, preview, media_lines=in_chat or studio.settings.media_lines)


def client_name(ctx: StudioContext) -> str | None:
    """What the host calls itself, when it says."""
    params = ctx.session.client_params
    return params.client_info.name if params and params.client_info else None
