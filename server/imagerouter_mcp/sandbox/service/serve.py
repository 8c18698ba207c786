"""Run the sandbox in the foreground, or in a thread of another program. Loopback only."""

import logging
import os
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

import uvicorn
from starlette.applications import Starlette

from imagerouter_mcp.sandbox.service.asgi import POPULAR_PATH
from imagerouter_mcp.sandbox.service.state import SandboxState

SHUTDOWN_SECONDS: Final = 1
"""How long open connections may keep a stopping server."""
_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox.

    Attributes:
        base_url: What stands for `https://api.imagerouter.io`, without a slash at the end.
        app: The application, for looking inside.
    """

    base_url: str
    app: Starlette

    @property
    def popular_url(self) -> str:
        """What stands for the popularity endpoint on ImageRouter's other host."""
        return f"{self.base_url}{POPULAR_PATH}"


async def serve(app: Starlette, host: str, port: int, *, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM, then stop within about a second.

    uvicorn raises the signal again once it has stopped: SIGINT ends in `KeyboardInterrupt`.

    Args:
        app: The sandbox, made by `build_app`.
        host: A loopback address, or `localhost`.
        port: 0 takes a free one.
        ready: Called once it answers, with its base URL.

    Raises:
        ValueError: The host is not a loopback address; the sandbox has no business on a network.
        OSError: The port is taken.
    """
    with _listen(host, port) as listener:
        await _Server(app, lambda: ready(_url(listener))).serve(sockets=[listener])


@contextmanager
def running_sandbox(app: Starlette) -> Generator[Sandbox]:
    """Run a sandbox in a thread, on a free loopback port, for as long as the block lasts.

    Args:
        app: The sandbox, made by `build_app`.

    Yields:
        The sandbox, once it answers.

    Raises:
        RuntimeError: It did not start.
    """
    with _listen("127.0.0.1", 0) as listener:
        url, started = _url(listener), threading.Event()
        server = _Server(app, started.set)
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="sandbox", daemon=True
        )
        thread.start()
        if not started.wait(_START_SECONDS):
            raise RuntimeError("The sandbox did not start.")
        try:
            yield Sandbox(url, app)
        finally:
            server.should_exit = True
            thread.join(_STOP_SECONDS)


class _Server(uvicorn.Server):
    """uvicorn that reports when it has started, and ends everything that waits before it stops."""

    def __init__(self, app: Starlette, started: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,  # its default would write access lines to stdout
                log_level="warning",
                access_log=False,
                server_header=False,  # the application states its own
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            )
        )
        self._on_started = started
        self._sandbox: SandboxState = app.state.sandbox
        self._sandbox.hang_up = self._hang_up
        logging.getLogger("uvicorn.error").addFilter(_expected)

    def _hang_up(self, client: tuple[str, int]) -> None:
        for connection in list(self.server_state.connections):
            if getattr(connection, "client", None) == client and connection.transport:
                connection.transport.close()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._sandbox.close()
        await super().shutdown(sockets)


def _expected(record: logging.LogRecord) -> bool:
    """Drop uvicorn's complaint about connections that are cut on purpose."""
    return not record.getMessage().startswith("ASGI callable returned without")


def _listen(host: str, port: int) -> socket.socket:
    address = "127.0.0.1" if host == "localhost" else host
    if not _is_loopback(address):
        raise ValueError(f"The sandbox listens on loopback addresses only, and {host!r} is none.")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # asyncio sends small pieces at once only on sockets that name their protocol: without it each answer
    # waits some 40 ms for the client's acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
    except OSError:
        listener.close()
        raise
    return listener


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
