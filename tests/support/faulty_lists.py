"""Lists that fail or come in other shapes, and `PUT /sandbox/settings`, which chooses how."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from imagerouter_mcp.sandbox.service import journal_endpoints, list_shapes
from imagerouter_mcp.sandbox.service.asgi import POPULAR_PATH
from imagerouter_mcp.sandbox.service.error_answers import internal_error
from imagerouter_mcp.sandbox.service.list_endpoints import POPULAR
from imagerouter_mcp.sandbox.service.offered import Model
from imagerouter_mcp.sandbox.service.state import SandboxState
from support.fault_models import dearer_faults, listed_faults
from support.faulty_state import MODELS, POPULARITY, SERVICE, FaultySettings, Popularity, change_settings

SLOW_LIST_SECONDS: Final = 5.0
"""How long the model list takes when it is set to be slow."""
_LONGEST_PAUSE: Final = 3600
"""Seconds."""
_CHOICES: Final[Mapping[str, tuple[str | bool, ...]]] = {
    "popularity": POPULARITY,
    "models": MODELS,
    "service": SERVICE,
    "held": (True, False),
}
_DURATIONS: Final = ("heartbeat_seconds", "latency_seconds", "rate_window_seconds")
_RATE: Final = "rate_limit"
_PAGE: Final = "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body></body></html>"


async def _models_v1(request: Request) -> Response:
    state: SandboxState = request.app.state.sandbox
    chosen, query = _settings(request).models, request.query_params
    if chosen == "status-500":
        raise internal_error()
    if chosen == "html":
        return HTMLResponse(_PAGE)
    if chosen == "slow":
        await state.pause(SLOW_LIST_SECONDS)
    newer = state.edition.has_v3
    more = {"with-faults": listed_faults, "with-dearer-faults": dearer_faults}.get(chosen, dict[str, Model])()
    models = {**state.listed, **more}
    shaped = {
        "v2": lambda: list_shapes.v2(models, query, aliases=newer),
        "v3": lambda: list_shapes.v3(models, query),
    }
    return JSONResponse(shaped.get(chosen, lambda: list_shapes.v1(models, query, text=newer))())


async def _popular(request: Request) -> Response:
    chosen = _settings(request).popularity
    if chosen == "status-500":
        raise internal_error()
    if chosen == "html":
        return HTMLResponse(_PAGE)
    return JSONResponse(_RANKINGS[chosen]())


async def _clear(request: Request) -> Response:
    request.app.state.seen.clear()
    return await journal_endpoints.clear_journal(request)


async def _change_settings(request: Request) -> Response:
    try:
        wanted: Any = json.loads(await request.body())
    except ValueError:
        wanted = None
    problem = _problem(wanted)
    if problem:
        return JSONResponse({"error": {"message": problem}}, 400)
    change_settings(request.app, wanted)
    return JSONResponse(asdict(_settings(request)))


def _problem(wanted: Any) -> str | None:  # noqa: ANN401 - JSON
    if not isinstance(wanted, dict):
        return "The settings are an object."
    for name, value in wanted.items():  # pyright: ignore[reportUnknownVariableType] - JSON
        if name in _CHOICES and value not in _CHOICES[name]:
            return f"'{name}' is one of: {', '.join(map(str, _CHOICES[name]))}"
        if name in _DURATIONS and not (isinstance(value, int | float) and 0 <= value <= _LONGEST_PAUSE):
            return f"'{name}' is a number of seconds from 0 to {_LONGEST_PAUSE}"
        if name == _RATE and not (isinstance(value, int) and value >= 0):
            return f"'{name}' is a number of requests, 0 for the service's rule"
        if name not in _CHOICES and name not in (*_DURATIONS, _RATE):
            return f"unknown setting '{name}'"
    return None


def _settings(request: Request) -> FaultySettings:
    return request.app.state.sandbox.settings


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

ROUTES: Final = (
    Route("/v1/models", _models_v1),
    Route(POPULAR_PATH, _popular, methods=["POST"]),
    Route("/sandbox/journal", _clear, methods=["DELETE"]),
    Route("/sandbox/settings", _change_settings, methods=["PUT"]),
)
