"""Models for trying out what can go wrong; `imagerouter-mcp sandbox --help` lists them.

They behave as the service does when a provider fails. A sandbox that a person starts lists them; any other
accepts their ids.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from imagerouter_mcp.sandbox.service.imitation import imitate
from imagerouter_mcp.sandbox.service.offered import Model, free_hand_model, listed
from imagerouter_mcp.sandbox.service.providers import Provider, ProviderAnswer, status_error
from imagerouter_mcp.sandbox.service.validation import ValidRequest

SLOW_SECONDS: Final = 20


@dataclass(frozen=True, slots=True)
class SpecialModel:
    """A model, what it is for in a few words, and the provider behind it."""

    model: Model
    purpose: str
    provider: Provider


async def _charged_failure(request: ValidRequest, provider_id: str) -> ProviderAnswer:
    error = {"message": "The worker crashed while it made the picture.", "type": "failed"}
    return ProviderAnswer(cost=request.cost(provider_id), error=error)


async def _free_failure(_request: ValidRequest, _provider_id: str) -> ProviderAnswer:
    raise status_error(503, "Service Unavailable", "The model is overloaded. Please try again later.")


async def _refusal(_request: ValidRequest, _provider_id: str) -> ProviderAnswer:
    raise status_error(406, "Request was moderated", "Request was moderated", "request_moderated")


async def _kept_charge(_request: ValidRequest, _provider_id: str) -> ProviderAnswer:
    return ProviderAnswer(cost=None)


async def _slow(request: ValidRequest, provider_id: str) -> ProviderAnswer:
    await asyncio.sleep(SLOW_SECONDS)
    return await imitate(request, provider_id)


_PRICE: Final = 0.04
_KEPT: Final = 0.12


def _special(name: str, purpose: str, provider: Provider, highest: float | None = None) -> SpecialModel:
    return SpecialModel(free_hand_model(f"sandbox/{name}", _PRICE, highest), purpose, provider)


_ALL: Final = (
    _special("charged-failure", f"fails, and ${_PRICE} is charged", _charged_failure),
    _special("free-failure", "fails, and the charge is refunded", _free_failure),
    _special("refusal", "refuses the content, which costs nothing", _refusal),
    _special(
        "kept-charge",
        f"fails in the service's bookkeeping, which keeps the highest price, ${_KEPT}",
        _kept_charge,
        _KEPT,
    ),
    _special("slow", f"works, and takes {SLOW_SECONDS} seconds", _slow),
)
SPECIAL_MODELS: Final[Mapping[str, SpecialModel]] = {one.model.id: one for one in _ALL}
"""By id."""


def with_special_models() -> Mapping[str, Model]:
    """Return the sandbox's own models and the special ones, by id."""
    return {**listed(), **{model_id: one.model for model_id, one in SPECIAL_MODELS.items()}}
