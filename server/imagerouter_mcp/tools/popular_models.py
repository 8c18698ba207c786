"""The tool `popular_models`: what others use most."""

from typing import Annotated, Any

from mcp.types import CallToolResult
from pydantic import Field

from imagerouter_mcp.tools.entries import entry_fields, entry_line
from imagerouter_mcp.tools.parameters import AppContext
from imagerouter_mcp.tools.results import text_block

Limit = Annotated[int, Field(ge=1, le=100, description="At most so many. Default 10.")]


async def popular_models(*, ctx: AppContext, limit: Limit = 10) -> CallToolResult:
    """List the models that ImageRouter's users choose most, with prices and abilities. Free of charge."""
    app = ctx.request_context.lifespan_context
    ranking = await app.popularity.ranking()
    listing = await app.catalogue.known()
    notes = [ranking.note] if ranking.note else []
    if listing is None:
        notes.append("The model list could not be read, so prices and abilities are missing.")
    elif listing.stale_note:
        notes.append(listing.stale_note)
    lines: list[str] = []
    models: list[dict[str, Any]] = []
    for rank, model_id in enumerate(ranking.ids[:limit], start=1):
        entry = listing.find(model_id) if listing else None
        lines.append(f"{rank}. {entry_line(entry) if entry else model_id}")
        models.append({"rank": rank, **(entry_fields(entry) if entry else {"id": model_id})})
    heading = ranking.note or "The most used models at ImageRouter, most used first:"
    return CallToolResult(
        content=[text_block([heading, *lines])],
        structured_content={"models": models, "total": len(ranking.ids), "notes": notes},
    )
