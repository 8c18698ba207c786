"""How this server stands with a host: registered there, and answering."""

import json
import os
import re
import signal
import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import anyio
from anyio import to_thread

from imagerouter_mcp.cli.findings import Finding
from imagerouter_mcp.cli.hosts import Host
from imagerouter_mcp.cli.launch import SERVER, Launch, as_typed
from imagerouter_mcp.cli.starting import start
from imagerouter_mcp.errors import ConfigurationError

ASK_SECONDS = 40.0
"""How long a host's own command may take; the slowest seen took 7 s on two busy cores."""
STANDING_SECONDS = ASK_SECONDS + 5
"""How long all of it may take."""

_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING_COMMA = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Registration:
    """What a host's configuration says of the server: what to start, and with which variables."""

    launch: Launch
    environment: Mapping[str, str]


async def standing(host: Host) -> Finding:
    """Find out how the server stands with a host that is installed.

    By the host's own command where it has one that starts the server; else by its configuration, and
    by starting what is written there.
    """
    program = host.find_program()
    return await (_asked(host, program) if program and host.ask else _read(host))


async def _asked(host: Host, program: str) -> Finding:
    words = [program, *host.ask]
    with anyio.move_on_after(ASK_SECONDS):
        said = await _output(words)
        if re.search(host.connected, said):
            return Finding(host.name, "ok", "The server is registered, and the host is connected to it.")
        plain = re.sub(r"[\\\"']", "", said)
        if SERVER not in plain or f"No MCP server named {SERVER}" in plain:
            return _unregistered(host)
        return _silent(host, "The server is registered, and the host cannot connect to it.")
    return Finding(
        host.name,
        "warning",
        f"The host's own command did not answer within {ASK_SECONDS:g} seconds.",
        f"Run it by hand to see why: {as_typed(words)}",
    )


async def _output(words: list[str]) -> str:
    """What a command prints; however this ends, nothing that it started stays behind."""
    async with await anyio.open_process(
        words, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, cwd=Path.home(), start_new_session=True
    ) as process:
        try:
            said = [chunk async for chunk in process.stdout] if process.stdout else []
        finally:
            if os.name == "posix":
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
    return b"".join(said).decode("utf-8", "replace")


async def _read(host: Host) -> Finding:
    try:
        found = await to_thread.run_sync(registration, host)
    except (OSError, ValueError):
        what = f"Its configuration {host.file} cannot be read."
        return Finding(host.name, "warning", what, "Open the file and look for a slip of the pen.")
    if found is None:
        return _unregistered(host)
    try:
        started = await start(found.launch, found.environment)
    except ConfigurationError as error:
        return _silent(host, error.what)
    return Finding(host.name, "ok", f"The server is registered, and answered in {started.seconds:.1f} s.")


def registration(host: Host) -> Registration | None:
    """Read what the host's configuration says of the server.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is not in the language that it should be in.
    """
    if not host.file.is_file():
        return None
    text = host.file.read_text("utf-8")
    level: object = tomllib.loads(text) if host.file.suffix == ".toml" else json.loads(without_comments(text))
    for key in (*host.section, SERVER):
        level = _object(level).get(key)
    entry = _object(level)
    # opencode writes program and arguments together.
    words = [str(word) for part in ("command", "args") for word in _listed(entry.get(part))]
    if not words:
        return None
    environment = {name: str(value) for name, value in _object(entry.get("env")).items()}
    return Registration(Launch(words[0], tuple(words[1:])), environment)


def without_comments(text: str) -> str:
    """JSON as Zed and VS Code allow it, made plain: no comments, no comma before a closing bracket."""
    return _TRAILING_COMMA.sub(r"\1", _COMMENT.sub(r"\1", text)) or "{}"


def _object(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}


def _listed(value: object) -> Sequence[object]:
    if isinstance(value, list):
        return cast("list[object]", value)
    return [] if value is None else [value]


def _unregistered(host: Host) -> Finding:
    return Finding(
        host.name, "warning", "The server is not registered there.", f"Run: imagerouter-mcp setup {host.word}"
    )


def _silent(host: Host, what: str) -> Finding:
    remedy = f"Register it anew: imagerouter-mcp setup {host.word}"
    return Finding(host.name, "failure", what, remedy)
