"""The SDK's own client signs in to a server process, with a person's browser and a real redirect."""

import asyncio
from pathlib import Path

import pytest

from imagerouter_mcp.cli.main import main
from imagerouter_mcp.sandbox.service.serve import Sandbox
from support.http_serving import bare_environment, sandbox_environment, serving
from support.sdk_signing_in import Browser, Kept, connected


def _invited(capsys: pytest.CaptureFixture[str], name: str) -> str:
    assert main(["people", "invite", name]) == 0
    return capsys.readouterr().out.split("/invitation#")[1].split()[0]


async def test_the_sdks_client_signs_in_once_and_comes_back_until_its_person_is_removed(
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    environment = {**sandbox_environment(sandbox, tmp_path), "IMAGEROUTER_PEOPLE": "1"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with serving({**bare_environment(tmp_path), **environment}) as server:
        browser, kept = Browser(server.base), Kept()
        await browser.accept(_invited(capsys, "Ann"))
        for _ in range(2):
            async with connected(server.url, kept, browser) as client:
                assert (await client.call_tool("list_images", {})).is_error is False
        assert browser.opened == 1
        assert kept.tokens
        assert await asyncio.to_thread(main, ["people", "remove", "Ann", "--yes"]) == 0
        shown = {"Authorization": f"Bearer {kept.tokens.access_token}"}
        assert (await browser.http.post("/mcp", headers=shown)).status_code == 401
        await browser.http.aclose()
