"""The models: some fifty real ones, as the v1 model list gave them in early 2026, and how each behaves.

`catalogue.json` holds their entries unchanged. What the list does not tell, such as which model answers SVG,
stands here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, Final

ALIASES: Final[Mapping[str, str]] = {
    "briaai/RMBG-2.0": "bria/remove-background",
    "google/gemini-2.5-flash-image": "google/gemini-2.5-flash",
    "gemini-2.5-flash-image": "google/gemini-2.5-flash",
    "google/gemini-3-pro-image": "google/gemini-3-pro",
    "gemini-3-pro-image": "google/gemini-3-pro",
    "kwaivgi/kling-2.5-turbo-pro": "kling/kling-2.5-turbo-pro",
    "kwaivgi/wan-2.6": "wan/wan-2.6",
}
"""Other ids for listed models; the server resolves them, and v1 does not list them."""

RETIRED: Final[Mapping[str, str]] = {
    "google/gemini-2.0-flash-exp:free": (
        "Please switch to 'google/gemini-2.0-flash-exp' (paid) or 'google/gemini-2.5-flash:free' (free) "
        "instead."
    ),
    "google/gemini-2.5-flash:free": (
        "The free trial is over for this model. Please switch to 'google/gemini-2.5-flash' (paid) or use "
        "other models instead."
    ),
    "stabilityai/sd3.5-medium": (
        "This model is no longer available. Available alternative 'stabilityai/sd3.5'."
    ),
}
"""What the service says of models that are gone; each names its successor."""

SVG_MODELS: Final = frozenset(
    {"recraft-ai/recraft-v3-svg", "recraft-ai/recraft-vectorize", "bria/bria-3.2-vector"}
)
JPEG_MODELS: Final = frozenset({"test/test", "midjourney/midjourney"})
"""These ignore `output_format`."""
SIZE_IGNORING_MODELS: Final = frozenset({"midjourney/midjourney"})
CUTOUT_MODEL: Final = "bria/remove-background"
"""Answers a PNG with an alpha channel, whatever was asked for."""
LAYERED_MODEL: Final = "qwen/qwen-image-layered"
"""Answers several pictures."""
REVISING_MODEL: Final = "openai/dall-e-3"
"""Answers with a `revised_prompt`."""

_SECONDS_PROVIDERS: Final = frozenset({"gemini", "geminiImagen", "vertex", "replicate"})
"""Providers whose answers carry `created` in seconds rather than milliseconds."""
_FREE: Final = ":free"


@dataclass(frozen=True, slots=True)
class Model:
    """One model: its id, and its entry in the v1 model list."""

    id: str
    entry: Mapping[str, Any]

    @property
    def vendor(self) -> str:
        """The id's prefix."""
        return self.id.split("/", 1)[0]

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
        return self.id.endswith(_FREE)

    @property
    def takes_image(self) -> bool:
        """Whether source images are accepted."""
        return bool(self.entry["supported_params"]["edit"])

    @property
    def takes_mask(self) -> bool:
        """Whether a mask is accepted; OpenAI itself takes one though the list says otherwise."""
        return bool(self.entry["supported_params"]["mask"]) or self.edits_where_transparent

    @property
    def edits_where_transparent(self) -> bool:
        """Whether a mask marks the region to edit by transparency, as OpenAI's do, rather than by white."""
        return "openai" in self.provider_ids

    @property
    def needs_image(self) -> bool:
        """Whether it works on a source image only."""
        return self.upscales or self.id in {CUTOUT_MODEL, "recraft-ai/recraft-vectorize", LAYERED_MODEL}

    @property
    def upscales(self) -> bool:
        """Whether it doubles the size of its source."""
        return self.id.endswith("-2x")

    @property
    def sizes(self) -> tuple[str, ...]:
        """The accepted sizes; empty when any is."""
        return tuple(self.entry.get("sizes", ()))

    @property
    def seconds(self) -> tuple[int, ...]:
        """The accepted durations of a video; empty when any is."""
        return tuple(self.entry.get("seconds", ()))

    @property
    def default_seconds(self) -> int | None:
        """How long a video is when nobody says."""
        return self.entry.get("default_seconds")

    @property
    def created_in_seconds(self) -> bool:
        """Whether its answers carry `created` in seconds rather than milliseconds."""
        return self.provider_ids[0] in _SECONDS_PROVIDERS

    def prices(self) -> tuple[Decimal, Decimal, Decimal]:
        """The lowest, the usual and the highest price at the preferred provider, in USD."""
        return _prices(self.entry["providers"][0]["pricing"])

    def price(self, quality: str) -> Decimal:
        """The price at a `quality`, in USD: low costs the lowest, high the highest, else the usual."""
        low, usual, high = self.prices()
        return {"low": low, "high": high}.get(quality, usual)

    def video_price(self, seconds: int | None) -> Decimal:
        """The price of a video, in USD: the shortest costs least, the longest most, the others the usual."""
        low, usual, high = self.prices()
        if not self.seconds or seconds is None:
            return usual
        return {min(self.seconds): low, max(self.seconds): high}.get(seconds, usual)


def _prices(pricing: Mapping[str, Any]) -> tuple[Decimal, Decimal, Decimal]:
    spread = pricing.get("range")
    if spread is None:
        value = Decimal(str(pricing["value"]))
        return value, value, value
    return Decimal(str(spread["min"])), Decimal(str(spread["average"])), Decimal(str(spread["max"]))


def spread_of(model: Model) -> tuple[Decimal, Decimal, Decimal]:
    """The lowest and the highest price over all providers, and the preferred one's usual price between."""
    each = [_prices(provider["pricing"]) for provider in model.entry["providers"]]
    return min(low for low, _, _ in each), each[0][1], max(high for _, _, high in each)


@cache
def listed() -> Mapping[str, Model]:
    """The real models, by id."""
    text = files("imagerouter_mcp.sandbox.service").joinpath("catalogue.json").read_text(encoding="utf-8")
    entries: dict[str, Any] = json.loads(text)
    return {model_id: Model(model_id, entry) for model_id, entry in entries.items()}


def resolve(model_id: str) -> str:
    """The real id behind an alias, or the id itself."""
    return ALIASES.get(model_id, model_id)


def aliases_of(model_id: str) -> list[str]:
    """The other ids of a model."""
    return [alias for alias, target in ALIASES.items() if target == model_id]
