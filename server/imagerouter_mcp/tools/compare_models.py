"""The tool `compare_models`: one prompt, several models, side by side."""

from typing import Annotated

from mcp.types import CallToolResult
from pydantic import Field

from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.generation.request import ImageRequest
from imagerouter_mcp.tools.hosts import answer
from imagerouter_mcp.tools.making import progress_of
from imagerouter_mcp.tools.parameters import (
    AspectRatio,
    OutputDir,
    Preview,
    Prompt,
    Quality,
    Size,
    StudioContext,
)

FEWEST, MOST = 2, 6

Models = Annotated[list[str], Field(description="2 to 6 model ids.")]
MaxCost = Annotated[
    float,
    Field(ge=-1, description="Refuse if all together may cost more, in USD. Default -1: no limit."),
]


async def compare_models(
    *,
    prompt: Prompt,
    models: Models,
    ctx: StudioContext,
    max_cost_usd: MaxCost = -1,
    size: Size = "auto",
    aspect_ratio: AspectRatio = "",
    quality: Quality = "auto",
    output_dir: OutputDir = "",
    preview: Preview = "auto",
) -> CallToolResult:
    """Make the same picture with several models to choose between them. Costs credits for each."""
    from imagerouter_mcp.generation.run import compare

    if len(set(models)) != len(models) or not FEWEST <= len(models) <= MOST:
        raise PlanError(
            f"A comparison takes {FEWEST} to {MOST} different models; {len(models)} were named.",
            "Name that many; popular_models and search_models find them.",
        )
    request = ImageRequest(
        prompt=prompt, size=size, aspect_ratio=aspect_ratio, quality=quality, output_dir=output_dir
    )
    studio = ctx.request_context.lifespan_context
    return await answer(ctx, await compare(studio, request, models, max_cost_usd, progress_of(ctx)), preview)
