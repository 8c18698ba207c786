"""Ask each installed host whether this server is registered there and connects."""

import os
import re
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import anyio
from anyio import to_thread

from imagerouter_mcp.cli.checks import Check, Finding
from imagerouter_mcp.cli.hosts import Host, Question, hosts
from imagerouter_mcp.cli.launch import SERVER, as_typed
from imagerouter_mcp.cli.remote_hosts import TOKEN
from imagerouter_mcp.settings import program_environment

ASK_SECONDS = 40.0
"""Time limit for a host's own command. The slowest seen took 7 s on two busy cores."""


def host_checks() -> list[Check]:
    """Return one check for each host on this machine, or a single one that says there is none."""
    found = [host for host in hosts().values() if host.is_here()]

    async def none() -> Sequence[Finding]:
        remedy = "imagerouter-mcp setup lists the hosts it knows."
        return [Finding("hosts", "warning", "No host was found on this machine.", remedy)]

    return [_host_check(host) for host in found] or [Check("hosts", none, 1)]


def _host_check(host: Host) -> Check:
    async def run() -> Sequence[Finding]:
        return [await check_host(host)]

    return Check(host.name, run, ASK_SECONDS + 5)


async def check_host(host: Host) -> Finding:
    """Ask the host itself where it has a command for that; elsewhere look for our name in its file."""
    program = host.find_program()
    if program and host.question:
        return await _ask(host, program, host.question)
    return await to_thread.run_sync(_look_into_file, host)


async def _ask(host: Host, program: str, question: Question) -> Finding:
    words = [program, *question.arguments]
    with anyio.move_on_after(ASK_SECONDS):
        answer = await _output(words)
        if re.search(question.good_answer, answer):
            return Finding(host.name, "ok", question.meaning)
        plain = re.sub(r"[\\\"']", "", answer)
        if SERVER not in plain or f"No MCP server named {SERVER}" in plain:
            return _unregistered(host)
        return Finding(
            host.name,
            "failure",
            "The server is registered, but the host cannot connect to it.",
            f"Register it again: imagerouter-mcp setup {host.word}",
        )
    return Finding(
        host.name,
        "warning",
        f"The host's own command did not answer within {ASK_SECONDS:g} seconds.",
        f"Run it yourself to see why: {as_typed(words)}",
    )


async def _output(words: list[str]) -> str:
    """Return what a command prints; kill everything it started, however this ends."""
    async with await anyio.open_process(
        words,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        cwd=Path.home(),
        env=program_environment(TOKEN),  # which a host needs to connect to a server elsewhere
        start_new_session=True,
    ) as process:
        try:
            said = [chunk async for chunk in process.stdout] if process.stdout else []
        finally:
            if os.name == "posix":
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
    return b"".join(said).decode("utf-8", "replace")


def _look_into_file(host: Host) -> Finding:
    """Look for our name in the file of a host that has no command to ask."""
    try:
        text = host.file.read_text("utf-8", errors="replace") if host.file.is_file() else ""
    except OSError as error:
        what = f"Its configuration {host.file} cannot be read: {error.strerror or error}."
        return Finding(host.name, "warning", what, "Check the permissions of the file.")
    if not re.search(rf"\b{SERVER}\b", text):
        return _unregistered(host)
    what = f"{host.file} names the server. {host.name} cannot be asked whether it connects."
    return Finding(host.name, "ok", what)


def _unregistered(host: Host) -> Finding:
    return Finding(
        host.name, "warning", "The server is not registered there.", f"Run: imagerouter-mcp setup {host.word}"
    )
