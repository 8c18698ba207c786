"""What is tried with each client: our own wiring first, then the client's word for how it went."""

import json
import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from agents import PICTURE, TOOL, ask
from installing import ROOT, version
from table import Row
from workshop import Ran, Workshop

from imagerouter_mcp import __version__
from imagerouter_mcp.sandbox.service.accounts import KEY

SKILL = ROOT / "skill"

Trial = Callable[[Workshop], Row]


def agent_skills(shop: Workshop) -> Row:
    """The checker of the Agent Skills format."""
    row = Row("Agent Skills checker", "skills-ref 0.1.1")
    link = shop.home / "imagerouter"  # it wants the folder to bear the skill's name
    link.symlink_to(SKILL)
    checked = shop.run("agentskills", "validate", str(link))
    row.expect("valid skill", seen=checked.status == 0, otherwise=_said(checked))
    return row


def inspector(shop: Workshop) -> Row:
    """The official MCP Inspector's command line."""
    row = Row("MCP Inspector", version("inspector"))
    listed = shop.run(*_inspecting(shop), "tools/list", "--strict")
    tools = _json(listed).get("tools", [])
    seen = listed.status == 0 and bool(tools)
    row.expect(f"`--strict` list of {len(tools)} tools", seen=seen, otherwise=_said(listed))
    called = inspector_call(shop)
    result = _json(called).get("result", {})
    kinds = [str(block.get("type")) for block in result.get("content", [])]
    seen = called.status == 0 and "image" in kinds
    row.expect(f"picture as {', '.join(kinds)}", seen=seen, otherwise=_said(called))
    _expect_file(row, result.get("structuredContent", {}))
    return row


def inspector_call(shop: Workshop) -> Ran:
    """Ask for a picture with the Inspector."""
    return shop.run(
        *(*_inspecting(shop), "tools/call", "--tool-name", TOOL),
        *("--tool-args-json", json.dumps(PICTURE), "--format", "json"),
    )


def _inspecting(shop: Workshop) -> tuple[str, ...]:
    return ("mcp-inspector", "--cli", str(shop.command), "--sandbox", "--method")


def mcporter(shop: Workshop) -> Row:
    """mcporter, which calls tools by hand and from other agents."""
    row = Row("mcporter", version("mcporter"))
    listed = shop.run("mcporter", "list", *_porting(shop), "--name", "imagerouter", "--schema")
    seen = listed.status == 0 and TOOL in listed.printed
    row.expect("tools listed", seen=seen, otherwise=_said(listed))
    called = mcporter_call(shop)
    saved = [file for file in _saved(shop).glob("*") if file.stat().st_size]
    seen = called.status == 0 and len(saved) == 1
    row.expect("preview saved by `--save-images`", seen=seen, otherwise=_said(called))
    _expect_file(row, _json(called))
    return row


def mcporter_call(shop: Workshop) -> Ran:
    """Ask for a picture with mcporter."""
    arguments = [f"{name}={value}" for name, value in PICTURE.items()]
    options = ("--output", "json", "--save-images", str(_saved(shop)))
    return shop.run("mcporter", "call", *_porting(shop), TOOL, *arguments, *options)


def _porting(shop: Workshop) -> tuple[str, ...]:
    return ("--stdio", f"{shop.command} --sandbox")


def _saved(shop: Workshop) -> Path:
    return shop.home / "saved"


def openclaw(shop: Workshop) -> Row:
    """OpenClaw: the skill, and the server among its MCP servers."""
    row = Row("OpenClaw", version("openclaw"))
    key = {"IMAGEROUTER_API_KEY": KEY}  # the skill asks for it; the server, being a sandbox, does not
    installed = shop.run("openclaw", "skills", "install", str(SKILL))
    told = shop.run("openclaw", "skills", "info", "imagerouter", "--json", environment=key)
    eligible = _json(told).get("eligible") is True
    row.expect("skill installed and eligible", seen=installed.status == 0 and eligible, otherwise=_said(told))
    checked = shop.run("openclaw", "skills", "check", "--json", environment=key)
    row.expect(
        "among the skills that its model sees",
        seen="imagerouter" in _json(checked).get("eligible", []),
        otherwise=_said(checked),
    )
    _expect_registered(row, shop.setup("openclaw"))
    probed = shop.run("openclaw", "mcp", "probe", "imagerouter", "--json")
    tools = _json(probed).get("servers", {}).get("imagerouter", {}).get("tools", 0)
    row.expect(
        f"`mcp probe` connected, {tools} tools",
        seen=probed.status == 0 and tools > 0,
        otherwise=_said(probed),
    )
    examined = shop.run("openclaw", "mcp", "doctor", "imagerouter", "--probe", "--json")
    row.expect("`mcp doctor --probe` ok", seen=_json(examined).get("ok") is True, otherwise=_said(examined))
    _expect_picture(row, shop, "openclaw")
    return row


def claude_code(shop: Workshop) -> Row:
    """Claude Code: the plugin, and the server registered by its own command."""
    row = Row("Claude Code", version("claude"))
    valid = shop.run("claude", "plugin", "validate", str(ROOT), "--strict")
    row.expect("`plugin validate --strict` passed", seen=valid.status == 0, otherwise=_said(valid))
    _expect_registered(row, shop.setup("claude-code"))
    listed = shop.run("claude", "mcp", "list")
    line = next((line for line in listed.printed.splitlines() if line.startswith("imagerouter:")), "")
    row.expect("`mcp list`: ✔ Connected", seen="✔ Connected" in line, otherwise=_said(listed))
    _expect_picture(row, shop, "claude")
    return row


def gemini(shop: Workshop) -> Row:
    """Gemini CLI: the skill, and the server registered by its own command."""
    row = Row("Gemini CLI", version("gemini"))
    installed = shop.run("gemini", "skills", "install", str(SKILL), "--scope", "user", "--consent")
    row.expect(
        "skill installed",
        seen="Successfully installed skill: imagerouter" in _said(installed),
        otherwise=_said(installed),
    )
    _expect_registered(row, shop.setup("gemini"))
    listed = shop.run("gemini", "mcp", "list")
    row.expect("`mcp list`: ✓ Connected", seen="✓ imagerouter" in _said(listed), otherwise=_said(listed))
    _expect_picture(row, shop, "gemini")
    return row


def codex(shop: Workshop) -> Row:
    """Codex, whose list does not connect; our doctor starts what is registered there."""
    row = Row("Codex", version("codex"))
    _expect_registered(row, shop.setup("codex"))
    listed = shop.run("codex", "mcp", "list", "--json")
    servers = cast("list[dict[str, Any]]", _json(listed, []))
    enabled = [server["name"] for server in servers if server.get("enabled")]
    row.expect("`mcp list`: enabled", seen=enabled == ["imagerouter"], otherwise=_said(listed))
    _expect_picture(row, shop, "codex")
    return row


def opencode(shop: Workshop) -> Row:
    """Opencode: the server registered by its own command."""
    row = Row("opencode", version("opencode"))
    _expect_registered(row, shop.setup("opencode"))
    listed = shop.run("opencode", "mcp", "list")
    row.expect("`mcp list`: ✓ connected", seen="✓ imagerouter" in _said(listed), otherwise=_said(listed))
    _expect_picture(row, shop, "opencode")
    return row


def bundle(shop: Workshop) -> Row:
    """The bundle for Claude Desktop: valid, packed, unpacked, and started from what was unpacked."""
    row = Row("MCPB (Claude Desktop)", version("mcpb"))
    valid = shop.run("mcpb", "validate", str(ROOT / "manifest.json"))
    row.expect("manifest valid", seen=valid.status == 0, otherwise=_said(valid))
    packed = shop.run("make", "-C", str(ROOT), "mcpb", f"MCPB={shop.home / 'packed.mcpb'}")
    row.expect("packed", seen=packed.status == 0, otherwise=_said(packed))
    unpacked = shop.home / "unpacked"
    shop.run("mcpb", "unpack", str(shop.home / "packed.mcpb"), str(unpacked))
    run = ("uv", "run", "--directory", str(unpacked), "--locked", "--no-dev", "imagerouter-mcp")
    prepared = shop.run(*run, "--version", environment=_for_downloads())
    row.expect(
        f"installed by uv: {prepared.printed.strip()}", seen=prepared.status == 0, otherwise=_said(prepared)
    )
    started = shop.run("mcp-inspector", "--cli", *run, "--sandbox", "--method", "tools/list")
    tools = _json(started).get("tools", [])
    row.expect(f"started from the bundle, {len(tools)} tools", seen=bool(tools), otherwise=_said(started))
    return row


def doctor(shop: Workshop) -> Row:
    """Our own doctor, after all of the above: it has to find each host, registered and answering."""
    row = Row("imagerouter-mcp doctor", __version__)
    examined = shop.run(str(shop.command), "doctor", "--sandbox", "--generate", "--json")
    findings: list[dict[str, str]] = _json(examined).get("findings", [])
    state = {finding["name"]: finding["state"] for finding in findings}
    hosts = ("Claude Code", "Gemini CLI", "Codex", "opencode", "OpenClaw")
    wrong = [f"{finding['name']}: {finding['what']}" for finding in findings if finding["state"] != "ok"]
    good = examined.status == 0 and all(state.get(host) == "ok" for host in hosts)
    row.expect(
        f"{', '.join(hosts)} registered and answering",
        seen=good,
        otherwise="; ".join(wrong) or _said(examined),
    )
    row.expect("test picture with preview", seen=state.get("picture") == "ok", otherwise=_said(examined))
    return row


TRIALS: dict[str, Trial] = {
    "python": agent_skills,
    "inspector": inspector,
    "mcporter": mcporter,
    "openclaw": openclaw,
    "claude": claude_code,
    "gemini": gemini,
    "codex": codex,
    "opencode": opencode,
    "mcpb": bundle,
    "doctor": doctor,
}
"""By the client that has to be installed."""


def _for_downloads() -> dict[str, str]:
    """What uv needs of the environment where a proxy stands between it and the package registry."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("UV_", "SSL_CERT_")) or name.lower().endswith("_proxy")
    }


def _expect_registered(row: Row, ran: Ran) -> None:
    row.expect("registered by `imagerouter-mcp setup`", seen=ran.status == 0, otherwise=_said(ran))


def _expect_picture(row: Row, shop: Workshop, host: str) -> None:
    """Ask the host for a picture, and look for it on disk."""
    before = set(shop.pictures())
    asked = ask(shop, host)
    made = set(shop.pictures()) - before
    seen = asked.finished and len(made) == 1
    otherwise = f"{_said(asked.ran)} {asked.script.requests} {asked.script.offered}"
    row.expect(
        f"asked for a picture: on disk, and the model was given {asked.kinds}", seen=seen, otherwise=otherwise
    )


def _expect_file(row: Row, told: dict[str, Any]) -> None:
    paths = [Path(image["path"]) for image in told.get("images", []) if "path" in image]
    row.expect(
        "picture on disk", seen=bool(paths) and all(path.is_file() for path in paths), otherwise=str(told)
    )


def _said(ran: Ran) -> str:
    return f"{ran.printed}\n{ran.errors}"


def _json(ran: Ran, otherwise: Any = None) -> Any:  # noqa: ANN401 - JSON of many shapes
    """The JSON that a command printed, whatever it said before and after."""
    begin = re.search(r"^[\[{]", ran.printed, re.MULTILINE)
    with suppress(ValueError):
        return json.JSONDecoder().raw_decode(ran.printed[begin.start() if begin else 0 :])[0]
    return {} if otherwise is None else otherwise
