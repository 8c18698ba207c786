"""Traces by configuration alone: `opentelemetry-instrument` sends a span for each message of MCP."""

import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from patience import wait_until
from support.http_serving import bare_environment, modern, serving

PROMPT = "PLANTED prompt"
pytestmark = pytest.mark.long


@contextmanager
def receiver() -> Generator[tuple[str, list[bytes]]]:
    """Receive what is exported; yield the address and the bodies."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", bodies
        finally:
            server.shutdown()
            thread.join()


def test_opentelemetrys_own_command_exports_a_span_for_each_message(tmp_path: Path) -> None:
    instrument = Path(sys.executable).with_name("opentelemetry-instrument")
    if not instrument.is_file():
        pytest.skip("traces: `make deploy` installs OpenTelemetry")
    with receiver() as (address, bodies):
        environment = {
            **bare_environment(tmp_path),
            "OTEL_EXPORTER_OTLP_ENDPOINT": address,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }
        with serving(environment, "--sandbox", within=[str(instrument)]) as running:
            arguments = {"prompt": PROMPT, "model": "test/test"}
            body, headers = modern("tools/call", name="generate_image", arguments=arguments)
            httpx.post(
                running.url, json=body, headers=headers, timeout=30, trust_env=False
            ).raise_for_status()
            wait_until(lambda: any(b"tools/call" in each for each in bodies))
            sent = b"".join(bodies)
            assert running.process.poll() is None
    assert b"generate_image" in sent
    assert PROMPT.encode() not in sent
