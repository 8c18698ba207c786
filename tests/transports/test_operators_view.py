"""What an operator sees of an HTTP server: metrics on a port of their own, and a log as JSON."""

import asyncio
import json
import logging
import re
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import httpx2
import pytest
from anyio import to_thread
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from imagerouter_mcp import events
from imagerouter_mcp.cli.remote_checks import examine
from imagerouter_mcp.database.leases import Leases
from imagerouter_mcp.database.postgres import PostgresServer
from imagerouter_mcp.http_app.metrics import Metrics
from imagerouter_mcp.sandbox.service.accounts import KEY
from patience import PATIENCE_SECONDS, until
from support.free_ports import free_port
from support.http_serving import COMMAND, Serving, serving
from support.postgres import Cluster
from support.signing_in import sign_in_server

TOKEN = "operators-token-0123456789abcdef0123456789"  # noqa: S105 - of these tests
LINK_SECRET = "operators-link-secret-0123456789abcdef"  # noqa: S105 - of these tests
PLANTED = "PLANTED"
"""In every text that a caller sends."""
PAID = "openai/gpt-image-1.5"
SAMPLE = re.compile(r"^(imagerouter_mcp_\w+?)(?:\{(.*)\})? (\S+)$", re.MULTILINE)


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    """Return an environment with secrets that must not be told."""
    return {**environment, "IMAGEROUTER_MCP_TOKEN": TOKEN, "IMAGEROUTER_LINK_SECRET": LINK_SECRET}


@pytest.fixture
def port() -> int:
    """Return a port that nobody listens on."""
    return free_port()


@asynccontextmanager
async def connection(running: Serving, era: str = "auto") -> AsyncGenerator[Client]:
    """Connect with the token."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http,
        Client(streamable_http_client(running.url, http_client=http), mode=era) as client,
    ):
        yield client


def logged(running: Serving, message: str) -> list[dict[str, Any]]:
    """Return the lines of the log, all of them JSON, whose message contains a text."""
    lines = [json.loads(line) for line in running.log.read_text("utf-8").splitlines()]
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    return [line for line in lines if message in line["message"]]


async def test_the_log_tells_of_a_probe_only_when_something_is_wrong(environment: dict[str, str]) -> None:
    for key, status in ((KEY, 200), ("", 503)):
        with serving({**environment, "IMAGEROUTER_API_KEY": key}) as running:
            async with httpx.AsyncClient(base_url=running.base, trust_env=False) as http:
                assert (await http.get("/ready")).status_code == status
                await http.get("/elsewhere")
            await until(lambda: "GET /elsewhere" in running.log.read_text("utf-8"))
            assert ("GET /ready" in running.log.read_text("utf-8")) == (status != 200)


async def test_the_log_as_json_tells_of_each_call_and_nothing_private(environment: dict[str, str]) -> None:
    environment["IMAGEROUTER_LOG_FORMAT"] = "json"
    with serving(environment) as running:
        made = [await called_in_every_way(running, era) for era in ("auto", "legacy")]
        for headers in ({"Authorization": f"Bearer {PLANTED}"}, {"X-Api-Key": PLANTED}):
            link = f"{running.base}/files/img_0000?signature={PLANTED}"
            await get(link, **headers)
        await until(lambda: len(logged(running, "/files/img_0000")) == 2)
        ids = [call["request_id"] for call in logged(running, " answered: ")]
        assert len(set(ids)) == len(ids) == 16
        assert set(ids) <= {line["request_id"] for line in logged(running, "POST /mcp 200")}
        answered, paid = logged(running, "generate_image answered: ok"), logged(running, "ended: ok")
        for result, called, ended in zip(made, answered, paid, strict=True):
            assert (called["person"], called["tool"], called["outcome"]) == ("local", "generate_image", "ok")
            assert called["generation"] == result["generation"]
            assert float(ended["cost_usd"]) == result["cost_usd"]
            assert (ended["model"], ended["request_id"]) == (PAID, called["request_id"])
        (request, *_) = logged(running, "/files/img_0000")
        assert (request["status"], request["path"]) == (403, "/files/img_0000")
        said = running.log.read_text("utf-8")
    for private in (PLANTED, TOKEN, LINK_SECRET, KEY):
        assert private not in said


async def called_in_every_way(running: Serving, era: str) -> dict[str, Any]:
    """Make eight calls, of which the first alone succeeds and is paid; return its result."""
    async with connection(running, era) as client:
        prompt = f"{PLANTED} fox, {era}"
        made = await client.call_tool("generate_image", {"prompt": prompt, "model": PAID})
        for model in ("sandbox/charged-failure", "sandbox/refused", PLANTED):
            await client.call_tool("generate_image", {"prompt": prompt, "model": model})
        await client.call_tool("generate_image", {"prompt": [PLANTED], PLANTED: PLANTED})
        await client.call_tool("list_images", {"query": PLANTED, "cursor": PLANTED})
        await client.call_tool("show_image", {"image": PLANTED})
        source = f"http://127.0.0.1:9/{PLANTED}.png?signature={PLANTED}"
        await client.call_tool("edit_image", {"images": [source], "prompt": PLANTED, "model": "test/test"})
    assert made.structured_content
    return made.structured_content


async def get(address: str, **headers: str) -> httpx.Response:
    """Request an address without the token."""
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        return await http.get(address, headers=headers)


async def samples(port: int) -> dict[str, float]:
    """Return what is measured, by name and labels as they are written."""
    text = (await get(f"http://127.0.0.1:{port}/metrics")).raise_for_status().text
    return {f"{name}{{{labels or ''}}}": float(value) for name, labels, value in SAMPLE.findall(text)}


async def test_metrics_tell_of_calls_money_refusals_and_what_is_under_way(
    environment: dict[str, str], port: int
) -> None:
    environment |= {"IMAGEROUTER_METRICS_PORT": str(port), "IMAGEROUTER_CONCURRENCY": "1"}
    environment["IMAGEROUTER_MAX_COST_USD"] = "0.5"
    with serving(environment) as running:
        async with connection(running) as client, anyio.create_task_group() as calls:
            made = await client.call_tool("generate_image", {"prompt": "A fox", "model": PAID})
            assert made.structured_content
            failing = {"prompt": "A fox", "model": "sandbox/charged-failure"}
            await client.call_tool("generate_image", failing)
            await client.call_tool("generate_image", {"prompt": "A fox", "model": PAID, "n": 8})
            await client.call_tool(PLANTED, {})
            await get(running.url)
            found = await samples(port)
            assert found['imagerouter_mcp_tool_calls_total{outcome="ok",tool="generate_image"}'] == 1
            assert found['imagerouter_mcp_tool_calls_total{outcome="budget",tool="generate_image"}'] == 1
            assert found['imagerouter_mcp_tool_calls_total{outcome="arguments",tool="unknown"}'] == 1
            cost = found[f'imagerouter_mcp_cost_usd_total{{model="{PAID}"}}']
            assert cost == pytest.approx(made.structured_content["cost_usd"])
            assert found['imagerouter_mcp_cost_usd_total{model="sandbox/charged-failure"}'] == 0.04
            assert found['imagerouter_mcp_generations_total{outcome="ok"}'] == 1
            for stage in ("prepare", "queue", "service", "deliver"):
                assert found[f'imagerouter_mcp_stage_seconds_count{{stage="{stage}"}}'] >= 1
                assert found[f'imagerouter_mcp_stages_under_way{{stage="{stage}"}}'] == 0
            assert found['imagerouter_mcp_http_requests_total{path="/mcp",status="401"}'] == 1
            slow = {"prompt": "A fox", "model": "sandbox/slow-600"}
            for prompt in ("A fox", "An owl"):
                calls.start_soon(client.call_tool, "generate_image", {**slow, "prompt": prompt})
            async with asyncio.timeout(PATIENCE_SECONDS):
                while await under_way(port) != (1, 1):
                    pass
            calls.cancel_scope.cancel()
        assert PLANTED not in str(await samples(port))
        assert " answered: " not in running.said, "the text of the log stays as it is"


async def under_way(port: int) -> tuple[float, float]:
    """Return how many requests the service works on, and how many wait for their turn."""
    found = await samples(port)
    return (
        found['imagerouter_mcp_stages_under_way{stage="service"}'],
        found['imagerouter_mcp_stages_under_way{stage="queue"}'],
    )


@pytest.fixture
def metrics() -> Iterator[Metrics]:
    """Metrics of this process."""
    counting = Metrics()
    events.listen(counting, logging.DEBUG)
    yield counting
    events.logger.removeHandler(counting)


def test_metrics_count_the_renewals_of_a_lease(postgres: Cluster, metrics: Metrics) -> None:
    server = PostgresServer(postgres.url)
    leases = Leases(server, 30)
    leases.hold()
    leases.release()
    server.close()
    sample = metrics.registry.get_sample_value("imagerouter_mcp_lease_renewals_total", {"outcome": "ok"})
    assert sample == 1


async def test_metrics_count_sign_ins_by_what_came_of_them(metrics: Metrics, tmp_path: Path) -> None:
    async with sign_in_server(tmp_path) as server, server.visitor() as visitor:
        client = await visitor.client_id()
        await (await visitor.signed_in("Ann")).tokens(client)
        await visitor.refresh(client, "dead")
        await visitor.token(grant_type=PLANTED, client_id=client)
        found = {finding.name: finding for finding in await to_thread.run_sync(examine, server.resource)}
    assert [finding.line for finding in found.values() if finding.state == "failure"] == []
    assert found["sign-in page"].state == "ok"
    counted = {
        (grant, outcome): metrics.registry.get_sample_value(
            "imagerouter_mcp_tokens_asked_total", {"grant": grant, "outcome": outcome}
        )
        for grant, outcome in (
            ("authorization_code", "ok"),
            ("refresh_token", "invalid_grant"),
            ("other", "invalid_request"),
        )
    }
    assert list(counted.values()) == [1, 2, 1], counted


def test_a_port_that_is_taken_is_told_before_anything_is_served(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environment["IMAGEROUTER_METRICS_PORT"] = str(taken.getsockname()[1])
        ended = subprocess.run(  # noqa: S603 - our own command
            [*COMMAND, "http", "--port", "0"], env=environment, capture_output=True, text=True, check=False
        )
    assert ended.returncode == 1
    assert "Set IMAGEROUTER_METRICS_PORT to another port." in ended.stderr


def test_nothing_of_it_is_imported_where_it_is_not_asked_for(environment: dict[str, str]) -> None:
    words = "import sys, imagerouter_mcp.cli.serve_http; print('prometheus_client' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", words], env=environment, capture_output=True, check=True)  # noqa: S603 - ours
    assert told.stdout.strip() == b"False"
