"""Serve MCP over streamable HTTP until a signal ends it."""

import signal
import sys
from types import FrameType

import anyio
import uvicorn

from imagerouter_mcp.cli.setup import chosen_settings
from imagerouter_mcp.generation.studio import open_studio
from imagerouter_mcp.http_app import build_http_app
from imagerouter_mcp.settings import Settings

CLOSING_SECONDS = 2
"""How long open streams may last after a signal."""


def serve_http(host: str, port: int, *, sandbox: bool) -> int:
    """Serve until a signal arrives.

    Args:
        host: The address to bind to; any but loopback needs `IMAGEROUTER_MCP_TOKEN`.
        port: The port to bind to.
        sandbox: Whether to make pictures with a stand-in.

    Raises:
        ConfigurationError: The address needs a token, and there is none.
    """
    # uvicorn raises the signal that ended it once more; by then the work is done.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, _ignore)
    with chosen_settings(sandbox=sandbox) as settings:
        anyio.run(_serve, settings, host, port)
    return 0


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Let a signal pass."""


async def _serve(settings: Settings, host: str, port: int) -> None:
    async with open_studio(settings) as studio:
        config = uvicorn.Config(
            build_http_app(studio, host),
            host=host,
            port=port,
            log_config=None,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=CLOSING_SECONDS,
        )
        shown = f"[{host}]" if ":" in host else host
        print(f"Serving MCP at http://{shown}:{port}/mcp", file=sys.stderr, flush=True)
        await uvicorn.Server(config).serve()
