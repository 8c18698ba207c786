"""An HTTP server that is told to end: it says so, goes on serving for a while, and finishes what it began."""

import os
import signal
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest

from imagerouter_mcp.sandbox.service.serve import Sandbox
from patience import wait_until
from support.eras import in_both_eras
from support.http_serving import ACCEPT, INITIALIZE, Serving, modern, serving

ENDS_WITHIN = 20
pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are a matter of POSIX")


def asked(sandbox: Sandbox) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = sandbox.app.state.sandbox.journal.as_json()
    return [entry for entry in entries if entry["path"].startswith("/v1/openai/")]


def generating(running: Serving, model: str, era: str = "auto") -> AbstractContextManager[httpx.Response]:
    """Ask for a picture; the answer is a stream."""
    body, headers = modern("tools/call", name="generate_image", arguments={"prompt": "A fox", "model": model})
    if era == "legacy":
        began = httpx.post(running.url, json=INITIALIZE, headers=ACCEPT, trust_env=False)
        headers = {**ACCEPT, "Mcp-Session-Id": began.headers["mcp-session-id"]}
    return httpx.stream("POST", running.url, json=body, headers=headers, timeout=30, trust_env=False)


def test_a_draining_server_is_not_ready_and_still_serves(environment: dict[str, str]) -> None:
    environment["IMAGEROUTER_DRAIN_SECONDS"] = "600"
    with serving(environment) as running, httpx.Client(base_url=running.base, trust_env=False) as client:
        assert client.get("/ready").status_code == 200
        running.process.send_signal(signal.SIGTERM)
        wait_until(lambda: client.get("/ready").status_code == 503)
        assert client.get("/ready").json() == {"status": "draining", "lacking": []}
        assert client.get("/health").status_code == 200
        body, headers = modern("tools/list")
        assert '"generate_image"' in client.post("/mcp", json=body, headers=headers).text
        assert running.end(signal.SIGTERM, ENDS_WITHIN)[0] == 0, "a second signal ends it at once"


@in_both_eras
def test_a_picture_under_way_is_answered_although_the_server_is_to_end(
    environment: dict[str, str], sandbox: Sandbox, era: str
) -> None:
    with serving(environment) as running:
        with generating(running, "sandbox/slow-1.5", era) as answer:
            wait_until(lambda: asked(sandbox))
            running.process.send_signal(signal.SIGTERM)
            told = answer.read().decode()
        assert running.process.wait(ENDS_WITHIN) == 0
        assert "Traceback" not in running.said
    assert '"state":"done"' in told


def test_a_second_signal_waits_for_nothing(environment: dict[str, str], sandbox: Sandbox) -> None:
    environment["IMAGEROUTER_GRACE_SECONDS"] = "600"
    with serving(environment) as running, generating(running, "sandbox/slow-60"):
        wait_until(lambda: asked(sandbox))
        running.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not _accepts(running))
        status, said = running.end(signal.SIGTERM, ENDS_WITHIN)
    assert status == 0
    assert "Traceback" not in said


def _accepts(running: Serving) -> bool:
    try:
        return httpx.get(f"{running.base}/health", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
