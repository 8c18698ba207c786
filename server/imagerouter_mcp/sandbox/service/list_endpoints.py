"""The endpoints that list: models, popularity, and what an account has."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from imagerouter_mcp.sandbox.service import list_shapes
from imagerouter_mcp.sandbox.service.error_answers import ServiceJSON, unknown_model
from imagerouter_mcp.sandbox.service.offered import Model
from imagerouter_mcp.sandbox.service.state import SandboxState

POPULAR: Final = (
    "openai/gpt-image-1.5",
    "google/gemini-2.5-flash",
    "black-forest-labs/FLUX-2-klein-4b",
    "black-forest-labs/FLUX-1-schnell:free",
    "google/gemini-3-pro",
    "bytedance/seedream-4.5",
    "Tongyi-MAI/Z-Image-Turbo",
    "qwen/qwen-image",
    "openai/gpt-image-1-mini",
    "xAI/grok-imagine-image",
)
"""The ten most popular models, the first one first; invented."""


async def models_v1(request: Request) -> Response:
    """`GET /v1/models`."""
    state = _state(request)
    return ServiceJSON(list_shapes.v1(state.listed, request.query_params, text=state.edition.has_v3))


async def models_v2(request: Request) -> Response:
    """`GET /v2/models`."""
    state = _state(request)
    return ServiceJSON(list_shapes.v2(state.listed, request.query_params, aliases=state.edition.has_v3))


async def models_v3(request: Request) -> Response:
    """`GET /v3/models`; only the live service has it."""
    _require_v3(request)
    return ServiceJSON(list_shapes.v3(_state(request).listed, request.query_params))


async def model_v1(request: Request) -> Response:
    """`GET /v1/models/{id}`: one entry, without its id."""
    return ServiceJSON(list_shapes.single_v1(_found(request)))


async def model_v3(request: Request) -> Response:
    """`GET /v3/models/{id}`: one object; only the live service has it."""
    _require_v3(request)
    return ServiceJSON(list_shapes.single_v3(_found(request)))


async def popular(_request: Request) -> Response:
    """`POST /operations/get-popular-models`."""
    ranking = [{"model": model_id, "count": 4200 - 300 * place} for place, model_id in enumerate(POPULAR)]
    return ServiceJSON({"json": ranking})


async def credits(request: Request) -> Response:  # noqa: A001 - the endpoint's name
    """`GET /v1/credits`."""
    account = _state(request).accounts.authorize(request.headers.get("authorization"))
    return ServiceJSON(account.summary(by_key=request.query_params.get("by_api_key") == "true"))


async def test_key(request: Request) -> Response:
    """`POST /v1/auth/test`; `credits` in 1/10,000 USD."""
    account = _state(request).accounts.authorize(request.headers.get("authorization"))
    return ServiceJSON({"success": True, "credits": account.units})


def _state(request: Request) -> SandboxState:
    return request.app.state.sandbox


def _require_v3(request: Request) -> None:
    if not _state(request).edition.has_v3:
        raise HTTPException(404)


def _found(request: Request) -> Model:
    model_id: str = request.path_params["id"]
    found = _state(request).models.get(model_id)
    if found is None:
        raise unknown_model(model_id)
    return found
