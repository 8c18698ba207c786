"""Two servers behind Caddy, by the files of `deploy/`: from outside all is well, and one can be replaced."""

import json
import signal
import ssl
import subprocess
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from patience import PATIENCE_SECONDS, wait_until
from support.free_ports import free_port
from support.http_serving import COMMAND, Serving, bare_environment, modern, serving

DEPLOY = Path(__file__).parents[2] / "deploy"
TOKEN = "caddys-token-0123456789abcdef0123456789ab"  # noqa: S105 - of this test
pytestmark = pytest.mark.long


@pytest.fixture
def port() -> int:
    """Return a port that nobody listens on."""
    return free_port()


@contextmanager
def behind_caddy(caddy: str, folder: Path, port: int, servers: list[Serving]) -> Generator[Path]:
    """Run Caddy with a certificate of its own; yield the authority that signed it."""
    own = folder / "Caddyfile"
    options = "admin off\n auto_https disable_redirects\n skip_install_trust"
    own.write_text(f"{{\n {options}\n}}\nimport {DEPLOY / 'Caddyfile'}\n")
    addresses = " ".join(server.base.removeprefix("http://") for server in servers)
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "DOMAIN": f"localhost:{port}",
        "SERVERS": addresses,
    }
    command = [caddy, "run", "--config", str(own), "--adapter", "caddyfile"]
    authority = folder / "caddy/pki/authorities/local/root.crt"
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:  # noqa: S603 - ours
        try:
            wait_until(authority.is_file)
            wait_until(lambda: _answers(port, authority))
            yield authority
        finally:
            process.terminate()


def _answers(port: int, authority: Path) -> bool:
    try:
        with _client(port, authority) as client:
            return client.get("/health").status_code == 200
    except httpx.TransportError:
        return False


def _client(port: int, authority: Path) -> httpx.Client:
    trusted = ssl.create_default_context(cafile=str(authority))
    return httpx.Client(base_url=f"https://localhost:{port}", verify=trusted, trust_env=False, timeout=30)


def test_two_servers_behind_caddy_serve_while_one_is_replaced(caddy: str, tmp_path: Path, port: int) -> None:
    environment = {
        **bare_environment(tmp_path),
        "IMAGEROUTER_MCP_TOKEN": TOKEN,
        "IMAGEROUTER_PUBLIC_URL": f"https://localhost:{port}",
        "IMAGEROUTER_HTTP_PROXIES": "127.0.0.1",
        "IMAGEROUTER_HTTP_STATELESS": "1",
        "IMAGEROUTER_HTTP_RATE": "1000",
        "IMAGEROUTER_DRAIN_SECONDS": "5",
        "IMAGEROUTER_OUTPUT_DIR": str(tmp_path / "pictures"),
        "IMAGEROUTER_DATA_DIR": str(tmp_path / "data"),
    }
    with (
        serving(environment, "--sandbox") as one,
        serving(environment, "--sandbox") as two,
        behind_caddy(caddy, tmp_path, port, [one, two]) as authority,
    ):
        looked = subprocess.run(  # noqa: S603 - our own command
            [*COMMAND, "doctor", "--remote", f"https://localhost:{port}/mcp", "--json"],
            env={**bare_environment(tmp_path), "SSL_CERT_FILE": str(authority)},
            capture_output=True,
            text=True,
            check=False,
        )
        states = {each["name"]: each["state"] for each in json.loads(looked.stdout)["findings"]}
        assert "failure" not in states.values(), looked.stdout
        right = {"health", "ready", "clock", "event streams", "redirects", "request id", "401"}
        assert {name for name, state in states.items() if state == "ok"} >= right
        _replace_under_load([one, two], port, authority)


def _replace_under_load(servers: list[Serving], port: int, authority: Path) -> None:
    """End the server that answers while it is asked all the time; nobody may notice."""
    body, headers = modern("tools/list")
    headers["Authorization"] = f"Bearer {TOKEN}"
    statuses: list[int] = []
    over = threading.Event()

    def asking() -> None:
        with _client(port, authority) as client:
            while not over.is_set():
                statuses.append(client.post("/mcp", json=body, headers=headers).status_code)

    asker = threading.Thread(target=asking)
    asker.start()
    try:
        wait_until(lambda: len(statuses) > 20)
        answering = max(servers, key=lambda server: server.said.count("POST /mcp 200"))
        status, _ = answering.end(signal.SIGTERM, PATIENCE_SECONDS)
        served = len(statuses)
        wait_until(lambda: len(statuses) > served + 20)
    finally:
        over.set()
        asker.join()
    assert status == 0
    assert set(statuses) == {200}
