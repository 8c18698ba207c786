"""The model list in the service's three shapes, from one source, with the filters of each."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from imagerouter_mcp.sandbox.service.offered import Model, aliases_of, spread_of

Query = Mapping[str, str]

CHAT_MODEL: Final[Mapping[str, Any]] = {
    "id": "sandbox/chat",
    "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"]},
    "pricing": {"min": 0.0001, "average": 0.0002, "max": 0.001},
    "aliases": [],
}
"""Invented: v3 also lists chat models, and a client has to pass over them."""

_KEYS: Final[Mapping[str, Callable[[Model], Any]]] = {
    "name": lambda model: model.id.lower(),
    "provider": lambda model: (model.provider_ids[0], model.id.lower()),
    "price": lambda model: spread_of(model).usual,
    "date": lambda model: model.entry.get("release_date", ""),
}
_DEFAULT_SIZES: Final = ["custom"]
"""How v2 says that any size goes."""


def v1(models: Mapping[str, Model], query: Query, *, text: bool) -> dict[str, Any]:
    """Return an object keyed by id; `type`, `provider`, `free`, `name`, `sort` and `limit` filter it.

    Args:
        models: What to list.
        query: The filters.
        text: Whether each entry says if the model takes a prompt; only newer lists do.
    """
    kind = query.get("type")
    chosen = [model for model in models.values() if kind is None or kind in model.entry["output"]]
    return {model.id: _v1(model, text=text) for model in _chosen(chosen, query)}


def single_v1(model: Model) -> dict[str, Any]:
    """Return one model as `/v1/models/<id>` does: its prices by provider, its abilities as in v2."""
    entry = {name: value for name, value in model.entry.items() if name not in {"supported_params", "sizes"}}
    return {**entry, "inputs": _inputs(model)}


def v2(models: Mapping[str, Model], query: Query, *, aliases: bool) -> dict[str, Any] | list[dict[str, Any]]:
    """Return an object keyed by id, or with `shape=array` an array of objects with `id`.

    Args:
        models: What to list.
        query: The filters, and the shape.
        aliases: Whether each entry has its aliases; only newer lists do.
    """
    kind = query.get("type")
    chosen = [model for model in models.values() if kind is None or kind in model.entry["output"]]
    entries = {model.id: _v2(model, aliases=aliases) for model in _chosen(chosen, query)}
    if query.get("shape") == "array":
        return [{"id": model_id, **entry} for model_id, entry in entries.items()]
    return entries


def v3(models: Mapping[str, Model], query: Query) -> list[dict[str, Any]]:
    """Return an array; `output_modalities`, `input_modalities` (comma-separated, all must fit) filter it too.

    `fields` (comma-separated) chooses what each object has; the id is always there.
    """
    entries = [single_v3(model) for model in _chosen(models.values(), query)]
    if not set(query) & {"provider", "free", "name", "limit"}:
        entries.append(dict(CHAT_MODEL))
    wanted = {side: _listed(query, f"{side}_modalities") for side in ("input", "output")}
    entries = [
        entry
        for entry in entries
        if all(names <= set(entry["architecture"][f"{side}_modalities"]) for side, names in wanted.items())
    ]
    fields = _listed(query, "fields")
    if fields:
        entries = [{k: value for k, value in entry.items() if k in fields | {"id"}} for entry in entries]
    return entries


def _listed(query: Query, name: str) -> set[str]:
    return {part.strip() for part in query.get(name, "").split(",") if part.strip()}


def _chosen(models: Iterable[Model], query: Query) -> list[Model]:
    chosen = [model for model in models if _fits(model, query)]
    if query.get("sort") in _KEYS:
        chosen.sort(key=_KEYS[query["sort"]], reverse=query["sort"] == "date")
    limit = query.get("limit", "")
    return chosen[: int(limit)] if limit.isdecimal() else chosen


def _fits(model: Model, query: Query) -> bool:
    provider, free, name = query.get("provider"), query.get("free"), query.get("name", "")
    return (
        (provider is None or provider in {*model.provider_ids, model.vendor})
        and (free is None or (free == "true") == (model.highest_price == 0))
        and name.lower() in model.id.lower()
    )


def _v1(model: Model, *, text: bool) -> Mapping[str, Any]:
    if not text:
        return model.entry
    return {
        **model.entry,
        "supported_params": {"text": model.takes_prompt, **model.entry["supported_params"]},
    }


def _inputs(model: Model) -> dict[str, Any]:
    inputs: dict[str, Any] = {
        "image": model.takes_image,
        "mask": model.takes_mask,
        "quality": bool(model.entry["supported_params"]["quality"]),
        "size": list(model.sizes) or _DEFAULT_SIZES,
    }
    return inputs | ({"seconds": list(model.seconds)} if model.is_video else {})


def _v2(model: Model, *, aliases: bool) -> dict[str, Any]:
    entry = {"release_date": model.entry["release_date"]} if "release_date" in model.entry else {}
    entry |= {"inputs": _inputs(model), "output": model.entry["output"], "price": _price(model)}
    return entry | ({"aliases": aliases_of(model.id)} if aliases else {})


def single_v3(model: Model) -> dict[str, Any]:
    """Return one model as `/v3/models/<id>` does."""
    takes = {"text": model.takes_prompt, "image": model.takes_image, "mask": model.takes_mask}
    parameters: dict[str, Any] = {
        "size": list(model.sizes) or _DEFAULT_SIZES,
        "quality": bool(model.entry["supported_params"]["quality"]),
    }
    if model.is_video:
        parameters["seconds"] = list(model.seconds)
    return {
        "id": model.id,
        "architecture": {
            "input_modalities": [name for name, taken in takes.items() if taken],
            "output_modalities": model.entry["output"],
        },
        "parameters": parameters,
        "pricing": _price(model),
        "aliases": aliases_of(model.id),
    }


def _price(model: Model) -> dict[str, float]:
    prices = spread_of(model)
    return {"min": prices.low, "average": prices.usual, "max": prices.high}
