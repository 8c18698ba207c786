"""Starting and stopping."""

import subprocess
import sys
import threading

import httpx
import pytest

from imagerouter_mcp.sandbox.service.asgi import build_app
from imagerouter_mcp.sandbox.service.serve import running_sandbox, serve
from imagerouter_mcp.sandbox.service.store import FileStore, StoredFile
from patience import PATIENCE_SECONDS
from support.faulty_sandbox import running_faulty_sandbox


def test_a_sandbox_answers_as_soon_as_it_is_given_and_no_longer_afterwards() -> None:
    with running_sandbox(build_app()) as sandbox:
        assert sandbox.popular_url == f"{sandbox.base_url}/operations/get-popular-models"
        assert httpx.get(f"{sandbox.base_url}/v1/models", trust_env=False, timeout=60).status_code == 200

    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{sandbox.base_url}/v1/models", trust_env=False, timeout=60)


def test_a_sandbox_stops_while_a_request_is_stalled() -> None:
    failures: list[httpx.HTTPError | int] = []

    def ask(base_url: str) -> None:
        headers = {"Authorization": "Bearer " + "x" * 64}
        body = {"model": "sandbox/stalled-after-heartbeats"}
        url = f"{base_url}/v1/openai/images/generations"
        with httpx.Client(trust_env=False, timeout=60, headers=headers) as client:
            try:
                with client.stream("POST", url, json=body) as answer:
                    for _ in answer.iter_raw():
                        began.set()
            except httpx.HTTPError as error:
                failures.append(error)

    began = threading.Event()
    with running_faulty_sandbox(heartbeat_seconds=0.01) as sandbox:
        thread = threading.Thread(target=ask, args=(sandbox.base_url,))
        thread.start()
        assert began.wait(PATIENCE_SECONDS)
    thread.join(PATIENCE_SECONDS)

    assert [type(failure) for failure in failures] == [httpx.RemoteProtocolError]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com", "::"])  # noqa: S104 - refused
async def test_only_loopback_hosts_are_served(host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        await serve(build_app(), host, 0, ready=lambda _: None)


async def test_a_taken_port_is_an_error() -> None:
    with running_sandbox(build_app()) as sandbox:
        port = httpx.URL(sandbox.base_url).port
        assert port
        with pytest.raises(OSError, match="in use"):
            await serve(build_app(), "localhost", port, ready=lambda _: None)


def test_the_command_announces_its_address_and_stops_on_request() -> None:
    command = [sys.executable, "-m", "imagerouter_mcp", "sandbox", "--port", "0"]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        url = process.stdout.readline().removeprefix("Sandbox at ").strip()
        assert httpx.get(f"{url}/v3/models", trust_env=False, timeout=60).status_code == 200, (
            "it is the live service"
        )
        process.terminate()
        _, err = process.communicate(timeout=60)

    assert err == ""


def test_importing_the_application_does_not_import_pillow() -> None:
    code = "import sys, imagerouter_mcp.sandbox.service.serve; sys.exit('PIL' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603 - our own


def test_a_store_drops_the_oldest_files_first() -> None:
    store = FileStore(10)
    for name in ("a", "b", "c"):
        store.put(name, StoredFile(bytes(4), "image/png"))

    assert [store.get(name) is None for name in ("a", "b", "c")] == [True, False, False]
