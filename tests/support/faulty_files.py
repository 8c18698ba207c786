"""Results that are hard to fetch, at `/files/<fault>/<name>`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from imagerouter_mcp.sandbox.pictures.media import PNG
from imagerouter_mcp.sandbox.service.heartbeats import CutError, CuttableResponse
from imagerouter_mcp.sandbox.service.state import SandboxState
from imagerouter_mcp.sandbox.service.store import StoredFile
from support.faulty_state import first_time

_FIRST_DRIP: Final = 64
_DRIPS: Final = 8
_DRIP_SECONDS: Final = 0.2
_CHUNK: Final = bytes(64 * 1024)


async def cut_after(data: bytes) -> AsyncIterator[bytes]:
    """Give `data`, then break the connection."""
    yield data
    await asyncio.sleep(0)
    raise CutError


async def _faulty_file(request: Request) -> Response:
    state: SandboxState = request.app.state.sandbox
    deliver = _DELIVERIES.get(request.path_params["fault"])
    found = state.results.get(request.path_params["name"])
    return deliver(request, found) if deliver and found else PlainTextResponse("Not Found", 404)


ROUTE: Final = Route("/files/{fault}/{name}", _faulty_file)


def _once(request: Request, found: StoredFile) -> Response:
    if first_time(request.app, request.url.path):
        return PlainTextResponse("Service Unavailable", 503)
    return Response(found.data, media_type=found.media_type)


def _redirect(request: Request, _: StoredFile) -> Response:
    return RedirectResponse(request.url_for("file", name=request.path_params["name"]), 302)


def _loop(request: Request, _: StoredFile) -> Response:
    return RedirectResponse(request.url, 302)


def _slow(request: Request, found: StoredFile) -> Response:
    return _sized(_drip(found.data, request.app.state.sandbox), found)


async def _drip(data: bytes, state: SandboxState) -> AsyncIterator[bytes]:
    yield data[:_FIRST_DRIP]
    most = max(_FIRST_DRIP, len(data) // _DRIPS)
    for start in range(_FIRST_DRIP, len(data), most):
        await state.pause(_DRIP_SECONDS)
        if state.closing.is_set():
            raise CutError
        yield data[start : start + most]


def _endless(request: Request, _: StoredFile) -> Response:
    return CuttableResponse(_again_and_again(request.app.state.sandbox), media_type=PNG)


async def _again_and_again(state: SandboxState) -> AsyncIterator[bytes]:
    while not state.closing.is_set():
        yield _CHUNK
        await asyncio.sleep(0)  # lets the server notice that the client has left
    raise CutError


def _truncated(_: Request, found: StoredFile) -> Response:
    return _sized(cut_after(found.data[: len(found.data) // 2]), found)


def _html(_: Request, __: StoredFile) -> Response:
    return HTMLResponse("<!DOCTYPE html><title>Not a picture</title>", headers={"Content-Type": PNG})


def _empty(_: Request, found: StoredFile) -> Response:
    return Response(b"", media_type=found.media_type)


def _sized(body: AsyncIterator[bytes], found: StoredFile) -> Response:
    length = {"Content-Length": str(len(found.data))}
    return CuttableResponse(body, headers=length, media_type=found.media_type)


_DELIVERIES: Final[Mapping[str, Callable[[Request, StoredFile], Response]]] = {
    "url-503-once": _once,
    "url-redirect": _redirect,
    "url-redirect-loop": _loop,
    "url-slow": _slow,
    "url-endless": _endless,
    "url-truncated": _truncated,
    "url-html": _html,
    "url-empty": _empty,
}
"""By fault name; `url-404` is none of them, and so nothing is there."""
