"""The models that most people use, as ImageRouter ranks them, and what to show without that ranking."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imagerouter_mcp.api.decoded import as_list, as_object
from imagerouter_mcp.api.model_list import ModelEntry, is_name
from imagerouter_mcp.api.model_search import search
from imagerouter_mcp.errors import UnexpectedResponseError

_ID_FIELDS = ("model", "modelId", "model_id", "id", "name")
"""Where an item may carry the model's id; the answer's shape is not documented."""
_COUNT_FIELDS = ("count", "requests", "total", "usage", "_count", "requestCount", "total_requests")
"""Where it may carry how often the model was used; `_count` is how Prisma, a database client, names it."""


@dataclass(frozen=True, slots=True)
class PopularModel:
    """One model of the ranking.

    Attributes:
        id: As ImageRouter names it; perhaps an alias, or a model that the list no longer has.
        count: How often it was used, where told; over which time is not documented.
    """

    id: str
    count: int | None = None


def parse_popular(answer: object) -> list[PopularModel]:
    """The ranking, most popular first: an array, bare or under `json`, of ids or of objects with an id.

    Raises:
        UnexpectedResponseError: It has another shape.
    """
    ranking = as_object(answer).get("json", answer)
    read = [_item(item) for item in as_list(ranking)]
    models = [model for model in read if model is not None]
    if not isinstance(ranking, list) or (read and not models):
        raise UnexpectedResponseError(
            "ImageRouter's answer is not a ranking of models.",
            "Search the model list instead.",
        )
    first: dict[str, PopularModel] = {}
    for model in models:
        first.setdefault(model.id, model)
    return list(first.values())


def honest_fallback(models: Sequence[ModelEntry], limit: int) -> list[ModelEntry]:
    """What to show when the ranking cannot be had, to be labelled as what it is: not popularity.

    The image models by arena score (people's blind votes between pictures), those without a score
    after them; equals by release date, newest first, then by price. Dummies are left out.
    """
    ranked = search(models, kind="image", sort="score")
    return [entry for entry in ranked if not entry.is_dummy][:limit]


def _item(item: object) -> PopularModel | None:
    if isinstance(item, str):
        return PopularModel(item) if is_name(item) else None
    fields = as_object(item)
    names = [name for key in _ID_FIELDS if isinstance(name := fields.get(key), str) and is_name(name)]
    if not names:
        return None
    # A row may have a database key or a title beside the id; only the id has a vendor.
    return PopularModel(next((name for name in names if "/" in name), names[0]), _count(fields))


def _count(fields: Mapping[str, object]) -> int | None:
    for key in _COUNT_FIELDS:
        told = fields.get(key)
        # Prisma counts inside an object, by the field that was counted or by `_all`.
        for value in (told, *as_object(told).values()):
            if isinstance(value, int) and not isinstance(value, bool):
                return value
            # How a 64-bit integer travels in JSON; longer ones are something else.
            if isinstance(value, str) and value.isdecimal() and len(value) <= len(str(2**63)):
                return int(value)
    return None
