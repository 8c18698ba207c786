"""The hosts: how to find each one, register this server with it, and ask whether it connects.

Claude Code 2.1, Codex 0.169, Gemini CLI 0.61, opencode 1.18 and OpenClaw 2026.9 were tried on Linux with
`make hosts`. The other hosts, and the paths on other operating systems, follow each host's documentation of
2026.
"""

import base64
import json
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

import platformdirs

from imagerouter_mcp.cli.launch import SERVER, Launch

CALL_MS = 300_000
"""Time limit for a tool call that we ask hosts to set, in milliseconds. Their own limit is often 60 s."""

Entry = Callable[[Launch], dict[str, object]]
"""Builds the server's entry in a host's configuration."""


@dataclass(frozen=True, slots=True)
class Question:
    """How to ask a host about this server with the host's own command.

    Attributes:
        arguments: The command's arguments.
        good_answer: A regular expression that its output matches when all is well.
        meaning: What such an answer means, as a sentence.
    """

    arguments: tuple[str, ...]
    good_answer: str
    meaning: str = "The server is registered, and the host is connected to it."


@dataclass(frozen=True, slots=True)
class Host:
    """A program that runs MCP servers.

    Attributes:
        word: What a person types to name it.
        name: What it is called.
        file: Its configuration file for this user.
        section: The keys that lead to the servers in that file, outermost first.
        entry: Builds the entry of one server.
        traces: Files and folders; one of them exists if the host is installed.
        program: The host's command, if it has one; looked up on PATH.
        register: Builds the arguments that register the server, replacing an earlier registration.
        forget: Arguments that remove an earlier registration, where `register` does not replace it.
        question: How to ask the host about the server.
        link: Builds a web link that registers the server at a click.
        remark: What else the person has to do, as a sentence.
        limit: What sets the time limit of a call in its file, where `register` does not; "" where it does, or
            where none is needed.
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
    question: Question | None = None
    link: Callable[[Launch], str] | None = None
    remark: str = ""
    limit: str = ""

    def find_program(self) -> str | None:
        """Return the full path of the host's command, or None."""
        return shutil.which(self.program) if self.program else None

    def is_here(self) -> bool:
        """Tell whether the host seems to be installed for this user."""
        return self.find_program() is not None or any(trace.exists() for trace in self.traces)

    def block(self, entry: Mapping[str, object]) -> str:
        """Return the text to put into its configuration file, as TOML or JSON."""
        if self.file.suffix == ".toml":
            lines = [f"{key} = {json.dumps(value)}" for key, value in entry.items()]
            return "\n".join([f"[{'.'.join((*self.section, SERVER))}]", *lines])
        whole: dict[str, object] = {SERVER: dict(entry)}
        for key in reversed(self.section):
            whole = {key: whole}
        return json.dumps(whole, indent=2, ensure_ascii=False)


def plain_entry(launch: Launch) -> dict[str, object]:
    """Return the entry that most hosts use."""
    return {"command": launch.command, "args": list(launch.arguments)}


def vscode_entry(launch: Launch) -> dict[str, object]:
    """Return the entry that VS Code uses."""
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


def _plain_words(launch: Launch) -> list[str]:
    return ["mcp", "add", SERVER, "--", *launch.words]


def _gemini_words(launch: Launch) -> list[str]:
    return [
        *("mcp", "add", "--scope", "user", "--timeout", str(CALL_MS), SERVER, launch.command),
        *(["--", *launch.arguments] if launch.arguments else []),
    ]


def _openclaw_words(launch: Launch) -> list[str]:
    return ["mcp", "set", SERVER, json.dumps(_openclaw_entry(launch))]


def _vscode_words(launch: Launch) -> list[str]:
    return ["--add-mcp", json.dumps({"name": SERVER, **vscode_entry(launch)})]


def cursor_link(launch: Launch) -> str:
    """Return the Cursor web page that opens Cursor and offers to install the server."""
    config = base64.b64encode(json.dumps(plain_entry(launch), separators=(",", ":")).encode()).decode()
    return f"https://cursor.com/en/install-mcp?{urlencode({'name': SERVER, 'config': config})}"


def vscode_link(launch: Launch) -> str:
    """Return the web page of VS Code's that does the same; sites such as GitHub block `vscode:` links."""
    config = json.dumps({"name": SERVER, **vscode_entry(launch)}, separators=(",", ":"))
    target = f"vscode:mcp/install?{quote(config, safe='')}"
    return f"https://insiders.vscode.dev/redirect?{urlencode({'url': target})}"


def hosts() -> Mapping[str, Host]:
    """Return all hosts by their words, with this user's files on this operating system."""
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
            # A plugin's server is listed as `plugin:imagerouter:imagerouter`.
            question=Question(("mcp", "list"), rf"(?m)^(plugin:\w+:)?{SERVER}: .*✔ Connected"),
        ),
        Host(
            "cursor",
            "Cursor",
            home / ".cursor" / "mcp.json",
            ("mcpServers",),
            plain_entry,
            (home / ".cursor",),
            link=cursor_link,
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
            link=vscode_link,
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
            question=Question(
                ("mcp", "list"),
                rf"\b{SERVER}: .* - (Connected|Disabled)",
                "The server is registered. Gemini CLI starts it in folders that you trust.",
            ),
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
            register=_plain_words,
            question=Question(
                ("mcp", "get", SERVER, "--json"),
                rf'"name": "{SERVER}"',
                "The server is registered. Codex does not tell whether it connects.",
            ),
            limit=f"tool_timeout_sec = {CALL_MS // 1000}",
        ),
        Host(
            "opencode",
            "opencode",
            home / ".config" / "opencode" / "opencode.json",
            ("mcp",),
            _opencode_entry,
            (home / ".config" / "opencode",),
            program="opencode",
            register=_plain_words,
            question=Question(("mcp", "list"), rf"\b{SERVER}\b\s*(\x1b\[[\d;]*m)*\s*connected"),
            limit=f'"timeout": {CALL_MS}',
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
            question=Question(("mcp", "probe", SERVER, "--json"), r'"tools": [1-9]'),
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
