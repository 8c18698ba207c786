"""Serve MCP over HTTP from this process, where a test can change the limits."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import uvicorn

from imagerouter_mcp.apps import open_apps
from imagerouter_mcp.gallery.signed_links import Links
from imagerouter_mcp.http_app.app import build_http_app
from imagerouter_mcp.http_app.connections import Connection
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import App, open_app

SECRET = b"link-secret-of-this-test-0123456789abcdef"


@asynccontextmanager
async def served(settings: Settings, *, studio_only: bool = False) -> AsyncGenerator[tuple[Links, App]]:
    """Serve on a free port of loopback; yield the server's links and what it works with."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        links = Links(f"http://127.0.0.1:{listener.getsockname()[1]}", SECRET)
        async with open_app(settings, links) as app, open_apps(app) as apps:
            config = uvicorn.Config(
                build_http_app(apps, "127.0.0.1", studio_only=studio_only),
                http=Connection,
                log_config=None,
                timeout_graceful_shutdown=1,
            )
            running = uvicorn.Server(config)
            task = asyncio.create_task(running.serve(sockets=[listener]))
            try:
                yield links, app
            finally:
                running.should_exit = True
                await task
