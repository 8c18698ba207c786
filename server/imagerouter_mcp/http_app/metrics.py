"""Serve metrics for Prometheus, at an address of their own.

Each begins with `imagerouter_mcp_`. They are of this process, from its start.
"""

import logging
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    make_wsgi_app,  # pyright: ignore[reportUnknownVariableType] - as `set_app` below
)

from imagerouter_mcp import __version__, events
from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.events import (
    GenerationEnded,
    LeaseRenewed,
    RequestServed,
    StageBegan,
    StageEnded,
    TokenAsked,
    ToolCalled,
)
from imagerouter_mcp.http_app import request_log
from imagerouter_mcp.http_app.exposure import LINKS, MCP_PATH, PROBES, STUDIO_PAGE
from imagerouter_mcp.http_app.sign_in_paths import SIGN_IN_PATHS

_PREFIX = "imagerouter_mcp"
_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 45, 60, 120, 300, 900)
"""Bounds of the histograms: from what is done here at once to the longest video."""
_PLACES = (MCP_PATH, *PROBES, STUDIO_PAGE, *(prefix.rstrip("/") for prefix in LINKS), *SIGN_IN_PATHS)


MOST_READERS = 16
"""How many connections are served at the same time; each has a thread. More are closed."""
READER_SECONDS = 5
"""How long a reader may send nothing of its request, or take nothing of the answer."""


class Metrics(logging.Handler):
    """Counts the events of this process."""

    def __init__(self) -> None:
        super().__init__()
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        Info(_PREFIX, "Which version runs.", registry=self.registry).info({"version": __version__})
        self._tool_calls = self._counter("tool_calls", "Calls of tools.", "tool", "outcome")
        self._tool_seconds = self._histogram("tool_seconds", "How long tools took to answer.", "tool")
        self._generations = self._counter("generations", "Pictures and videos that ended.", "outcome")
        self._cost = self._counter("cost_usd", "What the service charged, in USD.", "model")
        self._uncertain = self._counter(
            "uncertain_cost_usd", "The most that it may have charged where it did not say, in USD.", "model"
        )
        self._stages = self._histogram("stage_seconds", "How long parts of a generation took.", "stage")
        self._under_way = Gauge(
            "stages_under_way",
            "Parts of generations that are under way; `queue` are those that wait for their turn.",
            ("stage",),
            namespace=_PREFIX,
            registry=self.registry,
        )
        self._tokens = self._counter("tokens_asked", "Tokens that apps asked for.", "grant", "outcome")
        self._leases = self._counter("lease_renewals", "Renewals of this server's lease.", "outcome")
        self._requests = self._counter("http_requests", "HTTP requests.", "path", "status")

    def emit(self, record: logging.LogRecord) -> None:
        """Count an event."""
        match events.event_of(record):
            case ToolCalled() as call:
                self._tool_calls.labels(call.tool, call.outcome).inc()
                self._tool_seconds.labels(call.tool).observe(call.seconds)
            case GenerationEnded() as ended:
                self._count_generation(ended)
            case StageBegan(stage=stage):
                self._under_way.labels(stage).inc()
            case StageEnded(stage=stage, seconds=seconds):
                self._under_way.labels(stage).dec()
                self._stages.labels(stage).observe(seconds)
            case TokenAsked() as asked:
                self._tokens.labels(asked.grant, asked.outcome).inc()
            case LeaseRenewed(outcome=outcome):
                self._leases.labels(outcome).inc()
            case RequestServed() as served:
                self._requests.labels(_place(served.path), str(served.status)).inc()
            case None:
                pass

    def _count_generation(self, ended: GenerationEnded) -> None:
        self._generations.labels(ended.outcome).inc()
        if ended.model:
            self._cost.labels(ended.model).inc(float(ended.cost_usd or 0))
            self._uncertain.labels(ended.model).inc(float(ended.up_to_usd or 0))

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(name, what, labels, namespace=_PREFIX, registry=self.registry)

    def _histogram(self, name: str, what: str, *labels: str) -> Histogram:
        return Histogram(name, what, labels, namespace=_PREFIX, registry=self.registry, buckets=_SECONDS)


_Request = socket.socket | tuple[bytes, socket.socket]


class _Server(ThreadingMixIn, WSGIServer):
    """Prometheus' own server, with limits: idle connections must not take all threads and descriptors."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, registry: CollectorRegistry) -> None:
        self.address_family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        self._places = threading.BoundedSemaphore(MOST_READERS)
        super().__init__((host, port), _Reader)
        self.set_app(make_wsgi_app(registry))  # pyright: ignore[reportUnknownArgumentType] - untyped there

    def process_request(self, request: _Request, client_address: object) -> None:
        """Serve a connection in a thread, or close it if there are too many."""
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: _Request, client_address: object) -> None:
        """Serve a connection, then free its place."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore that a reader has left, or sent nothing in time."""


class _Reader(WSGIRequestHandler):
    timeout = READER_SECONDS

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class has it
        """Log nothing: every few seconds somebody reads."""


@contextmanager
def served_metrics(host: str, port: int) -> Generator[int]:
    """Serve metrics of this process until the block ends; yield the port.

    Args:
        host: The address to bind to.
        port: The port, 0 for a free one.

    Raises:
        ConfigurationError: They cannot be served there.
    """
    metrics = Metrics()
    try:
        server = _Server(host, port, metrics.registry)
    except OSError as error:
        raise ConfigurationError(
            f"Metrics cannot be served at {host} port {port}: {error.strerror or error}.",
            "Set IMAGEROUTER_METRICS_PORT to another port.",
        ) from None
    events.listen(metrics, logging.DEBUG)
    request_log.logger.addHandler(metrics)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def _place(path: str) -> str:
    """Return the part of the server that a path belongs to."""
    return next((place for place in _PLACES if path == place or path.startswith(f"{place}/")), "other")
