"""`imagerouter-mcp doctor`: what it says of a machine in order, and of one that is not."""

import json
import os
import socket
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
from PIL import Image
from pydantic import SecretStr

from imagerouter_mcp.cli import host_checks
from imagerouter_mcp.cli.checks import Check, Finding, run_checks
from imagerouter_mcp.cli.host_checks import check_host
from imagerouter_mcp.cli.hosts import hosts
from imagerouter_mcp.cli.machine_checks import machine_checks
from imagerouter_mcp.cli.service_checks import ServiceChecks
from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.sandbox.service import accounts
from imagerouter_mcp.sandbox.service.accounts import KEY
from imagerouter_mcp.settings import Settings, load_settings

Command = Callable[..., "subprocess.CompletedProcess[str]"]
Program = Callable[[str, str], Path]
posix = pytest.mark.skipif(os.name != "posix", reason="the stand-ins for hosts are shell scripts")


def findings(ended: "subprocess.CompletedProcess[str]") -> dict[str, dict[str, str]]:
    told: dict[str, Any] = json.loads(ended.stdout)
    assert told["ok"] is (ended.returncode == 0)
    return {finding["name"]: finding for finding in told["findings"]}


async def looked_at(checks: Sequence[Check]) -> dict[str, Finding]:
    return {finding.name: finding for finding in await run_checks(checks)}


async def service(settings: Settings) -> dict[str, Finding]:
    checks = ServiceChecks(settings)
    found = await looked_at(checks.checks())
    await checks.close()
    return found


def test_a_machine_in_order_passes_and_makes_a_picture(
    command: Command, process: Command, with_sandbox: dict[str, str], tmp_path: Path
) -> None:
    command("key", given=KEY)
    ended = process("doctor", "--generate", "--json", environment=with_sandbox)
    found = findings(ended)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert {found[name]["state"] for name in found if name != "hosts"} == {"ok"}
    assert found.keys() >= {
        "version",
        "python",
        "key",
        "credits",
        "models",
        "api",
        "picture",
        "server",
    }
    assert "$25.50" in found["credits"]["what"]
    assert "tools after" in found["server"]["what"]
    assert "with a preview" in found["picture"]["what"]
    (picture,) = (tmp_path / "Pictures" / "imagerouter").iterdir()
    with Image.open(picture) as opened:
        opened.load()
    assert KEY not in ended.stdout + ended.stderr


def test_it_works_with_the_sandbox_inside_and_says_a_line_for_each_thing(command: Command) -> None:
    ended = command("doctor", "--sandbox")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    lines = ended.stdout.splitlines()
    assert {line[:5].strip() for line in lines} == {"ok", "note"}
    assert any(line.startswith("note  hosts") and "imagerouter-mcp setup" in line for line in lines)
    assert "The sandbox accepts the key." in ended.stdout


def test_a_setting_that_cannot_be_read_is_a_finding(command: Command, at_home: dict[str, str]) -> None:
    environment = {**at_home, "IMAGEROUTER_TIMEOUT": "5m"}
    ended = command("doctor", "--json", environment=environment)
    (found,) = findings(ended).values()
    assert (found["name"], found["state"], ended.stderr) == ("settings", "failure", "")
    assert "IMAGEROUTER_TIMEOUT cannot be used: it must be a plain number" in found["what"]
    text = command("doctor", environment=environment)
    assert (text.returncode, text.stderr) == (1, "")
    assert text.stdout.startswith("FAIL  settings")


def test_a_cause_that_several_checks_meet_is_told_once(
    command: Command, with_sandbox: dict[str, str]
) -> None:
    revoked = {**with_sandbox, "IMAGEROUTER_API_KEY": "x" * 64}
    found = findings(command("doctor", "--generate", "--json", environment=revoked))
    assert {name for name in found if found[name]["state"] == "failure"} == {"key accepted"}
    no_key = {name: value for name, value in with_sandbox.items() if name != "IMAGEROUTER_API_KEY"}
    found = findings(command("doctor", "--generate", "--json", environment=no_key))
    assert {name for name in found if found[name]["state"] == "failure"} == {"key"}


def test_without_network_and_key_it_ends_and_says_what_to_do(
    command: Command, at_home: dict[str, str]
) -> None:
    nowhere = {
        "IMAGEROUTER_BASE_URL": "http://127.0.0.1:9",
    }
    ended = command("doctor", "--json", environment={**at_home, **nowhere})
    assert ended.returncode == 1
    found = findings(ended)
    failed = {name for name in found if found[name]["state"] == "failure"}
    assert failed == {"key", "api"}, "what cannot be reached is told once"
    assert "imagerouter-mcp key" in found["key"]["remedy"]
    assert all(found[name]["remedy"] for name in failed)
    assert ended.stderr == ""


@pytest.mark.parametrize(
    ("key", "name", "state", "word"),
    [
        (accounts.UNKNOWN_KEY, "key accepted", "failure", "imagerouter.io/api-keys"),
        (accounts.POOR_KEY, "credits", "failure", "Add credits"),
        (KEY, "credits", "ok", ""),
    ],
)
async def test_what_imagerouter_thinks_of_the_key_is_told(
    settings: Settings, key: str, name: str, state: str, word: str
) -> None:
    found = await service(settings.model_copy(update={"api_key": SecretStr(key)}))
    assert found[name].state == state
    assert word in found[name].remedy
    assert key not in repr(found)


async def test_a_service_that_is_silent_is_given_up(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagerouter_mcp.cli.service_checks.REACH_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        base = f"http://127.0.0.1:{silent.getsockname()[1]}"
        found = await service(settings.model_copy(update={"base_url": base, "stall_seconds": 0.2}))
    assert {name: finding.state for name, finding in found.items()} == {"api": "failure"}, "told once"


async def test_the_real_services_storage_is_looked_at_too() -> None:
    checks = ServiceChecks(Settings())
    names = [check.name for check in checks.checks()]
    await checks.close()
    assert names == ["api", "popularity", "storage", "models"], "without a key, nothing that needs one"


async def test_a_key_that_others_can_read_is_warned_of(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY)
    file.chmod(0o644)
    settings = Settings(api_key_file=file)
    found = await looked_at(machine_checks(settings, sandbox=False))
    assert found["key"].state == "warning"
    assert found["key"].remedy == f"Run: chmod 600 {file}"
    file.chmod(0o600)
    assert (await looked_at(machine_checks(settings, sandbox=False)))["key"].state == "ok"


async def test_a_key_that_only_this_terminal_knows_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEROUTER_API_KEY", KEY)
    found = await looked_at(machine_checks(load_settings(), sandbox=False))
    assert found["key"].state == "warning"
    assert "imagerouter-mcp key" in found["key"].remedy


async def test_a_misspelt_setting_is_told_with_the_one_that_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEROUTER_MODLE", "test/test")
    monkeypatch.setenv("IMAGEROUTER_OF_ANOTHER_PROGRAM", "1")
    found = await looked_at(machine_checks(Settings(), sandbox=True))
    assert found["settings"].what == "IMAGEROUTER_MODLE is not a setting and is ignored."
    assert found["settings"].remedy == "Is IMAGEROUTER_MODEL meant?"


async def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "in-the-way").write_text("")
    settings = Settings(output_dir=tmp_path / "in-the-way" / "pictures", data_dir=tmp_path / "new" / "data")
    found = await looked_at(machine_checks(settings, sandbox=True))
    assert found["pictures folder"].state == "failure"
    assert "IMAGEROUTER_OUTPUT_DIR" in found["pictures folder"].remedy
    assert found["records folder"].state == "ok"
    assert not (tmp_path / "new").exists()


async def test_a_proxy_is_told_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hunter2@proxy.example:3128")
    found = await looked_at(machine_checks(Settings(), sandbox=True))
    assert "http://proxy.example:3128" in found["proxy"].what
    assert "hunter2" not in repr(found)


async def test_each_check_is_bounded_and_none_stops_the_others() -> None:
    async def never() -> Sequence[Finding]:
        await anyio.sleep_forever()
        return []

    async def fails() -> Sequence[Finding]:
        raise PlanError("It is so.", "Do this.")

    async def works() -> Sequence[Finding]:
        return [Finding("works", "ok", "Fine.")]

    found = await run_checks(
        [Check("never", never, 0.05), Check("fails", fails, 5), Check("works", works, 5)]
    )
    assert [(finding.name, finding.state) for finding in found] == [
        ("never", "failure"),
        ("fails", "failure"),
        ("works", "ok"),
    ]
    assert (found[1].what, found[1].remedy) == ("It is so.", "Do this.")


async def test_a_host_without_a_command_is_set_up_when_its_file_names_the_server(
    command: Command,
) -> None:
    cursor = hosts()["cursor"]
    cursor.file.parent.mkdir()
    missing = await check_host(cursor)
    assert (missing.state, missing.remedy) == ("warning", "Run: imagerouter-mcp setup cursor")
    printed = command("setup", "cursor", "--sandbox").stdout
    cursor.file.write_text(printed[printed.index("{") : printed.rindex("}") + 1])
    found = await check_host(cursor)
    assert found.state == "ok"
    assert "cannot be asked" in found.what, "it claims no more than it knows"


@pytest.mark.parametrize("content", [b"{", b'{"mcpServers": 3}', b"\x00\xff", b"", b'{"imagerouters": {}}'])
async def test_a_hosts_file_of_any_kind_without_our_name_is_no_registration(content: bytes) -> None:
    cursor = hosts()["cursor"]
    cursor.file.parent.mkdir()
    cursor.file.write_bytes(content)
    assert (await check_host(cursor)).state == "warning"


@posix
@pytest.mark.parametrize(
    ("word", "script", "state"),
    [
        ("claude-code", "echo 'imagerouter: x - ✔ Connected'", "ok"),
        ("claude-code", "echo 'plugin:imagerouter:imagerouter: x - ✔ Connected'", "ok"),
        (
            "claude-code",
            "echo 'imagerouter: x - ✘ Failed'; echo 'b: x - ✔ Connected'",
            "failure",
        ),
        ("claude-code", "echo 'other: x - ✔ Connected'", "warning"),
        ("claude-code", "exit 1", "warning"),
        ("codex", """echo '{"name": "imagerouter", "enabled": true}'""", "ok"),
        ("codex", "echo \"Error: No MCP server named 'imagerouter' found.\" >&2; exit 1", "warning"),
        ("gemini", "echo '✓ imagerouter: x (stdio) - Connected'", "ok"),
        ("gemini", "echo '○ imagerouter: x (stdio) - Disabled'", "ok"),
        ("gemini", "echo '✗ imagerouter: x (stdio) - Disconnected'", "failure"),
        ("opencode", "echo '●  ✓ imagerouter connected'", "ok"),
        ("openclaw", """echo '{"tools": 13}'""", "ok"),
        ("openclaw", """echo '{"server": "imagerouter", "tools": 0}'""", "failure"),
    ],
)
async def test_a_host_is_asked_by_its_own_command(
    program: Program,
    at_home: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    word: str,
    script: str,
    state: str,
) -> None:
    host = hosts()[word]
    program(host.program or "", script)
    monkeypatch.setenv("PATH", at_home["PATH"])
    assert (await check_host(host)).state == state


@posix
async def test_a_host_that_is_asked_gets_the_token_of_a_server_and_no_other_secret(
    program: Program, at_home: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program("claude", f'env > "{tmp_path}/environment"')
    monkeypatch.setenv("PATH", at_home["PATH"])
    names = ("IMAGEROUTER_MCP_TOKEN", "IMAGEROUTER_API_KEY", "IMAGEROUTER_KEY_SECRETS", "GITHUB_TOKEN")
    for name in names:
        monkeypatch.setenv(name, KEY)
    await check_host(hosts()["claude-code"])
    got = (tmp_path / "environment").read_text()
    assert [name for name in names if f"{name}={KEY}\n" in got] == ["IMAGEROUTER_MCP_TOKEN"]
    assert got.count(KEY) == 1


@posix
async def test_a_host_that_hangs_is_given_up_with_all_that_it_started(
    program: Program, at_home: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program("claude", f"sleep 600 & echo $! > {tmp_path / 'child'}; wait")
    monkeypatch.setenv("PATH", at_home["PATH"])
    monkeypatch.setattr(host_checks, "ASK_SECONDS", 3.0)
    found = await check_host(hosts()["claude-code"])
    assert found.state == "warning"
    assert "claude mcp list" in found.remedy
    child = int((tmp_path / "child").read_text())
    with anyio.fail_after(60):
        while _lives(child):
            await anyio.lowlevel.checkpoint()


def _lives(process: int) -> bool:
    """Whether it runs; a zombie that nobody has fetched yet does not."""
    try:
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


async def test_a_server_that_has_its_key_from_its_settings_needs_it_nowhere_else(tmp_path: Path) -> None:
    settings = Settings(api_key=SecretStr(KEY), api_key_file=tmp_path / "none")
    assert (await looked_at(machine_checks(settings, sandbox=False)))["key"].state == "warning"
    serving = settings.model_copy(update={"public_url": "https://pictures.example"})
    assert (await looked_at(machine_checks(serving, sandbox=False)))["key"].state == "ok"
