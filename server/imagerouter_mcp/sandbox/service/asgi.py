"""The ASGI application: which address does what."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imagerouter_mcp.sandbox.service import (
    generation_endpoints,
    journal_endpoints,
    list_endpoints,
    result_files,
)
from imagerouter_mcp.sandbox.service.editions import LIVE, Edition
from imagerouter_mcp.sandbox.service.error_answers import NOT_FOUND_PAGE, RefusedError
from imagerouter_mcp.sandbox.service.imitation import imitate
from imagerouter_mcp.sandbox.service.offered import Model, listed
from imagerouter_mcp.sandbox.service.providers import Provider
from imagerouter_mcp.sandbox.service.sandbox_journal import Entry
from imagerouter_mcp.sandbox.service.special_models import SPECIAL_MODELS
from imagerouter_mcp.sandbox.service.state import SandboxSettings, SandboxState

SERVER_NAME: Final = "imagerouter-sandbox"
"""The `Server` header of every answer: by it a client can tell that nothing was real."""
POPULAR_PATH: Final = "/operations/get-popular-models"
"""At the service this stands on another host than the rest."""
_ADMIN: Final = "/sandbox/"


def build_app(
    *,
    edition: Edition = LIVE,
    models: Mapping[str, Model] | None = None,
    providers: Mapping[str, Provider] | None = None,
    settings: SandboxSettings | None = None,
    routes: Sequence[BaseRoute] = (),
) -> Starlette:
    """Build a sandbox with nothing in it yet.

    Args:
        edition: Which generation of the service it is.
        models: The models that it lists; left out, its own.
        providers: What makes the results of some models, by id; the others are imitated.
        settings: How it behaves.
        routes: Further addresses, which win over its own.

    Returns:
        The application; its `state.sandbox` is the `SandboxState`.
    """
    shown = listed() if models is None else models
    state = SandboxState(
        models={**{name: one.model for name, one in SPECIAL_MODELS.items()}, **shown},
        listed=shown,
        provider=imitate,
        providers={**{name: one.provider for name, one in SPECIAL_MODELS.items()}, **(providers or {})},
        edition=edition,
        settings=settings or SandboxSettings(),
    )
    app = Starlette(
        routes=[*routes, *_routes()],
        middleware=[Middleware(_Recorder, state=state)],
        exception_handlers={RefusedError: _refuse, 404: _unknown, 405: _unknown},
    )
    app.state.sandbox = state
    return app


def _routes() -> list[Route]:
    return [
        Route("/v1/openai/images/generations", generation_endpoints.generate_image, methods=["POST"]),
        Route("/v1/openai/images/edits", generation_endpoints.generate_image, methods=["POST"]),
        Route("/v1/openai/videos/generations", generation_endpoints.generate_video, methods=["POST"]),
        Route("/v1/models", list_endpoints.models_v1),
        Route("/v1/models/{id:path}", list_endpoints.model_v1),
        Route("/v2/models", list_endpoints.models_v2),
        Route("/v3/models", list_endpoints.models_v3),
        Route("/v3/models/{id:path}", list_endpoints.model_v3),
        Route(POPULAR_PATH, list_endpoints.popular, methods=["POST"]),
        Route("/v1/credits", list_endpoints.credits),
        Route("/v1/auth/test", list_endpoints.test_key, methods=["POST"]),
        Route("/files/{name}", result_files.file, name="file"),
        Route("/sandbox/journal", journal_endpoints.read_journal, methods=["GET"]),
        Route("/sandbox/journal", journal_endpoints.clear_journal, methods=["DELETE"]),
        Route("/sandbox/uploads/{sha256}", journal_endpoints.read_upload),
    ]


async def _refuse(request: Request, error: Exception) -> Response:
    if not isinstance(error, RefusedError):
        raise error
    request.state.entry.outcome = error.message
    return error.response()


async def _unknown(request: Request, _error: Exception) -> Response:
    page = NOT_FOUND_PAGE.format(method=request.method, path=escape(request.url.path))
    return HTMLResponse(page, 404)


class _Recorder:
    """Notes each request in the journal, and puts the sandbox's name on each answer."""

    def __init__(self, app: ASGIApp, state: SandboxState) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        entry = _entry(scope)
        scope.setdefault("state", {})["entry"] = entry
        if not entry.path.startswith(_ADMIN):
            self._state.journal.add(entry)

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Server"] = SERVER_NAME
                for name, value in scope["state"].get("rate_limit", {}).items():
                    headers.setdefault(name, value)
                entry.status = message["status"]
                entry.outcome = entry.outcome or f"status {message['status']}"
            await send(message)

        await self._app(scope, receive, stamped)


def _entry(scope: Scope) -> Entry:
    headers = Headers(scope=scope)
    return Entry(
        method=scope["method"],
        path=scope["path"],
        content_type=headers.get("content-type"),
        user_agent=headers.get("user-agent"),
        authorized="authorization" in headers,
        query=dict(QueryParams(scope["query_string"])),
    )
