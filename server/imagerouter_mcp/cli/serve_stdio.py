"""Serve MCP over stdin and stdout until the host, or a signal, ends it."""

import logging
import os
import signal
import sys
from contextlib import ExitStack

import anyio
from mcp.server import MCPServer
from mcp.server.stdio import stdio_server

from imagerouter_mcp.apps import Apps
from imagerouter_mcp.cli.chosen_settings import chosen_settings
from imagerouter_mcp.cli.unreadable_lines import Incoming, pass_on
from imagerouter_mcp.descriptor_limit import raise_descriptor_limit
from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.retention import retention
from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import App, open_app

logger = logging.getLogger(__name__)

CLOSING_SECONDS = 2.0
"""Seconds that closing may take after a signal, beyond the grace for unfinished requests."""


def serve_stdio(*, sandbox: bool) -> int:
    """Serve until stdin ends or a signal arrives.

    It serves even with invalid settings: hosts do not show why a server ended, but each call can say which
    setting is wrong.
    """
    if not (sys.stdin and sys.stdout):
        raise ConfigurationError(
            "MCP over stdio needs stdin and stdout, and one of them is closed.",
            "Have a host start it; `imagerouter-mcp setup` registers it with one.",
        )
    raise_descriptor_limit()
    with ExitStack() as running:
        try:
            settings = running.enter_context(chosen_settings(sandbox=sandbox))
        except ConfigurationError as error:
            logger.error("%s", error)  # noqa: TRY400 - the sentence says it all
            settings = error
        anyio.run(_serve, settings)
    return 0


async def _serve(settings: Settings | ConfigurationError) -> None:
    usable = None if isinstance(settings, ConfigurationError) else settings
    grace_seconds = usable.grace_seconds if usable else 0
    async with (
        open_app(settings) as app,
        retention(app, usable.keep_days if usable else None),
        anyio.create_task_group() as tasks,
    ):
        if os.name == "posix":
            tasks.start_soon(_end_on_signal, app, grace_seconds)
        try:
            await _speak(build_server(app))
        except* OSError:
            logger.warning("Nobody reads this server's answers any more, so it ends.")
        tasks.cancel_scope.cancel()


async def _speak(server: MCPServer[Apps]) -> None:
    """Do what `run_stdio_async` does, and also answer invalid lines."""
    spoken = server._lowlevel_server  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - see tools/declare.py
    async with stdio_server() as (lines, answers), anyio.create_task_group() as tasks:
        send, messages = anyio.create_memory_object_stream[Incoming]()
        tasks.start_soon(pass_on, lines, send, answers.send)
        await spoken.run(messages, answers, spoken.create_initialization_options())


async def _end_on_signal(app: App, grace_seconds: float) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        await anext(aiter(signals))
    with anyio.move_on_after(grace_seconds + CLOSING_SECONDS):
        await app.close()
    logging.shutdown()
    # The SDK reads stdin in a thread that nothing can interrupt: waiting for it would hang.
    os._exit(0)
