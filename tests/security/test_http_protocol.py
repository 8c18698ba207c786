"""Messages of the protocol that make much of little, or that mix its eras."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from imagerouter_mcp.http_app.request_ids import MAX_REMEMBERED
from support.http_serving import Serving, bare_environment, serving

Row = Callable[[str, str, str], None]

SECTION = "Headers and bodies over HTTP"
MIB = 2**20
ACCEPT = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
ENVELOPE = {
    "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
}
INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    environment = bare_environment(tmp_path_factory.mktemp("home"))
    with serving({**environment, "IMAGEROUTER_HTTP_RATE": "10000"}, "--sandbox") as running:
        yield running


@pytest.fixture
def client(server: Serving) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.base, headers=ACCEPT, trust_env=False, timeout=60) as client:
        yield client


@pytest.fixture
def session(client: httpx.Client) -> str:
    """A session of the older protocol."""
    return ask(client, "initialize", INITIALIZE).headers["Mcp-Session-Id"]


def ask(
    client: httpx.Client, method: str, params: dict[str, Any], call: str | int = 1, **headers: str
) -> httpx.Response:
    message = {"jsonrpc": "2.0", "id": call, "method": method, "params": params}
    return client.post("/mcp", json=message, headers=headers)


def ask_newer(client: httpx.Client, method: str, params: dict[str, Any], **headers: str) -> httpx.Response:
    era = {"Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": method}
    return ask(client, method, {**params, **ENVELOPE}, **era, **headers)


def resident(server: Serving) -> float:
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


@pytest.mark.parametrize("name", ["models", "model", "handle"])
def test_a_long_text_is_completed_by_nothing(client: httpx.Client, row: Row, name: str) -> None:
    wanted = {
        "ref": {"type": "ref/prompt", "name": "compare_models"},
        "argument": {"name": name, "value": "a" * 3 * MIB + ","},
    }
    answer = ask_newer(client, "completion/complete", wanted)
    assert answer.json()["result"]["completion"]["values"] == []
    row(SECTION, f"3 MiB to be completed as `{name}`", "completed by nothing")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is measured on Linux")
def test_ids_of_requests_are_remembered_in_few_bytes_each(
    server: Serving, client: httpx.Client, session: str, row: Row
) -> None:
    headers = {"Mcp-Session-Id": session}
    for number in range(3):
        assert ask(client, "ping", {}, f"{number}{'x' * 3 * MIB}", **headers).status_code == 200
    before = resident(server)
    for number in range(12):
        answer = ask(client, "ping", {}, f"{number}{'y' * 3 * MIB}", **headers)
        assert f'"{number}yyy' in answer.text
    for number in range(300):
        ask(client, "ping", {}, number, **{"Mcp-Session-Id": f"{number}{'z' * 14_000}"})
    assert resident(server) - before < 16
    assert 64 * MAX_REMEMBERED < 4 * MIB
    row(SECTION, "12 requests with an id of 3 MiB, and 300 with a session's id of 14 kB", "nothing is kept")


def test_a_request_of_the_newer_era_in_a_session_of_the_older_is_answered_whole(
    client: httpx.Client, session: str, row: Row
) -> None:
    answer = ask_newer(client, "tools/list", {}, **{"Mcp-Session-Id": session})
    assert answer.status_code == 200
    assert json.loads(answer.content)["id"] == 1
    row(SECTION, "a request of the newer protocol with a session's id", "it is answered, with its own id")


@pytest.mark.parametrize("event", ["1", "../..", "%00", "x" * 9000])
def test_a_stream_that_is_to_be_resumed_begins_anew(
    client: httpx.Client, session: str, row: Row, event: str
) -> None:
    resumed = {"Mcp-Session-Id": session, "Last-Event-ID": event}
    with client.stream("GET", "/mcp", headers=resumed) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
    row(SECTION, f"a stream resumed after the event `{event[:20]}`", "it begins anew")


@pytest.mark.parametrize(
    ("tool", "name"),
    [
        ("search_models", "vendor"),
        ("list_images", "query"),
        ("describe_model", "model"),
        ("compare_models", "models"),
    ],
)
def test_a_text_of_3_mebibytes_is_looked_for_nowhere(
    client: httpx.Client, row: Row, tool: str, name: str
) -> None:
    arguments = (
        {"prompt": "A fox", name: "\u0130 " * MIB} if tool == "compare_models" else {name: "\u0130 " * MIB}
    )
    answer = ask_newer(client, "tools/call", {"name": tool, "arguments": arguments}, **{"Mcp-Name": tool})
    assert f"{name!r} has more than 4096 characters" in answer.text
    row(SECTION, f"3 MiB as `{name}` of {tool}", "refused before it is looked for")
