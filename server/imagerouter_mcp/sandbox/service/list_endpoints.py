"""The endpoints that list: models, popularity, and what an account has; and how the lists can fail."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from imagerouter_mcp.sandbox.service import list_shapes, offered
from imagerouter_mcp.sandbox.service.error_answers import RefusedError, internal_error
from imagerouter_mcp.sandbox.service.faults import FAULT_IDS, VIDEO_FAULT_IDS, fault_model, fault_of
from imagerouter_mcp.sandbox.service.offered import Model
from imagerouter_mcp.sandbox.service.state import Popularity, SandboxState

SLOW_LIST_SECONDS: Final = 5.0
"""How long the model list takes when it is set to be slow."""

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

_PAGE: Final = "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body></body></html>"


async def models_v1(request: Request) -> Response:
    """`GET /v1/models`, or what the settings make of it."""
    state, query = _state(request), request.query_params
    match state.settings.models:
        case "status-500":
            raise internal_error()
        case "html":
            return HTMLResponse(_PAGE)
        case "slow":
            await state.pause(SLOW_LIST_SECONDS)
            return JSONResponse(list_shapes.v1(_models(state), query))
        case "v2":
            return JSONResponse(list_shapes.v2(_models(state), query))
        case "v3":
            return JSONResponse(list_shapes.v3(_models(state), query))
        case _:
            return JSONResponse(list_shapes.v1(_models(state), query))


async def models_v2(request: Request) -> Response:
    """`GET /v2/models`."""
    return JSONResponse(list_shapes.v2(_models(_state(request)), request.query_params))


async def models_v3(request: Request) -> Response:
    """`GET /v3/models`."""
    return JSONResponse(list_shapes.v3(_models(_state(request)), request.query_params))


async def model(request: Request) -> Response:
    """`GET /v1/models/{id}`: one entry, without its id; fault models have one too."""
    asked: str = request.path_params["id"]
    model_id = offered.resolve(asked)
    if fault_of(model_id):
        return JSONResponse(fault_model(model_id).entry)
    found = offered.listed().get(model_id)
    if found is None:
        raise RefusedError(404, f"The model '{asked}' does not exist", code="model_not_found", typed=True)
    return JSONResponse(found.entry)


async def popular(request: Request) -> Response:
    """`POST /operations/get-popular-models`, in the shape that the settings choose."""
    chosen = _state(request).settings.popularity
    if chosen == "status-500":
        raise internal_error()
    if chosen == "html":
        return HTMLResponse(_PAGE)
    return JSONResponse(_RANKINGS[chosen]())


async def credits(request: Request) -> Response:  # noqa: A001 - the endpoint's name
    """`GET /v1/credits`."""
    account = _state(request).accounts.authorize(request.headers.get("authorization"))
    return JSONResponse(account.summary(by_key=request.query_params.get("by_api_key") == "true"))


async def test_key(request: Request) -> Response:
    """`POST /v1/auth/test`; `credits` in 1/10,000 USD."""
    account = _state(request).accounts.authorize(request.headers.get("authorization"))
    return JSONResponse({"success": True, "credits": account.units})


def _state(request: Request) -> SandboxState:
    return request.app.state.sandbox


def _models(state: SandboxState) -> list[Model]:
    real = list(offered.listed().values())
    if state.settings.models != "with-faults":
        return real
    return real + [fault_model(model_id) for model_id in FAULT_IDS + VIDEO_FAULT_IDS]


def _objects(name: str) -> list[dict[str, Any]]:
    return [{name: model_id, "count": 4200 - 300 * place} for place, model_id in enumerate(POPULAR)]


_RANKINGS: Final[Mapping[Popularity, Callable[[], Any]]] = {
    "json-ids": lambda: {"json": list(POPULAR)},
    "json-objects-model": lambda: {"json": _objects("model")},
    "json-objects-id": lambda: {"json": _objects("id")},
    "json-objects-modelId": lambda: {"json": _objects("modelId")},
    "json-objects-name": lambda: {"json": [{"name": model_id} for model_id in POPULAR]},
    "bare-ids": lambda: list(POPULAR),
    "bare-objects": lambda: _objects("model"),
    "with-meta": lambda: {"json": _objects("model"), "meta": {"values": {"0.count": ["bigint"]}}},
    "nonsense": lambda: {"json": {"models": 10, "of": [None, 7]}},
}
