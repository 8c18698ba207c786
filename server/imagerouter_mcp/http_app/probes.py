"""Health probes for supervisors and load balancers: is the process alive, and can it work?"""

from collections.abc import AsyncGenerator, Callable

import anyio
from anyio import to_thread
from mcp.server import MCPServer
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from imagerouter_mcp import __version__
from imagerouter_mcp.apps import Apps
from imagerouter_mcp.errors import ImageRouterError
from imagerouter_mcp.gallery.files import prepare_folder
from imagerouter_mcp.http_app.draining import Draining
from imagerouter_mcp.wiring import App

PROBE_SECONDS = 0.8
"""Time limit for `/ready`, so that probes are answered within a second."""
_HEADERS = {"Cache-Control": "no-store", "Connection": "close"}
"""A probe is not limited in rate; each one costs a connection instead."""
_STREAM_HEADERS = {**_HEADERS, "X-Accel-Buffering": "no"}
"""As the streams of MCP have them."""


def add_probes(server: MCPServer[Apps], apps: Apps, draining: Draining) -> None:
    """Add `/health` and `/ready`, which need no token and reveal no secret.

    Args:
        server: The server being built.
        apps: What the tools work with.
        draining: Whether the server is about to end; then it is not ready.
    """

    @server.custom_route("/health", methods=["GET"])
    async def health(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction] - the route holds it
        if "text/event-stream" in request.headers.get("accept", ""):
            return StreamingResponse(_two_events(), 200, _STREAM_HEADERS, "text/event-stream")
        return JSONResponse({"status": "ok", "version": __version__}, headers=_HEADERS)

    # One check at a time: with a locked gallery, probes must not use up the tools' threads.
    one_at_a_time = anyio.CapacityLimiter(1)

    @server.custom_route("/ready", methods=["GET"])
    async def ready(_: Request) -> Response:  # pyright: ignore[reportUnusedFunction] - the route holds it
        if draining.begun:
            return JSONResponse({"status": "draining", "lacking": []}, 503, _HEADERS)
        lacking = ["an answer in time"]
        with anyio.move_on_after(PROBE_SECONDS):
            lacking = await to_thread.run_sync(
                _lacking, apps.operator, abandon_on_cancel=True, limiter=one_at_a_time
            )
        state = {"status": "not ready" if lacking else "ready", "lacking": lacking}
        return JSONResponse(state, 503 if lacking else 200, _HEADERS)


async def _two_events() -> AsyncGenerator[bytes]:
    """Yield two events, a second apart, which show whether a proxy holds events back."""
    yield b"data: first\n\n"
    await anyio.sleep(1)
    yield b"data: second\n\n"


def _lacking(app: App) -> list[str]:
    """Return what is missing to make a picture."""
    settings = app.settings
    checks: dict[str, Callable[[], object]] = {
        "key": lambda: settings.own_keys == "required" or settings.key,
        "gallery": app.gallery.check_writable,
        "output folder": lambda: prepare_folder(settings.output_dir) or True,
        "object store": app.files.check,
    }
    return [what for what, check in checks.items() if not _holds(check)]


def _holds(check: Callable[[], object]) -> bool:
    try:
        return bool(check())
    except ImageRouterError:
        return False
