"""The HTTP server for a team: names and origins, limits, probes, the log, equal processes, proxies."""

import asyncio
import json
import re
import sqlite3
import subprocess
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
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
from patience import PATIENCE_SECONDS, wait_until
from support.http_in_process import served
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


def post(url: str, body: object = INITIALIZE, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(url, json=body, headers={**HEADERS, **named}, trust_env=False, timeout=60)


@asynccontextmanager
async def team_server(settings: Settings, **changed: object) -> AsyncGenerator[httpx.AsyncClient]:
    """Serve a team from this process; yield a client of its address."""
    shared = {"mcp_token": (SecretStr(TOKEN),), "remote": True}
    async with (
        served(settings.model_copy(update=shared | changed)) as (links, _),
        httpx.AsyncClient(base_url=links.base_url, trust_env=False, timeout=60) as client,
    ):
        yield client


async def began(client: httpx.AsyncClient, **headers: str) -> httpx.Response:
    """Begin a session, by default with the token."""
    return await client.post("/mcp", json=INITIALIZE, headers={**HEADERS, **headers})


async def test_pages_of_named_origins_may_call_it_and_others_may_not(settings: Settings) -> None:
    async with team_server(settings, http_origins=(PAGE, "http://10.0.0.7:3000")) as client:
        asked = {
            "Origin": PAGE,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type, mcp-protocol-version, mcp-method",
        }
        preflight = await client.options("/mcp", headers=asked)
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == PAGE
        served = await began(client, Origin=PAGE)
        assert served.status_code == 200
        assert served.headers["access-control-allow-origin"] == PAGE
        assert "Mcp-Session-Id" in served.headers["access-control-expose-headers"]
        # A page has to see that its token is wrong.
        unknown = await began(client, Origin=PAGE, Authorization="Bearer wrong")
        assert (unknown.status_code, unknown.headers["access-control-allow-origin"]) == (401, PAGE)
        for other in ("https://chat.example.attacker.example", "http://chat.example", f"{PAGE}:8443", "null"):
            refused = await client.options("/mcp", headers={**asked, "Origin": other})
            assert (refused.status_code, "access-control-allow-origin" in refused.headers) == (403, False)
            assert (await began(client, Origin=other)).status_code == 403


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


async def test_who_asks_too_fast_is_told_how_long_to_wait(settings: Settings) -> None:
    async with team_server(settings, http_rate=0.05) as client:
        first, refused = await began(client), await began(client)
        wrong = [(await began(client, Authorization="Bearer guess")).status_code for _ in range(2)]
        probes = {(await client.get("/health")).status_code for _ in range(5)}
    assert first.status_code == 200
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 20
    assert wrong == [401, 429], "guessing is slow, and holds up nobody who knows the token"
    assert probes == {200}


async def test_who_asks_a_little_too_fast_is_served_later(settings: Settings) -> None:
    async with team_server(settings, http_rate=2) as client:
        statuses = [(await began(client)).status_code for _ in range(22)]
    assert statuses == [200] * 22


async def test_nobody_has_every_request_under_way_and_probes_are_served(settings: Settings) -> None:
    limited = {"mcp_token": (SecretStr(TOKEN), SecretStr(OTHER_TOKEN)), "http_requests": 4}
    async with team_server(settings, **limited, grace_seconds=0) as client:
        async with AsyncExitStack() as streams:
            calls = [client.stream("POST", "/mcp", **slow_call()) for _ in range(2)]
            answers = [(await streams.enter_async_context(call)).aiter_text() for call in calls]
            assert all(["Preparing" in await anext(answer) for answer in answers])
            refused = await began(client)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
            assert (await began(client, Authorization=f"Bearer {OTHER_TOKEN}")).status_code == 200
            assert (await client.get("/health")).status_code == 200
            assert (await client.get("/ready")).status_code == 200
        async with asyncio.timeout(
            PATIENCE_SECONDS
        ):  # once the server has noticed that the streams are closed
            while (await began(client)).status_code != 200:
                pass


def slow_call() -> dict[str, Any]:
    """A request that is answered in a minute, and tells of its progress before."""
    arguments = {"prompt": "A fox", "model": "sandbox/slow-60", "again": True}
    parameters = {"name": "generate_image", "arguments": arguments, "_meta": {**META, "progressToken": 1}}
    named = {
        **HEADERS,
        "Mcp-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": "generate_image",
    }
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": parameters}
    return {"json": message, "headers": named}


async def test_ready_says_what_is_lacking_and_no_secret(settings: Settings, tmp_path: Path) -> None:
    async with team_server(settings) as client:
        ready = await client.get("/ready")
        assert (ready.status_code, ready.json()) == (200, {"status": "ready", "lacking": []})
        with closing(sqlite3.connect(settings.data_dir / "gallery.sqlite3")) as gallery:
            gallery.execute("PRAGMA user_version = 999")
    (tmp_path / "file").touch()
    async with team_server(settings, api_key=None, output_dir=tmp_path / "file") as client:
        answer = await client.get("/ready")
        assert (await client.get("/health")).status_code == 200
    assert answer.status_code == 503
    assert answer.json() == {"status": "not ready", "lacking": ["key", "gallery", "output folder"]}
    assert str(tmp_path) not in answer.text


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


def test_each_request_has_an_id_in_its_answer_and_its_line(equals: list[Serving]) -> None:
    running = equals[0]
    own = post(f"{running.url}?secret=hidden", X_Request_Id="trace-42").headers["x-request-id"]
    given = post(running.url, Authorization="Bearer wrong").headers["x-request-id"]
    wait_until(lambda: {own, given} <= set(running.said.split()))
    assert own == "trace-42"
    for request, status in ((own, 200), (given, 401)):
        (line,) = (line for line in running.said.splitlines() if request in line)
        shape = rf"\S+ \S+ INFO {request} \S+: 127\.0\.0\.1 POST /mcp {status} \d+ ms"
        assert re.fullmatch(shape, line)
    assert "hidden" not in running.said
    assert TOKEN not in running.said


def test_behind_a_named_proxy_the_client_is_who_the_proxy_says(environment: dict[str, str]) -> None:
    limited = {"IMAGEROUTER_HTTP_PROXIES": "127.0.0.1", "IMAGEROUTER_HTTP_RATE": "0.1"}
    with serving({**environment, **limited, "IMAGEROUTER_MCP_TOKEN": TOKEN}) as running:
        statuses = [
            post(running.url, X_Forwarded_For=client).status_code
            for client in ("203.0.113.1", "203.0.113.2", "203.0.113.1", "203.0.113.9, 203.0.113.3")
        ]
        last = running.logged(4)[-1]
    assert statuses == [200, 200, 429, 200], "each client has its own rate"
    assert "203.0.113.3 POST /mcp 200" in last, "what a client itself writes into the header is not believed"


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
