"""The tool `generate_image`: make a picture from text."""

from typing import Annotated

from mcp.server.mcpserver.resolve import Resolve
from mcp.types import CallToolResult, ListRootsResult

from imagerouter_mcp.generation.planning.request import Order, Request
from imagerouter_mcp.tools.consent import Answered, Asked, ask_person
from imagerouter_mcp.tools.declare import MAKES, tool
from imagerouter_mcp.tools.generating import generate
from imagerouter_mcp.tools.parameters import (
    Again,
    AppContext,
    AspectRatio,
    Background,
    ConfirmCost,
    Count,
    DryRun,
    Filename,
    Fit,
    Model,
    OutputDir,
    OutputFormat,
    Preview,
    Prompt,
    Quality,
    ResponseFormat,
    Size,
)
from imagerouter_mcp.tools.pictures import GenerationContent
from imagerouter_mcp.tools.roots import Roots, ask_roots


async def _consent(
    *, ctx: AppContext, prompt: str, model: str, size: str, background: str, n: int, dry_run: bool
) -> Asked:
    request = Request(prompt=prompt, model=model, size=size, background=background)
    order = Order(tool="generate_image", requests=(request,) * n)
    return await ask_person(ctx, order, dry_run=dry_run)


async def _roots(ctx: AppContext, output_dir: str) -> Roots:
    return await ask_roots(ctx, (), output_dir)


@tool("Generate image", MAKES)
async def generate_image(
    *,
    prompt: Prompt,
    ctx: AppContext,
    consent: Annotated[Answered, Resolve(_consent)],
    roots: Annotated[ListRootsResult, Resolve(_roots)],
    model: Model = "",
    size: Size = "auto",
    aspect_ratio: AspectRatio = "",
    fit: Fit = "auto",
    quality: Quality = "auto",
    background: Background = "auto",
    output_format: OutputFormat = "auto",
    response_format: ResponseFormat = "auto",
    output_dir: OutputDir = "",
    filename: Filename = "",
    n: Count = 1,
    preview: Preview = "auto",
    dry_run: DryRun = False,
    again: Again = False,
    confirm_cost: ConfirmCost = False,
) -> Annotated[CallToolResult, GenerationContent]:
    """Draw a new picture from text: photo, logo, icon, sticker, poster, background, illustration.

    Costs credits.
    """
    request = Request(
        prompt=prompt,
        model=model,
        size=size,
        aspect_ratio=aspect_ratio,
        fit=fit,
        quality=quality,
        background=background,
        output_format=output_format,
        response_format=response_format,
        output_dir=output_dir,
        filename=filename,
    )
    order = Order(tool="generate_image", requests=(request,) * n, again=again)
    return await generate(
        ctx, order, consent, roots, confirm_cost=confirm_cost, preview=preview, dry_run=dry_run
    )
