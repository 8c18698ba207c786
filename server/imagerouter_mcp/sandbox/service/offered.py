"""The models that the sandbox offers.

`catalogue.json` holds some fifty real ones, with their prices in USD as of early 2026: a model's providers,
in their order, each with its own name for the model, the type of its price and the price (or the lowest,
usual and highest one). `traits` adds what the service's model list does not tell.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Final

from imagerouter_mcp.sandbox.pictures.media import PNG
from imagerouter_mcp.sandbox.service import traits

FREE: Final = ":free"
_RANGE: Final = ("min", "average", "max")


@dataclass(frozen=True, slots=True)
class Prices:
    """What a provider takes for one result, in USD."""

    low: float
    usual: float
    high: float


@dataclass(frozen=True, slots=True)
class Model:
    """One model: its id, and its entry in the v1 model list."""

    id: str
    entry: Mapping[str, Any] = field(hash=False)

    @property
    def vendor(self) -> str:
        """The id's prefix."""
        return self.id.split("/", 1)[0]

    @property
    def paid_id(self) -> str:
        """The id without `:free`."""
        return self.id.removesuffix(FREE)

    @property
    def provider_ids(self) -> tuple[str, ...]:
        """The hosts behind the model, the preferred one first."""
        return tuple(provider["id"] for provider in self.entry["providers"])

    @property
    def is_video(self) -> bool:
        """Whether it makes videos."""
        return "video" in self.entry["output"]

    @property
    def is_free(self) -> bool:
        """Whether it is a `:free` model, which has rules of its own."""
        return self.id.endswith(FREE)

    @property
    def takes_image(self) -> bool:
        """Whether source images are accepted."""
        return bool(self.entry["supported_params"]["edit"])

    @property
    def takes_mask(self) -> bool:
        """Whether a mask is accepted."""
        return bool(self.entry["supported_params"]["mask"])

    @property
    def takes_one_image(self) -> bool:
        """Whether a second source image is refused."""
        return bool(traits.ONE_SOURCE & {self.id, self.paid_id})

    @property
    def takes_prompt(self) -> bool:
        """Whether it looks at a prompt."""
        return self.paid_id not in traits.PROMPTLESS

    @property
    def upscales(self) -> bool:
        """Whether it doubles the size of its source."""
        return self.id.endswith("-2x")

    @property
    def ignores_size(self) -> bool:
        """Whether `size` has no effect."""
        return (
            self.paid_id in traits.SIZE_IGNORED
            or self.id.startswith(traits.IMAGEN)
            or self.provider_ids[0] == traits.SIZE_IGNORING_PROVIDER
        )

    @property
    def fixed_format(self) -> str | None:
        """The media type of its results, where `output_format` has no effect."""
        return PNG if self.id.startswith(traits.IMAGEN) else traits.FIXED_FORMATS.get(self.paid_id)

    @property
    def sizes(self) -> tuple[str, ...]:
        """The accepted sizes; empty when the list names none."""
        return tuple(self.entry.get("sizes", ()))

    @property
    def seconds(self) -> tuple[int, ...]:
        """The accepted durations of a video; empty when the list names none."""
        return tuple(self.entry.get("seconds", ()))

    @property
    def default_seconds(self) -> int | None:
        """The duration of a video when none, or an unlisted one, is asked for."""
        return self.entry.get("default_seconds")

    @property
    def created_in_seconds(self) -> bool:
        """Tell whether the model's answers have `created` in seconds rather than milliseconds."""
        return self.provider_ids[0] in traits.SECONDS_PROVIDERS

    @property
    def highest_price(self) -> float:
        """The highest price at any provider, in USD: what an account must hold."""
        return max(self.prices(provider_id).high for provider_id in self.provider_ids)

    def prices(self, provider_id: str) -> Prices:
        """Return what one of its providers takes."""
        pricing = next(one["pricing"] for one in self.entry["providers"] if one["id"] == provider_id)
        if "range" in pricing:
            return Prices(*(float(pricing["range"][name]) for name in _RANGE))
        return Prices(*[float(pricing["value"])] * len(_RANGE))


def spread_of(model: Model) -> Prices:
    """Return the lowest and highest price over all providers, and the preferred one's usual price."""
    each = [model.prices(provider_id) for provider_id in model.provider_ids]
    return Prices(min(one.low for one in each), each[0].usual, model.highest_price)


@cache
def listed() -> Mapping[str, Model]:
    """Return the sandbox's own models, by id."""
    text = files("imagerouter_mcp.sandbox.service").joinpath("catalogue.json").read_text(encoding="utf-8")
    return by_id({model_id: _entry(facts) for model_id, facts in json.loads(text).items()})


def by_id(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Model]:
    """Return the models that a v1 model list names."""
    return {model_id: Model(model_id, entry) for model_id, entry in entries.items()}


def _entry(facts: Mapping[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "providers": [_provider(name, *terms) for name, terms in facts["providers"].items()],
        "output": facts.get("output", ["image"]),
        "supported_params": {name: name in facts["supports"] for name in ("mask", "quality", "edit")},
    }
    if "released" in facts:
        entry["release_date"] = facts["released"]
    return entry | {name: facts[name] for name in ("sizes", "seconds", "default_seconds") if name in facts}


def _provider(provider_id: str, model_name: str, kind: str, price: float | list[float]) -> dict[str, Any]:
    pricing: dict[str, Any] = {"type": kind}
    if isinstance(price, list):
        pricing["range"] = dict(zip(_RANGE, price, strict=True))
    else:
        pricing["value"] = price
    return {"id": provider_id, "model_name": model_name, "pricing": pricing}


def resolve(model_id: str) -> str:
    """Return the real id behind an alias, or the id itself."""
    return traits.ALIASES.get(model_id, model_id)


def aliases_of(model_id: str) -> list[str]:
    """Return the other ids of a model."""
    return [alias for alias, target in traits.ALIASES.items() if target == model_id]


def free_hand_model(
    model_id: str, price: float, highest: float | None = None, *, video: bool = False
) -> Model:
    """Build a model that takes everything, for trying things out.

    Args:
        model_id: Its id.
        price: The lowest and usual one, in USD.
        highest: The highest one, where it differs.
        video: Whether it makes videos.
    """
    facts: dict[str, Any] = {
        "providers": {"sandbox": [model_id, "fixed", [price, price, highest or price]]},
        "released": "2026-02-01",
        "output": ["video" if video else "image"],
        "supports": ["mask", "quality", "edit"],
    }
    return Model(model_id, _entry(facts))
