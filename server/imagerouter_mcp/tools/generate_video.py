"""The tool `generate_video`: make a video from text or from a picture."""

from typing import Annotated

from mcp.server.mcpserver.resolve import Resolve
from mcp.types import CallToolResult, ListRootsResult
from pydantic import Field

from imagerouter_mcp.generation.planning.request import Order, Request
from imagerouter_mcp.tools.consent import Answered, Asked, ask_person
from imagerouter_mcp.tools.declare import MAKES, tool
from imagerouter_mcp.tools.generating import generate
from imagerouter_mcp.tools.parameters import (
    Again,
    AppContext,
    AspectRatio,
    ConfirmCost,
    DryRun,
    Filename,
    Model,
    OutputDir,
    ResponseFormat,
    Size,
)
from imagerouter_mcp.tools.pictures import GenerationContent
from imagerouter_mcp.tools.roots import Roots, ask_roots

VideoPrompt = Annotated[str, Field(description="What happens: subject, motion, camera, sound.")]
StartImages = Annotated[
    list[str],
    Field(description="First frame, as in edit_image."),
]
Seconds = Annotated[float, Field(ge=0, description="Length. Default 0: the model's own.")]


async def _consent(
    *,
    ctx: AppContext,
    prompt: str,
    model: str,
    images: list[str],
    size: str,
    seconds: float,
    dry_run: bool,
) -> Asked:
    request = Request(
        kind="video", prompt=prompt, images=tuple(images), model=model, size=size, seconds=seconds
    )
    order = Order(tool="generate_video", requests=(request,))
    return await ask_person(ctx, order, dry_run=dry_run)


async def _roots(ctx: AppContext, images: list[str], output_dir: str) -> Roots:
    return await ask_roots(ctx, images, output_dir)


@tool("Generate video", MAKES)
async def generate_video(
    *,
    prompt: VideoPrompt,
    ctx: AppContext,
    consent: Annotated[Answered, Resolve(_consent)],
    roots: Annotated[ListRootsResult, Resolve(_roots)],
    model: Model = "",
    images: StartImages = [],  # noqa: B006 - read only, and a schema cannot say None
    size: Size = "auto",
    aspect_ratio: AspectRatio = "",
    seconds: Seconds = 0,
    response_format: ResponseFormat = "auto",
    output_dir: OutputDir = "",
    filename: Filename = "",
    dry_run: DryRun = False,
    again: Again = False,
    confirm_cost: ConfirmCost = False,
) -> Annotated[CallToolResult, GenerationContent]:
    """Make a video clip or animation from text or a picture; takes minutes. Costs credits, far more."""
    request = Request(
        kind="video",
        prompt=prompt,
        model=model,
        images=tuple(images),
        size=size,
        aspect_ratio=aspect_ratio,
        seconds=seconds,
        response_format=response_format,
        output_dir=output_dir,
        filename=filename,
    )
    order = Order(tool="generate_video", requests=(request,), again=again)
    return await generate(ctx, order, consent, roots, confirm_cost=confirm_cost, dry_run=dry_run)
