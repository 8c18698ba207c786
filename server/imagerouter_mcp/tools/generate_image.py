"""The tool `generate_image`: a picture from text."""

from mcp.types import CallToolResult

from imagerouter_mcp.generation.request import ImageRequest
from imagerouter_mcp.tools.making import make
from imagerouter_mcp.tools.parameters import (
    AspectRatio,
    Count,
    DryRun,
    Filename,
    Model,
    OutputDir,
    OutputFormat,
    Preview,
    Prompt,
    Quality,
    ResponseFormat,
    Size,
    StudioContext,
)


async def generate_image(
    *,
    prompt: Prompt,
    ctx: StudioContext,
    model: Model = "",
    size: Size = "auto",
    aspect_ratio: AspectRatio = "",
    quality: Quality = "auto",
    output_format: OutputFormat = "auto",
    response_format: ResponseFormat = "auto",
    output_dir: OutputDir = "",
    filename: Filename = "",
    n: Count = 1,
    preview: Preview = "auto",
    dry_run: DryRun = False,
) -> CallToolResult:
    """Make a new picture from text: photo, illustration, logo, icon, drawing, poster, diagram.

    Saves the file, answers with its path, link, handle and cost. Costs credits on each call; free models
    end in :free.
    """
    request = ImageRequest(
        prompt=prompt,
        model=model,
        size=size,
        aspect_ratio=aspect_ratio,
        quality=quality,
        output_format=output_format,
        response_format=response_format,
        output_dir=output_dir,
        filename=filename,
    )
    return await make(ctx, request, n, preview, dry_run=dry_run)
