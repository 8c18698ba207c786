"""The tool `describe_model`: everything about one model."""

from typing import TYPE_CHECKING, Annotated, Any

from mcp.types import CallToolResult
from pydantic import Field

from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.generation.planning.prices import price_words
from imagerouter_mcp.tools.entries import entry_fields, entry_line, price_fields, price_span
from imagerouter_mcp.tools.parameters import AppContext
from imagerouter_mcp.tools.results import text_block

if TYPE_CHECKING:
    from imagerouter_mcp.api.catalogue import Listing
    from imagerouter_mcp.api.model_list import ModelEntry

ModelId = Annotated[str, Field(description="Model id, such as google/gemini-2.5-flash.")]

MODEL_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "model": {"type": "object"},
        "alternatives": {"type": "array", "items": {"type": "object"}},
    },
}
"""Of the structured content: the model as in search_models, with `providers`, `aliases` and what it does."""

_ALTERNATIVES = 3


async def describe_model(*, model: ModelId, ctx: AppContext) -> CallToolResult:
    """Tell all about one model: sizes, prices, abilities, providers, alternatives. Free of charge."""
    from imagerouter_mcp.generation.planning.model_choice import named
    from imagerouter_mcp.generation.planning.special import SPECIAL

    listing = await ctx.request_context.lifespan_context.catalogue.models()
    entry = named(model.strip(), listing).entry
    if entry is None:
        raise PlanError(
            f"{model[:100]!r} is not in ImageRouter's model list.", "Find models with search_models."
        )
    others = _alternatives(entry, listing)
    special = SPECIAL.get(entry.id)
    offers = [f"{name} {price_span(price)}" for name, price in entry.offers]
    fields = {
        **entry_fields(entry),
        "providers": [{"id": name, "price_usd": price_fields(price)} for name, price in entry.offers],
        "aliases": list(entry.aliases),
        **({"does": special.does, "heeds_prompt": special.prompt} if special else {}),
    }
    lines = [
        entry_line(entry),
        *([f"It {special.does}{'' if special.prompt else ' and heeds no prompt'}."] if special else []),
        f"Sizes: {', '.join(entry.sizes) if entry.sizes else 'any'}.",
        *([f"Seconds: {', '.join(f'{length:g}' for length in entry.seconds)}."] if entry.seconds else []),
        f"Providers: {', '.join(offers) or 'not told'}.",
        f"Alternatives: {', '.join(f'{other.id} ({price_words(other)})' for other in others) or 'none'}.",
    ]
    return CallToolResult(
        content=[text_block(lines)],
        structured_content={"model": fields, "alternatives": [entry_fields(other) for other in others]},
    )


def _alternatives(entry: "ModelEntry", listing: "Listing") -> "list[ModelEntry]":
    """Models that can do all that this one can, the nearest in price first."""
    from imagerouter_mcp.generation.planning.model_choice import Need, is_choosable

    need = Need(bool(entry.takes_image), bool(entry.takes_mask))
    able = [
        other
        for other in listing.models
        if other.id != entry.id and other.output == entry.output and is_choosable(other) and other.price
        if other.output == "video" or need.fits(other)
    ]
    likely = entry.price.likely if entry.price else 0.0
    return sorted(able, key=lambda other: abs(other.price.likely - likely) if other.price else 0)[
        :_ALTERNATIVES
    ]
