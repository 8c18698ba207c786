"""The tool `search_models`: find models by words, abilities and price."""

from typing import Annotated, Literal

from mcp.types import CallToolResult
from pydantic import Field, WithJsonSchema

from imagerouter_mcp.tools.declare import READS, tool
from imagerouter_mcp.tools.listed_models import ModelsContent, listed_model, model_line
from imagerouter_mcp.tools.offered_models import limits_of, offered, restriction_notes
from imagerouter_mcp.tools.parameters import AppContext
from imagerouter_mcp.tools.structured import tool_result

Query = Annotated[str, Field(description='Such as "flux fast", "4k", "vectorize".')]
Kind = Annotated[Literal["any", "image", "video"], Field(description="What it makes.")]
Free = Annotated[bool, Field(description="Only free ones.")]
Supports = Annotated[
    list[Literal["edit", "mask", "quality"]],
    Field(description="What it must take; edit: source pictures."),
]
Vendor = Annotated[str, Field(description="Such as openai.")]
MaxPrice = Annotated[
    float | None,
    Field(ge=0, description="USD a result."),
    WithJsonSchema({"type": "number", "minimum": 0}),  # left out, never null
]
WantedSize = Annotated[str, Field(description="WIDTHxHEIGHT that it must make.")]
Sort = Annotated[Literal["relevance", "price", "date", "name", "popularity"], Field(description="Order.")]
Limit = Annotated[int, Field(ge=1, le=1000, description="Maximum number. Default 10.")]


@tool("Search models", READS)
async def search_models(
    *,
    ctx: AppContext,
    query: Query = "",
    kind: Kind = "any",
    free: Free = False,
    supports: Supports = [],  # noqa: B006 - read only, and a schema cannot say None
    vendor: Vendor = "",
    max_price: MaxPrice = None,
    size: WantedSize = "",
    sort: Sort = "relevance",
    limit: Limit = 10,
) -> Annotated[CallToolResult, ModelsContent]:
    """Find models by name, purpose, ability, size or price. Free."""
    from imagerouter_mcp.api.model_search import search
    from imagerouter_mcp.errors import PlanError
    from imagerouter_mcp.generation.planning.sizes import read_wish

    wish = read_wish(size, "")
    if str(wish):
        raise PlanError(
            f"{size[:40]!r} is no exact size, so models cannot be searched by it.",
            'Give it as WIDTHxHEIGHT in pixels, such as "1536x1024", or leave it out: generate_image makes '
            "a size of an aspect_ratio.",
        )
    app = ctx.request_context.lifespan_context.present()
    limits = await limits_of(app)
    listing = offered(await app.catalogue.models(), limits)
    notes = [*([listing.stale_note] if listing.stale_note else []), *restriction_notes(limits)]
    popularity: tuple[str, ...] = ()
    if sort == "popularity" or not query:
        ranking = await app.popularity.ranking()
        popularity = ranking.ids
        if sort == "popularity" and ranking.note:
            notes.append(ranking.note)
    found = search(
        listing.models,
        query,
        kind=None if kind == "any" else kind,
        free=free,
        supports=supports,
        vendor=vendor or None,
        max_price=max_price,
        size=f"{wish.size[0]}x{wish.size[1]}" if wish.size else None,
        sort=sort,
        popularity=popularity,
    )
    shown = found[:limit]
    lines = [_count(len(shown), len(found)), *map(model_line, shown), *(f"Note: {note}" for note in notes)]
    content = ModelsContent(models=list(map(listed_model, shown)), total=len(found), notes=notes)
    return tool_result(lines, content)


def _count(shown: int, found: int) -> str:
    if not found:
        return (
            "No model fits. Use fewer conditions, and words for a model, a vendor or an ability (edit, mask, "
            "upscale, text, fast, 4k), not for what the picture shows."
        )
    if shown < found:
        return f"The first {shown} of {found} models that fit:"
    return f"{found} models fit:" if found > 1 else "One model fits:"
