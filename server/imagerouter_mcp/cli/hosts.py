"""The hosts: how each is found, told of this server, and asked about it. One table, `HOSTS`.

Seen with Claude Code 2.1, Codex 0.169, Gemini CLI 0.61, opencode 1.18 and OpenClaw 2026.9 under Linux by
`make hosts`; the others, and the files of other operating systems, after each host's documentation of 2026.
"""

import json
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from imagerouter_mcp.cli.launch import SERVER, Launch

CALL_MS = 300_000
"""How long a host is asked to let a call last, in milliseconds; its own limit is often 60 s."""

Entry = Callable[[Launch], dict[str, object]]
"""What stands under the server's name in a configuration."""


@dataclass(frozen=True, slots=True)
class Host:
    """A program that runs MCP servers.

    Attributes:
        word: What a person types for it.
        name: What it is called.
        file: Its configuration for this user.
        section: Where in that file the servers are, from the outside inwards.
        entry: What stands there for one server.
        traces: Files and folders of which one exists where the host is installed.
        program: The command it comes with; the folders of PATH are searched.
        register: The arguments by which that command registers the server, replacing an earlier one.
        forget: The arguments that remove an earlier registration, where `register` would not replace it.
        ask: The arguments by which it tells how the server does, and starts it to find out.
        connected: What its answer holds, as a regular expression, when the server answered.
        remark: What a person has to do besides, as a sentence.
    """

    word: str
    name: str
    file: Path
    section: tuple[str, ...]
    entry: Entry
    traces: tuple[Path, ...]
    program: str | None = None
    register: Callable[[Launch], list[str]] | None = None
    forget: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    connected: str = ""
    remark: str = ""

    def find_program(self) -> str | None:
        """The whole path of its command, or None."""
        return shutil.which(self.program) if self.program else None

    def is_here(self) -> bool:
        """Whether it is installed for this user, as far as can be seen."""
        return self.find_program() is not None or any(trace.exists() for trace in self.traces)

    def block(self, launch: Launch) -> str:
        """What to put into its configuration file, in that file's language."""
        entry = self.entry(launch)
        if self.file.suffix == ".toml":
            lines = [f"{key} = {json.dumps(value)}" for key, value in entry.items()]
            return "\n".join([f"[{'.'.join((*self.section, SERVER))}]", *lines])
        whole: dict[str, object] = {SERVER: entry}
        for key in reversed(self.section):
            whole = {key: whole}
        return json.dumps(whole, indent=2, ensure_ascii=False)


def plain_entry(launch: Launch) -> dict[str, object]:
    """The entry that most hosts share."""
    return {"command": launch.command, "args": list(launch.arguments)}


def vscode_entry(launch: Launch) -> dict[str, object]:
    """The entry of VS Code."""
    return {"type": "stdio", **plain_entry(launch)}


def _gemini_entry(launch: Launch) -> dict[str, object]:
    return {**plain_entry(launch), "timeout": CALL_MS}


def _codex_entry(launch: Launch) -> dict[str, object]:
    return {**plain_entry(launch), "tool_timeout_sec": CALL_MS // 1000}


def _opencode_entry(launch: Launch) -> dict[str, object]:
    return {"type": "local", "command": launch.words, "timeout": CALL_MS}


def _openclaw_entry(launch: Launch) -> dict[str, object]:
    return {**plain_entry(launch), "requestTimeoutMs": CALL_MS}


def _claude_code_words(launch: Launch) -> list[str]:
    return ["mcp", "add", "--scope", "user", SERVER, "--", *launch.words]


def _codex_words(launch: Launch) -> list[str]:
    return ["mcp", "add", SERVER, "--", *launch.words]


def _gemini_words(launch: Launch) -> list[str]:
    return [
        *("mcp", "add", "--scope", "user", "--timeout", str(CALL_MS), SERVER, launch.command),
        *(["--", *launch.arguments] if launch.arguments else []),
    ]


def _opencode_words(launch: Launch) -> list[str]:
    return ["mcp", "add", SERVER, "--", *launch.words]


def _openclaw_words(launch: Launch) -> list[str]:
    return ["mcp", "set", SERVER, json.dumps(_openclaw_entry(launch))]


def _vscode_words(launch: Launch) -> list[str]:
    return ["--add-mcp", json.dumps({"name": SERVER, **vscode_entry(launch)})]


def hosts() -> Mapping[str, Host]:
    """All hosts by their words, with the files of this user on this operating system."""
    home = Path.home()
    # Where desktop programs keep their settings: Application Support, AppData/Roaming, ~/.config.
    desktop = platformdirs.user_config_path(roaming=True)
    zed = desktop / "Zed" if sys.platform == "win32" else home / ".config" / "zed"
    table = (
        Host(
            "claude-desktop",
            "Claude Desktop",
            desktop / "Claude" / "claude_desktop_config.json",
            ("mcpServers",),
            plain_entry,
            (desktop / "Claude",),
            remark="Quit Claude Desktop and start it again.",
        ),
        Host(
            "claude-code",
            "Claude Code",
            home / ".claude.json",
            ("mcpServers",),
            plain_entry,
            (home / ".claude.json",),
            program="claude",
            register=_claude_code_words,
            forget=("mcp", "remove", "--scope", "user", SERVER),
            ask=("mcp", "get", SERVER),
            connected=r"✔ Connected",
        ),
        Host(
            "cursor",
            "Cursor",
            home / ".cursor" / "mcp.json",
            ("mcpServers",),
            plain_entry,
            (home / ".cursor",),
        ),
        Host(
            "vscode",
            "VS Code",
            desktop / "Code" / "User" / "mcp.json",
            ("servers",),
            vscode_entry,
            (desktop / "Code",),
            program="code",
            register=_vscode_words,
        ),
        Host(
            "gemini",
            "Gemini CLI",
            home / ".gemini" / "settings.json",
            ("mcpServers",),
            _gemini_entry,
            (home / ".gemini" / "settings.json",),
            program="gemini",
            register=_gemini_words,
            remark="Gemini CLI starts servers only in folders that you trust: `/permissions` in it says so.",
        ),
        Host(
            "codex",
            "Codex",
            home / ".codex" / "config.toml",
            ("mcp_servers",),
            _codex_entry,
            (home / ".codex",),
            program="codex",
            register=_codex_words,
        ),
        Host(
            "opencode",
            "opencode",
            home / ".config" / "opencode" / "opencode.json",
            ("mcp",),
            _opencode_entry,
            (home / ".config" / "opencode",),
            program="opencode",
            register=_opencode_words,
            ask=("mcp", "list"),
            connected=rf"\b{SERVER}\b\s*(\x1b\[[\d;]*m)*\s*connected",
        ),
        Host(
            "openclaw",
            "OpenClaw",
            home / ".openclaw" / "openclaw.json",
            ("mcp", "servers"),
            _openclaw_entry,
            (home / ".openclaw",),
            program="openclaw",
            register=_openclaw_words,
            ask=("mcp", "probe", SERVER, "--json"),
            connected=r'"tools": [1-9]',
        ),
        Host(
            "windsurf",
            "Windsurf",
            home / ".codeium" / "windsurf" / "mcp_config.json",
            ("mcpServers",),
            plain_entry,
            (home / ".codeium" / "windsurf",),
        ),
        Host(
            "zed",
            "Zed",
            zed / "settings.json",
            ("context_servers",),
            plain_entry,
            (zed,),
        ),
    )
    return {host.word: host for host in table}
