"""Where results are fetched: `/files/<name>`, and `/files/<fault>/<name>` for what goes wrong there."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from imagerouter_mcp.sandbox.pictures.media import PNG
from imagerouter_mcp.sandbox.service.state import SandboxState
from imagerouter_mcp.sandbox.service.store import StoredFile
from imagerouter_mcp.sandbox.service.streams import CuttableResponse, cut_after, drip, endless

_DRIP_BYTES: Final = 64
_DRIP_SECONDS: Final = 0.2
_CHUNK: Final = bytes(64 * 1024)


async def file(request: Request) -> Response:
    """`GET /files/{name}`: a result with its media type."""
    found = _found(request)
    return Response(found.data, media_type=found.media_type) if found else _missing()


async def faulty_file(request: Request) -> Response:
    """`GET /files/{fault}/{name}`: a result that is hard to get."""
    deliver = _DELIVERIES.get(request.path_params["fault"])
    found = _found(request)
    return deliver(request, found) if deliver and found else _missing()


def _once(request: Request, found: StoredFile) -> Response:
    if _state(request).first_time(request.url.path):
        return PlainTextResponse("Service Unavailable", 503)
    return Response(found.data, media_type=found.media_type)


def _redirect(request: Request, _: StoredFile) -> Response:
    return RedirectResponse(request.url_for("file", name=request.path_params["name"]), 302)


def _loop(request: Request, _: StoredFile) -> Response:
    return RedirectResponse(request.url, 302)


def _slow(request: Request, found: StoredFile) -> Response:
    return _sized(drip(found.data, _state(request), _DRIP_BYTES, _DRIP_SECONDS), found)


def _endless(request: Request, _: StoredFile) -> Response:
    return CuttableResponse(endless(_CHUNK, _state(request)), media_type=PNG)


def _truncated(_: Request, found: StoredFile) -> Response:
    return _sized(cut_after(found.data[: len(found.data) // 2]), found)


def _html(_: Request, __: StoredFile) -> Response:
    return HTMLResponse("<!DOCTYPE html><title>Not a picture</title>", headers={"Content-Type": PNG})


def _empty(_: Request, found: StoredFile) -> Response:
    return Response(b"", media_type=found.media_type)


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


def _found(request: Request) -> StoredFile | None:
    return _state(request).results.get(request.path_params["name"])


def _state(request: Request) -> SandboxState:
    return request.app.state.sandbox


def _sized(body: AsyncIterator[bytes], found: StoredFile) -> Response:
    return CuttableResponse(
        body, headers={"Content-Length": str(len(found.data))}, media_type=found.media_type
    )


def _missing() -> Response:
    return PlainTextResponse("Not Found", 404)
