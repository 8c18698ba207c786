"""One address before several servers: Caddy asks them in turn, but none that is not ready."""

import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from patience import wait_until


@contextmanager
def in_turn(folder: Path, port: int, servers: list[str]) -> Generator[None]:
    """Run Caddy on a port, which asks the servers in turn that are ready."""
    caddy = Path(sys.executable).with_name("caddy")
    if not caddy.is_file():
        pytest.skip("a proxy: pip brings Caddy on Linux")
    config = folder / "Caddyfile"
    config.write_text(
        "{\n admin off\n auto_https off\n}\n"
        f"http://localhost:{port} {{\n reverse_proxy {' '.join(servers)} {{\n  lb_policy round_robin\n"
        "  lb_try_duration 10s\n  health_uri /ready\n  health_interval 200ms\n  health_timeout 10s\n"
        "  flush_interval -1\n }\n}\n"
    )
    command = [str(caddy), "run", "--config", str(config), "--adapter", "caddyfile"]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:  # noqa: S603 - ours
        try:
            wait_until(lambda: _listens(port))
            yield
        finally:
            process.terminate()


def _listens(port: int) -> bool:
    with closing(socket.socket()) as trying:
        return trying.connect_ex(("127.0.0.1", port)) == 0
