"""Serve MCP over stdin and stdout until the host, or a signal, ends it."""

import os
import signal

import anyio

from imagerouter_mcp.cli.chosen_settings import chosen_settings
from imagerouter_mcp.descriptor_limit import raise_descriptor_limit
from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import App, open_app

CLOSING_SECONDS = 2.0
"""Seconds that closing may take after a signal, beyond the grace for unfinished requests."""


def serve_stdio(*, sandbox: bool) -> int:
    """Serve until stdin ends or a signal arrives."""
    raise_descriptor_limit()
    with chosen_settings(sandbox=sandbox) as settings:
        anyio.run(_serve, settings)
    return 0


async def _serve(settings: Settings) -> None:
    async with open_app(settings) as app, anyio.create_task_group() as tasks:
        if os.name == "posix":
            tasks.start_soon(_end_on_signal, app)
        await build_server(app).run_stdio_async()
        tasks.cancel_scope.cancel()


async def _end_on_signal(app: App) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        await anext(aiter(signals))
    with anyio.move_on_after(app.settings.grace_seconds + CLOSING_SECONDS):
        await app.close()
    # The SDK reads stdin in a thread that nothing can interrupt: waiting for it would hang.
    os._exit(0)
