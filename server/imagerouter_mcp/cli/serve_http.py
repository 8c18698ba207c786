"""Serve MCP over streamable HTTP until a signal ends it."""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType

import anyio
import uvicorn
from anyio import to_thread
from starlette.types import ASGIApp

from imagerouter_mcp.apps import Apps, open_apps, settling_left
from imagerouter_mcp.cli.chosen_settings import chosen_settings
from imagerouter_mcp.descriptor_limit import raise_descriptor_limit
from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.gallery.signed_links import Links, link_secret
from imagerouter_mcp.gallery.tables import SCHEMA
from imagerouter_mcp.http_app.app import build_http_app
from imagerouter_mcp.http_app.connections import ACCEPTED_AT_ONCE, Connection, Server
from imagerouter_mcp.http_app.draining import Draining
from imagerouter_mcp.http_app.exposure import EVERYWHERE, check_exposure, is_loopback
from imagerouter_mcp.http_app.moving_in import moving_in
from imagerouter_mcp.http_app.request_log import log_requests
from imagerouter_mcp.http_app.stale_copies import dropping_stale_copies
from imagerouter_mcp.http_app.studio.opening_links import noted_address, opening_link
from imagerouter_mcp.retention import retention
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import App, open_app

logger = logging.getLogger(__name__)

COLLECTIONS = (700, 10, 30)
"""When Python looks for garbage. By default the last number is 10: it looks through all objects every few
hundred requests, and whoever asks at that moment waits for a tenth of a second. With 100, a server grows by
7 MiB more in 2,000 generations (`make bench ONLY=load`)."""
CLOSING_SECONDS = 2
"""Seconds that other requests may still take once the calls under way are done."""


def serve_http(host: str, port: int, *, sandbox: bool, studio: bool) -> int:
    """Serve until a signal arrives.

    Args:
        host: The address to bind to; any but loopback needs `IMAGEROUTER_MCP_TOKEN`.
        port: The port to bind to.
        sandbox: Whether to make pictures with the sandbox.
        studio: Whether to print a link to the studio, even if no terminal shows it.

    Raises:
        ConfigurationError: The address needs a token, and there is none.
    """
    let_signals_pass()
    raise_descriptor_limit()
    gc.set_threshold(*COLLECTIONS)
    with chosen_settings(sandbox=sandbox) as settings:
        log_requests()
        if settings.log_format == "json":
            from imagerouter_mcp.http_app.json_log import log_as_json  # noqa: PLC0415 - only where asked for

            log_as_json(settings)
        check_exposure(settings, host)
        with listen("MCP", host, port) as listener, _metrics(settings):
            shows_link = studio or bool(sys.stderr and sys.stderr.isatty())
            anyio.run(_serve, settings.model_copy(update={"remote": True}), host, listener, shows_link)
    return 0


@contextmanager
def _metrics(settings: Settings) -> Generator[None]:
    """Serve metrics until the block ends, if there is a port for them.

    Raises:
        ConfigurationError: They cannot be served.
    """
    if settings.metrics_port is None:
        yield
        return
    try:
        from imagerouter_mcp.http_app.metrics import served_metrics  # noqa: PLC0415 - only where asked for
    except ModuleNotFoundError:
        raise ConfigurationError(
            "IMAGEROUTER_METRICS_PORT needs the package prometheus-client, which is not installed.",
            "Install imagerouter-mcp[team] in place of imagerouter-mcp, or remove the setting.",
        ) from None
    with served_metrics(settings.metrics_host, settings.metrics_port):
        yield


def let_signals_pass() -> None:
    """Ignore the signals that end a server from now on; uvicorn raises them again when it has finished."""
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, _ignore)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    pass


async def _serve(settings: Settings, host: str, listener: socket.socket, shows_link: bool) -> None:  # noqa: FBT001 - anyio passes no names
    links = Links(settings.public_url or _reached(listener), link_secret(settings))
    async with (
        open_app(settings, links) as app,
        _stores(app),
        open_apps(app) as apps,
        retention(apps, settings.keep_days),
    ):
        _say(settings, f"Serving MCP at http://{_shown(listener)}/mcp")
        _say_if_no_key(settings)
        if not settings.public_url and not is_loopback(host):
            _say(
                settings, f"Links begin with {links.base_url}; set IMAGEROUTER_PUBLIC_URL to what others use."
            )
        if shows_link and settings.log_format == "json":
            _say(
                settings,
                "A log of JSON holds no link to the studio: imagerouter-mcp studio --link prints one.",
            )
        elif shows_link:
            link = opening_link(links.base_url, settings)
            _say(settings, f"The studio, once within ten minutes: {link}")
        draining = Draining(settings.drain_seconds)
        with noted_address(links.base_url, settings):
            async with moving_in(apps), dropping_stale_copies(apps), settling_left(apps):
                await serve(build_http_app(apps, host, draining=draining), apps, listener, draining)


def _say_if_no_key(settings: Settings) -> None:
    """Warn the operator if nothing can be made because the key that would pay for it is not there."""
    if settings.own_keys == "required":
        return
    whose = "" if settings.own_keys == "no" else " for people without a key of their own"
    try:
        if settings.key is None:
            _say(
                settings,
                f"There is no API key, so no picture or video can be made{whose} until you store one with "
                "`imagerouter-mcp key` (or set IMAGEROUTER_API_KEY) and start this server again.",
            )
    except ConfigurationError as error:
        _say(settings, f"{error.what} {error.remedy}")


@asynccontextmanager
async def _stores(app: App) -> AsyncGenerator[None]:
    """Yield if the database can be used and the object store opened: else no call could succeed.

    Raises:
        ConfigurationError: One of them cannot.
    """
    postgres, _ = app.shared.postgres, app.shared.objects
    if postgres:
        await to_thread.run_sync(postgres.prepare, SCHEMA)
    yield


def _say(settings: Settings, sentence: str) -> None:
    """Print something for the operator, in the log's format."""
    if settings.log_format == "json":
        logger.info(sentence)
    else:
        print(sentence, file=sys.stderr, flush=True)


async def serve(served: ASGIApp, apps: Apps, listener: socket.socket, draining: Draining) -> None:
    """Serve an application until a signal arrives, and what is under way is done.

    Args:
        served: What answers.
        apps: What it works with; their settings name the proxies that are believed.
        listener: Where requests arrive.
        draining: How long to go on accepting requests after the signal.
    """
    settings = apps.settings
    config = uvicorn.Config(
        served,
        http=Connection,
        backlog=ACCEPTED_AT_ONCE,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.http_proxies),
        forwarded_allow_ips=list(settings.http_proxies),
        timeout_graceful_shutdown=CLOSING_SECONDS,
    )
    logging.getLogger("uvicorn.error").addFilter(_without_late_endings)
    server = Server(config, draining, apps.end_calls, settings.grace_seconds)
    await server.serve(sockets=[listener])


def _without_late_endings(record: logging.LogRecord) -> bool:
    """Drop uvicorn's long log lines about requests that are under way when it ends."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, asyncio.CancelledError) and "graceful shutdown" not in str(record.msg)


def listen(what: str, host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Args:
        what: What is served there, for the error.
        host: The address to bind to.
        port: The port, 0 for a free one.

    Raises:
        ConfigurationError: The address or the port cannot be used.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # Without the protocol's number, asyncio leaves out TCP_NODELAY and each small answer waits 40 ms.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            if os.name == "posix":  # on Windows it would let others take the port as well
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen()
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise ConfigurationError(
            f"{what} cannot be served at {host} port {port}: {error.strerror or error}.",
            "Choose another address; --port 0 takes a free port.",
        ) from None
    return listener


def _reached(listener: socket.socket) -> str:
    """Return where others reach the server: the bound address, or this machine's name if bound to all."""
    host, port = listener.getsockname()[:2]
    return f"http://{socket.gethostname()}:{port}" if host in EVERYWHERE else f"http://{_shown(listener)}"


def _shown(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
