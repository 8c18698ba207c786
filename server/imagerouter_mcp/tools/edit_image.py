"""The tool `edit_image`: change or combine pictures."""

from typing import Annotated

from mcp.server.mcpserver.resolve import Resolve
from mcp.types import CallToolResult, ListRootsResult

from imagerouter_mcp.errors import PlanError
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
    Images,
    Instruction,
    KeepOutside,
    Mask,
    Model,
    OutputDir,
    OutputFormat,
    Preview,
    Quality,
    ResponseFormat,
    Size,
)
from imagerouter_mcp.tools.pictures import GenerationContent
from imagerouter_mcp.tools.roots import Roots, ask_roots


async def _consent(
    *,
    ctx: AppContext,
    prompt: str,
    images: list[str],
    mask: str,
    keep_outside: bool,
    model: str,
    size: str,
    background: str,
    n: int,
    dry_run: bool,
) -> Asked:
    request = Request(
        prompt=prompt,
        images=tuple(images),
        mask=mask,
        keep_outside=keep_outside,
        model=model,
        size=size,
        background=background,
    )
    order = Order(tool="edit_image", requests=(request,) * n)
    return await ask_person(ctx, order, dry_run=dry_run)


async def _roots(ctx: AppContext, images: list[str], mask: str, output_dir: str) -> Roots:
    return await ask_roots(ctx, (*images, mask), output_dir)


@tool("Edit image", MAKES)
async def edit_image(
    *,
    images: Images,
    ctx: AppContext,
    consent: Annotated[Answered, Resolve(_consent)],
    roots: Annotated[ListRootsResult, Resolve(_roots)],
    prompt: Instruction = "",
    mask: Mask = "",
    keep_outside: KeepOutside = True,
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
    """Change pictures: retouch a photo, remove a background, combine, restyle, upscale, cut out.

    Costs credits.
    """
    if not images:
        raise PlanError("There is no source image.", "Give at least one in `images`, or use generate_image.")
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
        images=tuple(images),
        mask=mask,
        keep_outside=keep_outside,
        output_dir=output_dir,
        filename=filename,
    )
    order = Order(tool="edit_image", requests=(request,) * n, again=again)
    return await generate(
        ctx, order, consent, roots, confirm_cost=confirm_cost, preview=preview, dry_run=dry_run
    )
