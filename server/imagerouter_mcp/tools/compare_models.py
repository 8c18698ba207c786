"""The tool `compare_models`: make the same picture with several models."""

from dataclasses import replace
from typing import Annotated

from mcp.server.mcpserver.resolve import Resolve
from mcp.types import CallToolResult, ListRootsResult
from pydantic import Field, WithJsonSchema

from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.generation.planning.request import Order, Request
from imagerouter_mcp.money import usd
from imagerouter_mcp.tools.consent import Answered, Asked, ask_person
from imagerouter_mcp.tools.declare import MAKES, tool
from imagerouter_mcp.tools.generating import generate
from imagerouter_mcp.tools.parameters import (
    Again,
    AppContext,
    AspectRatio,
    ConfirmCost,
    OutputDir,
    Preview,
    Prompt,
    Quality,
    Size,
)
from imagerouter_mcp.tools.pictures import GenerationContent
from imagerouter_mcp.tools.roots import Roots, ask_roots

FEWEST, MOST = 2, 6

Models = Annotated[list[str], Field(description="2 to 6 model ids.")]
MaxCost = Annotated[
    float | None,
    Field(ge=0, description="Refuse if all may cost more."),
    WithJsonSchema({"type": "number", "minimum": 0}),  # left out, never null
]


async def _consent(ctx: AppContext, prompt: str, models: list[str], size: str) -> Asked:
    request = Request(prompt=prompt, size=size)
    return await ask_person(ctx, Order(tool="compare_models", requests=_with_each(request, models)))


async def _roots(ctx: AppContext, output_dir: str) -> Roots:
    return await ask_roots(ctx, (), output_dir)


@tool("Compare models", MAKES)
async def compare_models(
    *,
    prompt: Prompt,
    models: Models,
    ctx: AppContext,
    consent: Annotated[Answered, Resolve(_consent)],
    roots: Annotated[ListRootsResult, Resolve(_roots)],
    max_cost_usd: MaxCost = None,
    size: Size = "auto",
    aspect_ratio: AspectRatio = "",
    quality: Quality = "auto",
    output_dir: OutputDir = "",
    preview: Preview = "auto",
    again: Again = False,
    confirm_cost: ConfirmCost = False,
) -> Annotated[CallToolResult, GenerationContent]:
    """Make one picture with several models, to choose. Costs credits for each."""
    if len(set(models)) != len(models) or not FEWEST <= len(models) <= MOST:
        were = "was" if len(models) == 1 else "were"
        raise PlanError(
            f"A comparison takes {FEWEST} to {MOST} different models; {len(models)} {were} named.",
            "Name that many; popular_models and search_models find them.",
        )
    request = Request(
        prompt=prompt, size=size, aspect_ratio=aspect_ratio, quality=quality, output_dir=output_dir
    )
    order = Order(
        tool="compare_models",
        requests=_with_each(request, models),
        max_cost_usd=None if max_cost_usd is None else usd(max_cost_usd),
        again=again,
    )
    return await generate(ctx, order, consent, roots, confirm_cost=confirm_cost, preview=preview)


def _with_each(request: Request, models: list[str]) -> tuple[Request, ...]:
    return tuple(replace(request, model=model) for model in models)
