"""The server over streamable HTTP, as a process of its own on a loopback port."""

import io
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult
from PIL import Image
from pydantic import SecretStr

from imagerouter_mcp import __version__
from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.http_app.app import build_http_app
from imagerouter_mcp.http_app.exposure import is_loopback
from imagerouter_mcp.sandbox.service.accounts import KEY
from imagerouter_mcp.sandbox.service.serve import Sandbox
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import open_app
from support.http_serving import ACCEPT, COMMAND, ENDS_WITHIN, INITIALIZE, Serving, modern, serving

FIRST_TOKEN, SECOND_TOKEN = "first-token-of-two-0123456789abcdef", "second-token-of-two-0123456789abcde"
FOX = {"prompt": "A fox", "model": "test/test"}
PIPE_BYTES = 4096
"""What the pipe of a log holds, where it can be chosen: on Linux."""
posix = pytest.mark.skipif(os.name != "posix", reason="signals are a matter of POSIX")

Bare = Callable[[Path], dict[str, str]]
ForSandbox = Callable[[Sandbox, Path], Mapping[str, str]]


def refused_start(environment: Mapping[str, str], *options: str) -> str:
    """What a server that does not start says."""
    ended = subprocess.run(  # noqa: S603 - our own command
        [*COMMAND, "http", *options],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    return ended.stderr


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def everything(
    bare: Bare, for_sandbox: ForSandbox, session_sandbox: tuple[Sandbox, Any], home: Path
) -> dict[str, str]:
    """The environment of the module's shared servers."""
    return {**bare(home), **for_sandbox(session_sandbox[0], home)}


@pytest.fixture(scope="module")
def shared(everything: dict[str, str]) -> Iterator[Serving]:
    """One server for every test that leaves it as it was."""
    with serving(everything) as running:
        yield running


@pytest.fixture(scope="module")
def guarded(everything: dict[str, str]) -> Iterator[Serving]:
    """One that asks for either of two tokens."""
    with serving({**everything, "IMAGEROUTER_MCP_TOKEN": f"{FIRST_TOKEN}, {SECOND_TOKEN}"}) as running:
        yield running


def post(url: str, **headers: str) -> httpx.Response:
    """A first request to the endpoint, with headers of the caller's."""
    return httpx.post(url, json=INITIALIZE, headers={**ACCEPT, **headers}, trust_env=False, timeout=60)


def downloaded(result: CallToolResult) -> httpx.Response:
    """The file of a picture, from its link, as somebody without the token fetches it."""
    assert result.structured_content
    (image,) = result.structured_content["images"]
    assert "path" not in image
    return httpx.get(image["download_url"], trust_env=False, timeout=60).raise_for_status()


async def test_pictures_are_made_and_edited(shared: Serving, sandbox: Sandbox, era: str) -> None:
    del sandbox
    async with Client(shared.url, mode=era) as client:
        assert client.protocol_version.startswith("2026" if era == "auto" else "2025")
        assert len((await client.list_tools()).tools) >= 6
        told: list[str | None] = []

        async def note(progress: float, total: float | None, message: str | None) -> None:
            del progress, total
            told.append(message)

        made = await client.call_tool("generate_image", {**FOX, "again": True}, progress_callback=note)
        edited = await client.call_tool(
            "edit_image", {"images": ["last"], "prompt": "Invert", "model": "test/test"}
        )
    assert told
    for result in (made, edited):
        with Image.open(io.BytesIO(downloaded(result).content)) as picture:
            assert picture.size == (512, 512)


async def test_two_clients_are_served_at_once(shared: Serving, sandbox: Sandbox, era: str) -> None:
    del sandbox
    async with Client(shared.url, mode=era) as one, Client(shared.url, mode=era) as two:
        made = await one.call_tool("generate_image", {**FOX, "again": True})
        shown = await two.call_tool("show_image", {})
    assert made.structured_content
    assert shown.structured_content
    assert shown.structured_content["images"][0]["handle"] == made.structured_content["images"][0]["handle"]


def test_health_tells_the_version(shared: Serving) -> None:
    answer = httpx.get(shared.url.removesuffix("/mcp") + "/health", trust_env=False, timeout=60)
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "version": __version__}


def test_it_listens_on_loopback_only(shared: Serving) -> None:
    assert shared.url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:8300"}, 200),
        ({"Host": "attacker.example"}, 421),
        ({"Host": "attacker.example:8300"}, 421),
        ({"Host": "127.0.0.1.attacker.example"}, 421),
        ({"Origin": "http://localhost:3000"}, 200),
        ({"Origin": "https://attacker.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_a_page_that_rebinds_a_name_to_this_machine_is_refused(
    shared: Serving, headers: dict[str, str], status: int
) -> None:
    assert post(shared.url, **headers).status_code == status


def test_a_source_image_as_a_data_uri_fits_into_a_request_or_is_told_to_come_by_link(shared: Serving) -> None:
    def answer(size: int) -> httpx.Response:
        call = {"name": "edit_image", "arguments": {"images": ["data:image/png;base64," + "A" * size]}}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
        return httpx.post(shared.url, json=message, headers=ACCEPT, trust_env=False, timeout=60)

    assert answer(3 * 2**20).status_code != 413
    refused = answer(5 * 2**20)
    assert refused.status_code == 413
    assert "upload_link" in refused.json()["error"]


@pytest.mark.parametrize(
    "shown",
    [
        None,
        "",
        "Bearer",
        "Bearer wrong",
        f"bearer{FIRST_TOKEN}",
        f"Basic {FIRST_TOKEN}",
        f"Bearer {FIRST_TOKEN}x",
    ],
)
def test_without_the_token_nothing_is_served(guarded: Serving, shown: str | None) -> None:
    answer = post(guarded.url, **({} if shown is None else {"Authorization": shown}))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "IMAGEROUTER_MCP_TOKEN" in answer.json()["error"]
    assert FIRST_TOKEN not in answer.text


@pytest.mark.parametrize("method", ["GET", "DELETE", "OPTIONS"])
def test_without_the_token_no_method_is_served(guarded: Serving, method: str) -> None:
    assert httpx.request(method, guarded.url, trust_env=False, timeout=60).status_code == 401


def test_health_needs_no_token(guarded: Serving) -> None:
    health = guarded.url.removesuffix("/mcp") + "/health"
    assert httpx.get(health, trust_env=False, timeout=60).status_code == 200
    for beside in ("/", "z", "/mcp", "/../mcp"):
        assert httpx.get(f"{health}{beside}", trust_env=False, timeout=60).status_code == 401


@pytest.mark.parametrize("token", [FIRST_TOKEN, SECOND_TOKEN])
async def test_either_of_two_tokens_opens(guarded: Serving, sandbox: Sandbox, era: str, token: str) -> None:
    del sandbox
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=120) as http,
        Client(streamable_http_client(guarded.url, http_client=http), mode=era) as client,
    ):
        made = await client.call_tool("generate_image", FOX)
    assert not made.is_error


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "imagerouter.example"])  # noqa: S104 - is refused
async def test_any_address_but_loopback_is_refused_without_a_token(settings: Settings, host: str) -> None:
    async with open_app(settings) as app:
        with pytest.raises(ConfigurationError, match="IMAGEROUTER_MCP_TOKEN"):
            build_http_app(app, host)


async def test_behind_a_token_the_server_may_have_any_name(settings: Settings) -> None:
    own = settings.model_copy(update={"mcp_token": (SecretStr(FIRST_TOKEN),)})
    async with open_app(own) as app:
        served: Any = build_http_app(app, "0.0.0.0")  # noqa: S104 - nothing listens
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(served), base_url="https://pictures.example"
        ) as client:
            assert (await client.get("/health")).status_code == 200
            assert (await client.post("/mcp", json=INITIALIZE)).status_code == 401


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", False),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104 - nothing listens
        ("::", False),
    ],
)
def test_what_counts_as_loopback(host: str, *, loopback: bool) -> None:
    assert is_loopback(host) == loopback


def test_a_refused_address_is_said_before_anything_listens(everything: dict[str, str]) -> None:
    said = refused_start(everything, "--host", "0.0.0.0", "--port", "0")  # noqa: S104 - is refused
    assert said.startswith("imagerouter-mcp: Serving 0.0.0.0 without a token would let anyone")
    assert "IMAGEROUTER_MCP_TOKEN" in said
    assert "Traceback" not in said


def test_a_port_that_is_taken_is_a_sentence(everything: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused_start(everything, "--port", str(port))
    assert said.startswith(f"imagerouter-mcp: MCP cannot be served at 127.0.0.1 port {port}: ")
    assert "--port 0 takes a free port" in said
    assert said.count("\n") == 1


async def test_the_sandbox_inside_needs_no_key(bare: Bare, tmp_path: Path) -> None:
    environment = {**bare(tmp_path), "IMAGEROUTER_OUTPUT_DIR": str(tmp_path / "pictures")}
    with serving(environment, "--sandbox") as running:
        async with Client(running.url) as client:
            made = await client.call_tool("generate_image", FOX)
    assert made.structured_content
    assert any("Made by the sandbox" in note for note in made.structured_content["notes"])


@posix
@pytest.mark.parametrize(
    ("own_keys", "refused"),
    [("no", "made"), ("allowed", "made for people without a key of their own"), ("required", "")],
)
def test_a_server_without_a_key_says_at_its_start_that_nothing_can_be_made(
    bare: Bare, tmp_path: Path, own_keys: str, refused: str
) -> None:
    people = {
        "IMAGEROUTER_PEOPLE": "1",
        "IMAGEROUTER_KEY_SECRETS": "a-secret-of-these-tests-0123456789abcdef",
    }
    asked = {**people, "IMAGEROUTER_OWN_KEYS": own_keys} if own_keys != "no" else {}
    with serving({**bare(tmp_path), **asked}) as running:
        httpx.get(f"{running.base}/health", trust_env=False)  # it has said everything before it answers
        _, said = running.end(signal.SIGTERM)
    assert ("There is no API key" in said) == bool(refused)
    assert f"no picture or video can be {refused} until you store one with" in said or not refused


@posix
def test_a_key_file_that_cannot_be_read_is_said_and_the_server_starts(bare: Bare, tmp_path: Path) -> None:
    missing = tmp_path / "no-such-key"
    with serving({**bare(tmp_path), "IMAGEROUTER_API_KEY_FILE": str(missing)}) as running:
        assert httpx.get(f"{running.base}/health", trust_env=False).status_code == 200
        _, said = running.end(signal.SIGTERM)
    assert f"The API key file {missing} cannot be read: No such file or directory." in said
    assert "Nothing was charged" not in said


@posix
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_idle_server_although_a_client_is_connected(
    environment: dict[str, str], how: signal.Signals
) -> None:
    with serving(environment) as running, httpx.Client(headers=ACCEPT, trust_env=False, timeout=60) as client:
        began = client.post(running.url, json=INITIALIZE)
        session = {"Mcp-Session-Id": began.headers["mcp-session-id"], "Mcp-Protocol-Version": "2025-11-25"}
        client.post(
            running.url, json={"jsonrpc": "2.0", "method": "notifications/initialized"}, headers=session
        ).raise_for_status()
        with client.stream("GET", running.url, headers=session, timeout=120) as stream:
            assert stream.status_code == 200
            status, stderr = running.end(how)
            stream.read()  # its end is a proper one
    assert status == 0
    assert "ERROR" not in stderr
    assert KEY not in stderr


@posix
def test_a_signal_ends_the_stream_that_a_modern_client_listens_to(environment: dict[str, str]) -> None:
    body, headers = modern("subscriptions/listen", notifications={"toolsListChanged": True})
    with (
        serving(environment) as running,
        httpx.stream("POST", running.url, json=body, headers=headers, timeout=60, trust_env=False) as stream,
    ):
        assert stream.status_code == 200
        status, stderr = running.end(signal.SIGTERM)
        assert "acknowledged" in stream.read().decode()
    assert status == 0
    assert "ERROR" not in stderr


@posix
def test_a_signal_ends_a_server_that_modern_clients_have_used(environment: dict[str, str]) -> None:
    with serving(environment) as running, httpx.Client(trust_env=False, timeout=60) as client:
        body, headers = modern("tools/list")
        listed = client.post(running.url, json=body, headers=headers)
        assert '"generate_image"' in listed.text
        status, said = running.end(signal.SIGTERM)
    assert status == 0
    (line,) = said.splitlines()
    assert "127.0.0.1 POST /mcp 200" in line


@posix
def test_a_signal_waits_no_longer_for_a_generation_than_its_grace(environment: dict[str, str]) -> None:
    environment["IMAGEROUTER_GRACE_SECONDS"] = "0.5"
    arguments = {"prompt": "A fox", "model": "sandbox/slow-60"}
    body, headers = modern("tools/call", name="generate_image", arguments=arguments)
    with (
        serving(environment) as running,
        httpx.stream("POST", running.url, json=body, headers=headers, timeout=120, trust_env=False) as stream,
    ):
        heard = next(stream.iter_text())
        status, stderr = running.end(signal.SIGTERM)
    assert "Preparing" in heard
    assert status == 0
    assert "Traceback" not in stderr


@posix
def test_a_log_that_nobody_reads_stops_nothing(bare: Bare, tmp_path: Path) -> None:
    with subprocess.Popen(  # noqa: S603 - our own command
        [*COMMAND, "http", "--port", "0", "--sandbox"],
        env=bare(tmp_path),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        pipesize=PIPE_BYTES,
    ) as process:
        assert process.stderr
        try:
            url = process.stderr.readline().removeprefix("Serving MCP at ").strip().removesuffix("mcp")
            long = {"X-Request-Id": "x" * 64}  # each line repeats it
            lines = 2 * (PIPE_BYTES if sys.platform == "linux" else 64 * 1024) // 128
            with httpx.Client(base_url=url, headers=long, timeout=120) as client:
                assert {client.get("/health").status_code for _ in range(lines)} == {200}
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=ENDS_WITHIN) == 0
        finally:
            process.kill()
