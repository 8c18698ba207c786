"""The sandbox with models, lists and files that fail on purpose; `fault_models` lists them.

As a process of its own: `python -m support.faulty_sandbox`, with `tests` on `PYTHONPATH`. It prints the same
first line as `imagerouter-mcp sandbox`.
"""

import asyncio
import json
import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from imagerouter_mcp.sandbox.pictures.media import MadeFile
from imagerouter_mcp.sandbox.service.asgi import build_app
from imagerouter_mcp.sandbox.service.editions import EDITIONS
from imagerouter_mcp.sandbox.service.error_answers import (
    RATE_LIMIT,
    RefusedError,
    insufficient_credits,
    internal_error,
    rate_limited,
)
from imagerouter_mcp.sandbox.service.generation_endpoints import JSON_TYPE, Generation, begin
from imagerouter_mcp.sandbox.service.heartbeats import CutError, CuttableResponse
from imagerouter_mcp.sandbox.service.imitation import imitate
from imagerouter_mcp.sandbox.service.offered import Model
from imagerouter_mcp.sandbox.service.providers import Provider, ProviderAnswer, ProviderError, status_error
from imagerouter_mcp.sandbox.service.serve import Sandbox, running_sandbox, serve
from imagerouter_mcp.sandbox.service.state import SandboxState
from imagerouter_mcp.sandbox.service.validation import ValidRequest
from support import faulty_files, faulty_lists
from support.fault_models import PRICE, Fault, fault_model, fault_of
from support.faulty_state import FaultySettings, Service, first_time
from support.odd_pictures import ODD_PICTURES

HUGE_BASE64_BYTES: Final = 192 * 2**20
"""How long the `b64_json` of `huge-b64` is."""
_MIB: Final = 2**20
_BEATS_BEFORE_TROUBLE: Final = 2
_DEAR: Final = 0.03
_LOOK_SECONDS: Final = 0.01
"""How often `held` looks whether it may answer."""
_GATEWAY_PAGE: Final = (
    "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n"
    "<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
)


def build_faulty_app(*, service: Service = "february", heartbeat_seconds: float = 3.0) -> Starlette:
    """Build a sandbox that knows every fault."""
    settings = FaultySettings(heartbeat_seconds, service=service)
    routes = [
        Route("/v1/openai/images/generations", _generate_image, methods=["POST"]),
        Route("/v1/openai/images/edits", _generate_image, methods=["POST"]),
        Route("/v1/openai/videos/generations", _generate_video, methods=["POST"]),
        faulty_files.ROUTE,
        *faulty_lists.ROUTES,
    ]
    app = build_app(edition=EDITIONS[service], settings=settings, routes=routes)
    state: SandboxState = app.state.sandbox
    state.models = _ModelsAndFaults(state.models)
    state.providers = _FaultyProviders(state.providers, state)
    app.state.seen = set[str]()
    return app


def running_faulty_sandbox(
    *, service: Service = "february", heartbeat_seconds: float = 3.0
) -> AbstractContextManager[Sandbox]:
    """Run a faulty sandbox in a thread; see `running_sandbox`."""
    return running_sandbox(build_faulty_app(service=service, heartbeat_seconds=heartbeat_seconds))


class _ModelsAndFaults(dict[str, Model]):
    """The sandbox's models and every fault, a slow one of any number of seconds included."""

    def get(self, key: str, default: Model | None = None) -> Model | None:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] - one signature is enough
        return fault_model(key) if fault_of(key) else super().get(key, default)


class _FaultyProviders(dict[str, Provider]):
    """The sandbox's providers and those of the fault models."""

    def __init__(self, usual: Mapping[str, Provider], state: SandboxState) -> None:
        super().__init__(usual)
        self._state = state

    def get(self, key: str, default: Provider = imitate) -> Provider:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] - one signature is enough
        fault = fault_of(key)
        return _provider(fault, self._state) if fault else super().get(key, default)


def _provider(fault: Fault, state: SandboxState) -> Provider:
    async def provide(request: ValidRequest, provider_id: str) -> ProviderAnswer:
        await state.pause(fault.seconds)
        while fault.name == "held" and _is_held(state):
            await state.pause(_LOOK_SECONDS)
        if fault.group == "error":
            return await _fail(fault, state)
        if fault.group == "picture":
            odd = ODD_PICTURES[fault.name]
            return ProviderAnswer(
                [await asyncio.to_thread(odd, request.prompt or "", request.drawn_size)], PRICE
            )
        if fault.name == "three-pictures":
            made = [await imitate(replace(request, take=take), provider_id) for take in range(3)]
            return ProviderAnswer([one.data[0] for one in made], 3 * PRICE)
        made = await imitate(replace(request, take=0), provider_id)  # tests compare one call with another
        return ProviderAnswer(
            () if fault.name == "empty-data" else made.data, _DEAR if fault.name == "dear" else PRICE
        )

    return provide


def _is_held(state: SandboxState) -> bool:
    assert isinstance(state.settings, FaultySettings)
    return state.settings.held and not state.closing.is_set()


async def _fail(fault: Fault, state: SandboxState) -> ProviderAnswer:
    if fault.name == "late-error":
        await state.pause((_BEATS_BEFORE_TROUBLE + 0.5) * state.settings.heartbeat_seconds)
    if fault.name == "postlog":
        return ProviderAnswer(cost=None)
    if fault.name == "charged-error":
        return ProviderAnswer(cost=PRICE, error={"message": "Worker crashed", "type": "failed"})
    if fault.name == "charged-429":
        message = "Upstream rate limit exceeded, too many requests"
        return ProviderAnswer(cost=PRICE, error={"message": message, "type": "rate_limit_error"})
    thrown = _THROWN[fault.name]()
    raise thrown


_THROWN: Final[Mapping[str, Callable[[], ProviderError]]] = {
    "moderated": lambda: ProviderError(
        {
            "message": "Your request was rejected as a result of our safety system.",
            "type": "image_generation_user_error",
            "param": None,
            "code": "moderation_blocked",
        }
    ),
    "provider-429": lambda: status_error(429, "rateLimitExceeded", "Too many requests. Please slow down."),
    "provider-error": lambda: status_error(503, "Service Unavailable", "The model is overloaded."),
    "late-error": lambda: status_error(503, "Service Unavailable", "The model is overloaded."),
    "refund-failure": lambda: ProviderError({"message": "failed"}, refund_fails=True),
}


async def _generate_image(request: Request) -> Response:
    return _respond(request, await begin(request, video=False))


async def _generate_video(request: Request) -> Response:
    return _respond(request, await begin(request, video=True))


def _respond(request: Request, generation: Generation) -> Response:
    fault = fault_of(generation.request.model.id)
    if fault is None:
        return generation.respond()
    faulty = _FaultyGeneration(
        generation.state, generation.entry, generation.charge, generation.request, generation.base_url
    )
    if fault.group == "refusal":
        return _refuse(faulty, fault, first=first_time(request.app, fault.name))
    if fault.group == "stream":
        return _troubled(faulty, fault)
    return faulty.respond()


class _FaultyGeneration(Generation):
    """A generation that works, and answers in a form of its own."""

    def item(self, result: MadeFile | Mapping[str, object]) -> dict[str, object]:
        fault = fault_of(self.request.model.id)
        assert fault
        assert isinstance(result, MadeFile)
        match fault.name:
            case "no-url":
                return {"revised_prompt": None}
            case "bad-base64":
                return {"b64_json": "%%% this is not base64 %%%", "revised_prompt": None}
            case "data-prefix":
                encoded = b64encode(result.data).decode()
                return {"b64_json": f"data:{result.media_type};base64,{encoded}", "revised_prompt": None}
            case "public-link":
                return {"url": self.publish(result), "revised_prompt": None}
            case name if fault.group == "delivery":
                url = self.publish(result).replace("/files/", f"/files/{name}/")
                return {"url": url, "revised_prompt": None}
            case _:
                return super().item(result)


def _refuse(generation: Generation, fault: Fault, *, first: bool) -> Response:
    if fault.name == "rate-limited-once" and not first:
        return generation.respond()
    if fault.name == "html-504":
        generation.entry.outcome = fault.name
        return HTMLResponse(_GATEWAY_PAGE.format(status="504 Gateway Time-out"), 504)
    if fault.name == "json-504":
        generation.entry.outcome = fault.name
        return JSONResponse({"message": "The upstream server is timing out"}, 504)
    generation.charge.refund()
    if fault.name == "html-502":
        generation.entry.outcome = fault.name
        return HTMLResponse(_GATEWAY_PAGE.format(status="502 Bad Gateway"), 502)
    refusal = _REFUSALS[fault.name]()
    raise refusal


_REFUSALS: Final[Mapping[str, Callable[[], RefusedError]]] = {
    "status-500": internal_error,
    "rate-limited": rate_limited,
    "rate-limited-once": rate_limited,
    "rate-limited-untimed": lambda: RefusedError(429, "Too many requests", RATE_LIMIT, typed=True),
    "access-denied": lambda: RefusedError(403, "Access denied", "access_denied", typed=True),
    "deposit-required": lambda: RefusedError(
        403,
        "Daily limit of 10 free requests reached. Please deposit any amount to get more.",
        "deposit_required",
        typed=True,
    ),
    "no-credits": lambda: insufficient_credits(PRICE),
}


def _troubled(generation: Generation, fault: Fault) -> Response:
    generation.entry.outcome = fault.name
    if fault.name == "stalled":
        return _StalledResponse(generation.state)
    if fault.name == "vanished":
        return _VanishedResponse(generation.state)
    return CuttableResponse(_TROUBLES[fault.name](generation), media_type=JSON_TYPE)


async def _garbage(_: Generation) -> AsyncIterator[bytes]:
    yield b"]]] The answer is on its way, but it is not JSON. {{{"


async def _cut(generation: Generation) -> AsyncIterator[bytes]:
    whole = await generation.work()
    generation.entry.outcome = "cut"
    async for chunk in faulty_files.cut_after(whole[: len(whole) // 2]):
        yield chunk


async def _huge(generation: Generation) -> AsyncIterator[bytes]:
    answer = {
        "created": 0,
        "data": [{"b64_json": "@"}],
        "latency": 0,
        "cost": generation.charge.settle(PRICE),
    }
    before, after = json.dumps(answer).encode().split(b"@")
    yield before
    for _ in range(HUGE_BASE64_BYTES // _MIB):
        yield b"A" * _MIB
    yield after


async def _stalled_after_heartbeats(generation: Generation) -> AsyncIterator[bytes]:
    state = generation.state
    for _ in range(_BEATS_BEFORE_TROUBLE):
        await state.pause(state.settings.heartbeat_seconds)
        yield b" "
    await state.closing.wait()
    raise CutError


_TROUBLES: Final[Mapping[str, Callable[[Generation], AsyncIterator[bytes]]]] = {
    "garbage": _garbage,
    "cut": _cut,
    "huge-b64": _huge,
    "stalled-after-heartbeats": _stalled_after_heartbeats,
}


class _StalledResponse(Response):
    """Not even a status line, until the client goes away or the server stops."""

    def __init__(self, state: SandboxState) -> None:
        super().__init__()
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, send
        waiting = {asyncio.ensure_future(self._state.closing.wait()), asyncio.ensure_future(_left(receive))}
        _, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()


class _VanishedResponse(Response):
    """The connection closes without a status line."""

    def __init__(self, state: SandboxState) -> None:
        super().__init__()
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hang up; if the application merely returned, the server would send a 500 of its own."""
        del send
        self._state.hang_up(scope["client"])
        await _left(receive)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def main() -> None:
    """Serve on a free loopback port until interrupted."""

    def ready(address: str) -> None:
        sys.stdout.write(f"Sandbox at {address}\n")
        sys.stdout.flush()

    with suppress(KeyboardInterrupt):
        asyncio.run(serve(build_faulty_app(), "127.0.0.1", 0, ready=ready))


if __name__ == "__main__":
    main()
