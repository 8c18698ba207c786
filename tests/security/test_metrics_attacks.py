"""Ways to stop a server, or to learn secrets, by its metrics."""

import logging
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack

import httpx
import pytest

from imagerouter_mcp.events import RequestServed
from imagerouter_mcp.http_app import metrics, request_log
from imagerouter_mcp.http_app.metrics import served_metrics
from patience import wait_until

Row = Callable[[str, str, str], None]

pytest.importorskip("prometheus_client")
SECTION = "Metrics"
ODD = (
    *(b"POST /metrics", b"GET /metrics?name[]=%00&name[]=" + b"a" * 50_000, b"GET /../../etc/passwd"),
    *(
        b"GET /metrics HTTP/9.9\r\nX:",
        b"\x16\x03\x01",
        b"OPTIONS /",
        b"HEAD /metrics",
        b"GET " + b"/" * 70_000,
    ),
)


def test_half_requests_take_no_more_than_a_few_threads(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "MOST_READERS", 4)
    with served_metrics("127.0.0.1", 0) as port, ExitStack() as held:
        before = threading.active_count()
        halves = [held.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(40)]
        for half in halves[:4]:
            half.sendall(b"GET /met")
        assert all(map(ends, halves[4:]))
        assert threading.active_count() - before <= 4
        held.close()
        wait_until(lambda: threading.active_count() <= before)
        assert read(port).startswith("# HELP")
    row(
        SECTION,
        "40 half requests, where 4 are served at once",
        "the others are closed; later ones are served",
    )


def test_odd_requests_change_nothing(row: Row) -> None:
    with served_metrics("127.0.0.1", 0) as port:
        for odd in ODD:
            with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
                connection.sendall(odd + b" HTTP/1.1\r\n\r\n")
                connection.shutdown(socket.SHUT_WR)
                assert b"root:" not in connection.recv(65_536)
        assert read(port).startswith("# HELP")
    row(SECTION, f"{len(ODD)} odd methods, paths, queries and protocols", "metrics or an error; it goes on")


def test_no_path_becomes_a_label(row: Row, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, request_log.logger.name)
    with served_metrics("127.0.0.1", 0) as port:
        paths = (*(f"/{number}" for number in range(200)), *(f"/mcp/{number}" for number in range(200)))
        for path in (*paths, "/x\n# HELP secret", '/"}', "/files/img_1", "/sign-in/secret"):
            served = RequestServed(client="-", method="SECRET", path=path, status=404, seconds=0)
            request_log.logger.log(logging.INFO, "%s", served)
        text = read(port)
    assert 1 <= text.count("http_requests_total{") <= 4
    assert not any(told in text for told in ("secret", "SECRET", "img_1", "/mcp/1"))
    row(
        SECTION,
        f"{len(paths) + 4} paths, some with quotes and line breaks",
        "four labels, none of them theirs",
    )


def ends(connection: socket.socket) -> bool:
    try:
        connection.settimeout(20)
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def read(port: int) -> str:
    return httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False, timeout=60).text
