"""The tool `edit_image`: a picture from pictures."""

from mcp.types import CallToolResult

from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.generation.request import ImageRequest
from imagerouter_mcp.tools.making import make
from imagerouter_mcp.tools.parameters import (
    AspectRatio,
    Count,
    DryRun,
    Filename,
    Images,
    Instruction,
    Mask,
    Model,
    OutputDir,
    OutputFormat,
    Preview,
    Quality,
    ResponseFormat,
    Size,
    StudioContext,
)


async def edit_image(
    *,
    images: Images,
    ctx: StudioContext,
    prompt: Instruction = "",
    mask: Mask = "",
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
    """Change, combine, restyle, upscale or cut out existing pictures or photos.

    The source files stay as they are; the result is a new picture. Costs credits on each call.
    """
    if not images:
        raise PlanError("There is no source image.", "Give at least one in `images`, or use generate_image.")
    request = ImageRequest(
        prompt=prompt,
        model=model,
        size=size,
        aspect_ratio=aspect_ratio,
        quality=quality,
        output_format=output_format,
        response_format=response_format,
        images=tuple(images),
        mask=mask,
        output_dir=output_dir,
        filename=filename,
    )
    return await make(ctx, request, n, preview, dry_run=dry_run)
