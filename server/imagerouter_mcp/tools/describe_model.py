"""The tool `describe_model`: tell everything about one model."""

from typing import TYPE_CHECKING, Annotated, TypedDict

from mcp.types import CallToolResult
from pydantic import Field

from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.generation.planning.prices import price_words
from imagerouter_mcp.tools.declare import READS, tool
from imagerouter_mcp.tools.listed_models import (
    ListedModel,
    PriceRange,
    listed_model,
    model_line,
    price_range,
    price_span,
)
from imagerouter_mcp.tools.offered_models import limits_of, offered
from imagerouter_mcp.tools.parameters import AppContext
from imagerouter_mcp.tools.structured import tool_result

if TYPE_CHECKING:
    from imagerouter_mcp.api.catalogue import Listing
    from imagerouter_mcp.api.model_list import ModelEntry

ModelId = Annotated[str, Field(description="Its id.")]

_ALTERNATIVES = 3


class Provider(TypedDict):
    """A provider of a model, with its own price."""

    id: str
    price_usd: PriceRange | None


class DescribedModel(ListedModel):
    """A model with all that is known of it."""

    providers: list[Provider]
    aliases: list[str]
    uses_prompt: bool | None


class ModelContent(TypedDict):
    """A model, and others that can do the same."""

    model: DescribedModel
    alternatives: list[ListedModel]
    notes: list[str]


@tool("Describe model", READS)
async def describe_model(*, model: ModelId, ctx: AppContext) -> Annotated[CallToolResult, ModelContent]:
    """Tell all about one model: sizes, prices, abilities, providers, alternatives. Free."""
    from imagerouter_mcp.generation.planning.model_choice import Need, instead, named

    app = ctx.request_context.lifespan_context.present()
    listing, limits = await app.catalogue.models(), await limits_of(app)
    permitted = offered(listing, limits)
    entry = named(model.strip(), listing).entry
    if entry is None:
        raise PlanError(
            f"{model[:100]!r} is not in ImageRouter's model list.",
            instead(model, Need(), permitted),
        )
    others = _alternatives(entry, permitted)
    special = entry.facts.does
    offers = [f"{name} {price_span(price)}" for name, price in entry.offers]
    described = DescribedModel(
        **listed_model(entry),
        providers=[Provider(id=name, price_usd=price_range(price)) for name, price in entry.offers],
        aliases=list(entry.aliases),
        uses_prompt=entry.takes_prompt if special else None,
    )
    notes = [listing.stale_note] if listing.stale_note else []
    if not limits.permits(entry.id):
        notes.append(f"This person may not use it, only models of the form {', '.join(limits.models)}.")
    lines = [
        model_line(entry),
        *(["It uses no prompt."] if special and not entry.takes_prompt else []),
        f"Sizes: {', '.join(entry.sizes) or ('any' if entry.any_size else 'not listed')}.",
        f"Providers: {', '.join(offers) or 'not listed'}.",
        f"Alternatives: {', '.join(f'{other.id} ({price_words(other)})' for other in others) or 'none'}.",
        *(f"Note: {note}" for note in notes),
    ]
    content = ModelContent(model=described, alternatives=list(map(listed_model, others)), notes=notes)
    return tool_result(lines, content)


def _alternatives(entry: "ModelEntry", listing: "Listing") -> "list[ModelEntry]":
    """Return models that can do all that this one can, the nearest in price first."""
    from imagerouter_mcp.generation.planning.model_choice import Need, is_choosable

    need = Need(images=int(bool(entry.takes_image)), mask=bool(entry.takes_mask))
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
