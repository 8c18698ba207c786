"""The tool `popular_models`: list the models that others use most."""

from typing import Annotated

from mcp.types import CallToolResult
from pydantic import Field

from imagerouter_mcp.tools.declare import READS, tool
from imagerouter_mcp.tools.listed_models import ListedModel, ModelsContent, listed_model, model_line
from imagerouter_mcp.tools.offered_models import limits_of, restriction_notes
from imagerouter_mcp.tools.parameters import AppContext
from imagerouter_mcp.tools.structured import tool_result

Limit = Annotated[int, Field(ge=1, le=100, description="Maximum number. Default 10.")]


@tool("Popular models", READS)
async def popular_models(*, ctx: AppContext, limit: Limit = 10) -> Annotated[CallToolResult, ModelsContent]:
    """List the most used models, with prices and abilities. Free."""
    app = ctx.request_context.lifespan_context.present()
    ranking, limits = await app.popularity.ranking(), await limits_of(app)
    ids = list(filter(limits.permits, ranking.ids))
    listing = await app.catalogue.known()
    notes = restriction_notes(limits)
    if listing is None:
        notes.append("The model list could not be read, so prices and abilities are missing.")
    elif listing.stale_note:
        notes.append(listing.stale_note)
    lines: list[str] = []
    models: list[ListedModel] = []
    for rank, model_id in enumerate(ids[:limit], start=1):
        entry = listing.find(model_id) if listing else None
        lines.append(f"{rank}. {model_line(entry) if entry else model_id}")
        listed: ListedModel = listed_model(entry) if entry else {"id": model_id}
        models.append({**listed, "rank": rank})
    heading = ranking.note or "The most used models at ImageRouter, most used first:"
    content = ModelsContent(
        models=models, total=len(ids), notes=[*([ranking.note] if ranking.note else []), *notes]
    )
    return tool_result([heading, *lines, *(f"Note: {note}" for note in notes)], content)
