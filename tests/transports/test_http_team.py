"""The HTTP server for a team: names and origins, limits, probes, the log, equal processes, proxies."""

import json
import re
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.http_app.app import build_http_app
from imagerouter_mcp.sandbox.service.serve import Sandbox
from imagerouter_mcp.settings import Settings, load_settings
from imagerouter_mcp.wiring import open_app
from patience import wait_until
from support.http_serving import COMMAND, INITIALIZE, Serving, serving

TOKEN = "team-token-0123456789abcdef012345"  # noqa: S105 - it guards nothing
OTHER_TOKEN = "other-token-0123456789abcdef01234"  # noqa: S105 - as above
PAGE = "https://chat.example"
HEADERS = {"Accept": "application/json, text/event-stream", "Authorization": f"Bearer {TOKEN}"}
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "pytest", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


@pytest.fixture
def team(environment: dict[str, str]) -> dict[str, str]:
    return {**environment, "IMAGEROUTER_MCP_TOKEN": TOKEN}


def post(url: str, body: object = INITIALIZE, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(url, json=body, headers={**HEADERS, **named}, trust_env=False, timeout=60)


def test_pages_of_named_origins_may_call_it_and_others_may_not(team: dict[str, str]) -> None:
    with serving({**team, "IMAGEROUTER_HTTP_ORIGINS": f"{PAGE}, http://10.0.0.7:3000"}) as running:
        asked = {
            "Origin": PAGE,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type, mcp-protocol-version, mcp-method",
        }
        preflight = httpx.options(running.url, headers=asked, trust_env=False, timeout=60)
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == PAGE
        served = post(running.url, Origin=PAGE)
        assert served.status_code == 200
        assert served.headers["access-control-allow-origin"] == PAGE
        assert "Mcp-Session-Id" in served.headers["access-control-expose-headers"]
        # A page has to see that its token is wrong.
        unknown = post(running.url, Origin=PAGE, Authorization="Bearer wrong")
        assert (unknown.status_code, unknown.headers["access-control-allow-origin"]) == (401, PAGE)
        for other in ("https://chat.example.attacker.example", "http://chat.example", f"{PAGE}:8443", "null"):
            refused = httpx.options(
                running.url, headers={**asked, "Origin": other}, trust_env=False, timeout=60
            )
            assert (refused.status_code, "access-control-allow-origin" in refused.headers) == (403, False)
            assert post(running.url, Origin=other).status_code == 403


@pytest.mark.parametrize(
    ("changed", "host", "origin", "status"),
    [
        ({}, "anything.example", None, 200),
        ({}, "10.0.0.5:8300", None, 200),
        ({}, "10.0.0.5:8300", "http://10.0.0.5:8300", 403),
        ({"http_origins": (PAGE,)}, "anything.example", PAGE, 200),
        ({"http_hosts": ("pictures.example",)}, "pictures.example", None, 200),
        ({"http_hosts": ("pictures.example",)}, "PICTURES.example.:443", None, 200),
        ({"http_hosts": ("pictures.example",)}, "attacker.example", None, 421),
        ({"public_url": "https://pictures.example/x"}, "pictures.example", "https://pictures.example", 200),
        ({"public_url": "https://pictures.example/x"}, "attacker.example", None, 421),
        ({"http_hosts": ("[2001:db8::1]",)}, "[2001:db8::1]:8300", None, 200),
        ({"http_hosts": ("[2001:db8::1]",)}, "[2001:db8::2]:8300", None, 421),
    ],
)
async def test_beyond_loopback_hosts_and_origins_are_checked(
    settings: Settings, changed: dict[str, Any], host: str, origin: str | None, status: int
) -> None:
    own = settings.model_copy(update={"mcp_token": (SecretStr(TOKEN),), **changed})
    async with open_app(own) as app:
        served: Any = build_http_app(app, "0.0.0.0")  # noqa: S104 - nothing listens
        named = {"Host": host, **({"Origin": origin} if origin else {})}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(served), base_url="http://x") as client:
            # What is let in finds no such page.
            answer = await client.get("/nothing", headers={**HEADERS, **named})
    assert answer.status_code == (404 if status == 200 else status)


@pytest.mark.parametrize(
    "changed",
    [
        {"public_url": "https://pictures.example"},
        {"http_hosts": ("pictures.example",)},
        {"http_proxies": ("127.0.0.1",)},
    ],
)
async def test_a_loopback_server_that_others_reach_through_a_proxy_needs_a_token(
    settings: Settings, changed: dict[str, Any]
) -> None:
    async with open_app(settings.model_copy(update=changed)) as app:
        with pytest.raises(ConfigurationError, match="IMAGEROUTER_MCP_TOKEN"):
            build_http_app(app, "127.0.0.1")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTP_HOSTS", "*"),
        ("HTTP_HOSTS", "https://pictures.example"),
        ("HTTP_HOSTS", "pictures.example:443"),
        ("HTTP_ORIGINS", "*"),
        ("HTTP_ORIGINS", "null"),
        ("HTTP_ORIGINS", "chat.example"),
        ("HTTP_ORIGINS", "https://chat.example/"),
        ("HTTP_PROXIES", "*"),
        ("HTTP_PROXIES", "proxy.example"),
        ("HTTP_RATE", "0"),
        ("HTTP_REQUESTS", "0"),
        ("PUBLIC_URL", "pictures.example"),
        ("PUBLIC_URL", "https://user:word@pictures.example"),
        ("PUBLIC_URL", "https://pictures.example/?a=b"),
    ],
)
def test_a_setting_that_would_open_too_much_or_nothing_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"IMAGEROUTER_{name}", value)
    with pytest.raises(ConfigurationError, match=f"IMAGEROUTER_{name}"):
        load_settings()


def test_who_asks_too_fast_is_told_how_long_to_wait(team: dict[str, str]) -> None:
    with serving({**team, "IMAGEROUTER_HTTP_RATE": "0.05"}) as running:
        first = post(running.url)
        refused = post(running.url)
        wrong = [post(running.url, Authorization="Bearer guess").status_code for _ in range(2)]
        probes = {
            httpx.get(f"{running.base}/health", trust_env=False, timeout=60).status_code for _ in range(5)
        }
    assert first.status_code == 200
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 20
    assert wrong == [401, 429], "guessing is slow, and holds up nobody who knows the token"
    assert probes == {200}


def test_who_asks_a_little_too_fast_is_served_later(team: dict[str, str]) -> None:
    with serving({**team, "IMAGEROUTER_HTTP_RATE": "2"}) as running:
        statuses = [post(running.url).status_code for _ in range(22)]
    assert statuses == [200] * 22


def test_nobody_has_every_request_under_way_and_probes_are_served(team: dict[str, str]) -> None:
    tokens = {**team, "IMAGEROUTER_MCP_TOKEN": f"{TOKEN},{OTHER_TOKEN}", "IMAGEROUTER_HTTP_REQUESTS": "4"}
    with (
        serving(tokens) as running,
        httpx.Client(headers=HEADERS, trust_env=False, timeout=60) as client,
        ExitStack() as streams,
    ):
        answers = [
            streams.enter_context(client.stream("POST", running.url, **slow_call())).iter_text()
            for _ in range(2)
        ]
        assert all("Preparing" in next(answer) for answer in answers)
        refused = client.post(running.url, json=INITIALIZE)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert post(running.url, Authorization=f"Bearer {OTHER_TOKEN}").status_code == 200
        assert client.get(f"{running.base}/health").status_code == 200
        assert client.get(f"{running.base}/ready").status_code == 200
        streams.close()
        # once the server has noticed that the streams are closed
        wait_until(lambda: client.post(running.url, json=INITIALIZE).status_code == 200)


def slow_call() -> dict[str, Any]:
    """A request that is answered in a minute, and tells of its progress before."""
    arguments = {"prompt": "A fox", "model": "sandbox/slow-60", "again": True}
    parameters = {"name": "generate_image", "arguments": arguments, "_meta": {**META, "progressToken": 1}}
    named = {
        "Mcp-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": "generate_image",
    }
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": parameters}
    return {"json": message, "headers": named}


def test_ready_says_what_is_lacking_and_no_secret(environment: dict[str, str], tmp_path: Path) -> None:
    with serving(environment) as running:
        ready = httpx.get(f"{running.base}/ready", trust_env=False, timeout=60)
        assert (ready.status_code, ready.json()) == (200, {"status": "ready", "lacking": []})
        with sqlite3.connect(tmp_path / "data" / "gallery.sqlite3") as gallery:
            gallery.execute("PRAGMA user_version = 999")
    unset = {name: value for name, value in environment.items() if name != "IMAGEROUTER_API_KEY"}
    (tmp_path / "file").touch()
    with serving({**unset, "IMAGEROUTER_OUTPUT_DIR": str(tmp_path / "file")}) as running:
        answer = httpx.get(f"{running.base}/ready", trust_env=False, timeout=60)
        assert httpx.get(f"{running.base}/health", trust_env=False, timeout=60).status_code == 200
    assert answer.status_code == 503
    assert answer.json() == {"status": "not ready", "lacking": ["key", "gallery", "output folder"]}
    assert str(tmp_path) not in answer.text


def test_each_request_has_an_id_in_its_answer_and_its_line(team: dict[str, str]) -> None:
    with serving(team) as running:
        own = post(f"{running.url}?secret=hidden", X_Request_Id="trace-42").headers["x-request-id"]
        given = post(running.url, Authorization="Bearer wrong").headers["x-request-id"]
        first, second = running.logged(2)
    assert own == "trace-42"
    assert re.fullmatch(r"\S+ \S+ INFO trace-42 \S+: 127\.0\.0\.1 POST /mcp 200 \d+ ms", first)
    assert re.fullmatch(rf"\S+ \S+ INFO {given} \S+: 127\.0\.0\.1 POST /mcp 401 \d+ ms", second)
    assert "hidden" not in first
    assert TOKEN not in first + second


def test_behind_a_named_proxy_the_client_is_who_the_proxy_says(team: dict[str, str]) -> None:
    with serving(
        {**team, "IMAGEROUTER_HTTP_PROXIES": "127.0.0.1", "IMAGEROUTER_HTTP_RATE": "0.1"}
    ) as running:
        statuses = [
            post(running.url, X_Forwarded_For=client).status_code
            for client in ("203.0.113.1", "203.0.113.2", "203.0.113.1", "203.0.113.9, 203.0.113.3")
        ]
        last = running.logged(4)[-1]
    assert statuses == [200, 200, 429, 200], "each client has its own rate"
    assert "203.0.113.3 POST /mcp 200" in last, "what a client itself writes into the header is not believed"


@pytest.fixture(scope="module")
def equals(
    bare: Callable[[Path], dict[str, str]],
    for_sandbox: Callable[[Sandbox, Path], Mapping[str, str]],
    session_sandbox: tuple[Sandbox, httpx.Client],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[list[Serving]]:
    """Two equal servers that share their folders, as behind a load balancer."""
    home = tmp_path_factory.mktemp("home")
    shared = {
        **bare(home),
        **for_sandbox(session_sandbox[0], home),
        "IMAGEROUTER_MCP_TOKEN": TOKEN,
        "IMAGEROUTER_HTTP_STATELESS": "1",
        "IMAGEROUTER_CONFIRM_USD": "0.01",
    }
    with serving(shared) as one, serving(shared) as other:
        yield [one, other]


@pytest.mark.parametrize("protocol", ["2025-11-25", "2026-07-28"])
def test_each_call_may_come_to_another_of_equal_servers(
    equals: list[Serving], sandbox: Sandbox, protocol: str
) -> None:
    del sandbox
    modern = protocol == "2026-07-28"
    handles: list[str] = []
    for number in range(6):
        tool = "generate_image" if number % 2 == 0 else "show_image"
        arguments = {"prompt": "A fox", "model": "test/test"} if number % 2 == 0 else {"handle": handles[-1]}
        parameters = {"name": tool, "arguments": arguments, **({"_meta": META} if modern else {})}
        named = {"Mcp-Protocol-Version": protocol}
        if modern:
            named |= {"Mcp-Method": "tools/call", "Mcp-Name": tool}
        answer = post(
            equals[number % 3 % 2].url,
            {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": parameters},
            **named,
        )
        assert answer.status_code == 200
        (handle,) = set(re.findall(r'"handle":"(img_\w+)"', answer.text))
        (link,) = set(re.findall(r'"download_url":"([^"]+)"', answer.text))
        handles.append(handle)
        other = equals[number % 2]
        assert (
            httpx.get(
                f"{other.base}{httpx.URL(link).raw_path.decode()}", trust_env=False, timeout=60
            ).status_code
            == 200
        )
    assert handles[::2] == handles[1::2]


def test_a_question_of_one_server_is_answered_at_another(equals: list[Serving], sandbox: Sandbox) -> None:
    del sandbox
    asks: dict[str, object] = {"elicitation": {"form": {}}}
    able: dict[str, object] = {**META, "io.modelcontextprotocol/clientCapabilities": asks}
    arguments = {"prompt": "A fox", "model": "openai/gpt-image-1"}
    named = {
        "Mcp-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": "generate_image",
    }

    def call(server: Serving, **answer: object) -> dict[str, Any]:
        parameters = {"name": "generate_image", "arguments": arguments, "_meta": able, **answer}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": parameters}
        return json.loads(re.findall(r'\{"jsonrpc".*', post(server.url, message, **named).text)[-1])["result"]

    asked = call(equals[0])
    (question,) = asked["inputRequests"]
    answers = {question: {"action": "accept", "content": {"go_ahead": True}}}
    made = call(equals[1], requestState=asked["requestState"], inputResponses=answers)
    assert made["structuredContent"]["images"]


def test_a_start_that_would_let_others_in_is_refused_before_anything_listens(
    environment: dict[str, str],
) -> None:
    ended = subprocess.run(  # noqa: S603 - our own command
        [*COMMAND, "http", "--port", "0"],
        env={**environment, "IMAGEROUTER_PUBLIC_URL": "https://pictures.example"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith(
        "imagerouter-mcp: Serving pictures.example without a token would let anyone"
    )
