"""Serve MCP over stdin and stdout until the host, or a signal, ends it."""

import os
import signal

import anyio

from imagerouter_mcp.cli.chosen_settings import chosen_settings
from imagerouter_mcp.generation.studio import Studio, open_studio
from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings

CLOSING_SECONDS = 2.0
"""How long closing may take after a signal, beside what was sent; an idle server closes at once."""


def serve_stdio(*, sandbox: bool) -> int:
    """Serve until stdin ends or a signal arrives."""
    with chosen_settings(sandbox=sandbox) as settings:
        anyio.run(_serve, settings)
    return 0


async def _serve(settings: Settings) -> None:
    async with open_studio(settings) as studio, anyio.create_task_group() as tasks:
        if os.name == "posix":
            tasks.start_soon(_end_on_signal, studio)
        await build_server(studio).run_stdio_async()
        tasks.cancel_scope.cancel()


async def _end_on_signal(studio: Studio) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        await anext(aiter(signals))
    with anyio.move_on_after(studio.settings.grace_seconds + CLOSING_SECONDS):
        await studio.close()
    # The SDK reads stdin in a thread that nothing can interrupt: waiting for it would hang.
    os._exit(0)
