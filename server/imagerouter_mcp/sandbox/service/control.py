"""The endpoints that only the sandbox has, under `/sandbox/`: what arrived, and how it behaves."""

import json
from dataclasses import asdict
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from imagerouter_mcp.sandbox.service.state import MODELS, POPULARITY, SandboxState

_LONGEST_PAUSE: Final = 3600
"""Seconds."""
_CHOICES: Final[dict[str, tuple[str, ...]]] = {"popularity": POPULARITY, "models": MODELS}
_DURATIONS: Final = ("heartbeat_seconds", "latency_seconds", "rate_window_seconds")
_RATE: Final = "rate_limit"


async def read_journal(request: Request) -> Response:
    """`GET /sandbox/journal`: everything that arrived, in order."""
    state: SandboxState = request.app.state.sandbox
    return JSONResponse(state.journal.as_json())


async def clear_journal(request: Request) -> Response:
    """`DELETE /sandbox/journal`: forget it, and what fails only once fails once more."""
    state: SandboxState = request.app.state.sandbox
    state.reset()
    return Response(status_code=204)


async def read_upload(request: Request) -> Response:
    """`GET /sandbox/uploads/{sha256}`: the bytes of an uploaded file."""
    state: SandboxState = request.app.state.sandbox
    found = state.uploads.get(request.path_params["sha256"])
    if found is None:
        return PlainTextResponse("Not Found", 404)
    return Response(found.data, media_type=found.media_type)


async def change_settings(request: Request) -> Response:
    """`PUT /sandbox/settings`: change some, and answer all; nothing changes when one of them is wrong."""
    state: SandboxState = request.app.state.sandbox
    try:
        wanted: Any = json.loads(await request.body())
    except ValueError:
        wanted = None
    problem = _problem(wanted)
    if problem:
        return JSONResponse({"error": {"message": problem}}, 400)
    for name, value in wanted.items():
        setattr(state.settings, name, value)
    return JSONResponse(asdict(state.settings))


def _problem(wanted: Any) -> str | None:  # noqa: ANN401 - JSON
    if not isinstance(wanted, dict):
        return "The settings are an object."
    for name, value in wanted.items():  # pyright: ignore[reportUnknownVariableType] - JSON
        if name in _CHOICES and value not in _CHOICES[name]:
            return f"'{name}' is one of: {', '.join(_CHOICES[name])}"
        if name in _DURATIONS and not (isinstance(value, int | float) and 0 <= value <= _LONGEST_PAUSE):
            return f"'{name}' is a number of seconds from 0 to {_LONGEST_PAUSE}"
        if name == _RATE and not (isinstance(value, int) and value >= 0):
            return f"'{name}' is a number of requests, 0 for the service's rule"
        if name not in _CHOICES and name not in (*_DURATIONS, _RATE):
            return f"unknown setting '{name}'"
    return None
