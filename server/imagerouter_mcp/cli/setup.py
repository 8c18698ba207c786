"""`imagerouter-mcp setup HOST`: register the server with the host's own command, or print what to write."""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imagerouter_mcp.cli.asking import agrees, has_terminal
from imagerouter_mcp.cli.hosts import Host, hosts
from imagerouter_mcp.cli.launch import COMMAND, Launch, as_typed, own_launch
from imagerouter_mcp.cli.remote_hosts import access_remark, remote_entry, remote_words
from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.settings import load_settings, program_environment

REGISTER_SECONDS = 120
"""Time limit for a host's command."""


@dataclass(frozen=True, slots=True)
class _Registration:
    """What registers the server with a host.

    Attributes:
        words: The arguments of the host's own command; None if it has none that can.
        block: What to write into its file instead.
        link: A link that does the same; "" if there is none.
    """

    words: list[str] | None
    block: str
    link: str = ""


def run_setup(
    word: str | None, *, yes: bool, sandbox: bool, url: str | None = None, token: bool = False
) -> int:
    """Register the server with a host, or list the hosts.

    Args:
        word: The host, or None to list them.
        yes: Whether to run the host's command without asking.
        sandbox: Whether the registered server is to use the sandbox.
        url: The address of a server that runs elsewhere, to be registered in place of this command.
        token: Whether the host is to send that server a token.

    Raises:
        ConfigurationError: The host's command failed, this command runs from a cache, the host takes no
            address, or a token is to be sent to no address.
    """
    if word is None:
        return _list_hosts()
    if token and not url:
        raise ConfigurationError("--token is for a server that runs elsewhere.", "Add --url and its address.")
    host = hosts()[word]
    registration = _remote(host, url, token=token) if url else _local(host, own_launch(sandbox=sandbox))
    commands = _commands(host, registration)
    if commands and _confirm(host, commands, yes=yes):
        for command in commands:
            _run(host, command, registration, may_fail=command is not commands[-1])
        print(f"The server is registered with {host.name}.")
        if host.limit:
            print(f"Its command sets no time limit: add {host.limit} to the entry in {host.file}.")
    else:
        _print_block(host, registration)
    if host.remark:
        print(host.remark)
    if url:
        print(access_remark(host, token=token))
        print(f"To check the server from here: {_own_command('doctor', '--remote', url)}")
        return 0
    if not sandbox and load_settings().key is None:
        print(f"No API key is stored yet. To store one: {_own_command('key')}")
    print(f"To check that everything works: {_own_command('doctor', *(['--sandbox'] if sandbox else []))}")
    return 0


def _local(host: Host, launch: Launch) -> _Registration:
    words = host.register(launch) if host.register else None
    return _Registration(words, host.block(host.entry(launch)), host.link(launch) if host.link else "")


def _remote(host: Host, url: str, *, token: bool) -> _Registration:
    return _Registration(
        remote_words(host, url, token=token), host.block(remote_entry(host, url, token=token))
    )


def _own_command(*words: str) -> str:
    """Return one of our commands as the person has to type it: with its whole path if PATH lacks it."""
    own = [COMMAND] if shutil.which(COMMAND) else own_launch(sandbox=False).words
    return as_typed([*own, *words])


def _list_hosts() -> int:
    print("Hosts that can be set up; those marked with * were found here:\n")
    for word, host in hosts().items():
        print(f"  {'*' if host.is_here() else ' '} {word:<15} {host.name}")
    print("\nimagerouter-mcp setup HOST registers this server there.")
    return 0


def _commands(host: Host, registration: _Registration) -> list[list[str]]:
    """Return the commands to run in order. All but the last may fail: there may be nothing to remove."""
    program = host.find_program()
    if program is None or registration.words is None:
        return []
    registering = [program, *registration.words]
    if program.lower().endswith((".cmd", ".bat")) and any('"' in word for word in registering):
        return []  # Windows' command interpreter would remove the quotes
    return [*([[program, *host.forget]] if host.forget else []), registering]


def _confirm(host: Host, commands: Sequence[Sequence[str]], *, yes: bool) -> bool:
    several = " these commands (the first removes an earlier entry)" if len(commands) > 1 else ""
    print(f"{host.name} registers the server with{several}:\n")
    for command in commands:
        print(f"  {as_typed(command)}")
    if yes:
        return True
    if not has_terminal():
        print("\nNothing was run; --yes runs it.\n")
        return False
    agreed = agrees("\nRun this?")
    if not agreed:
        print("Nothing was run.\n")
    return agreed


def _run(host: Host, command: Sequence[str], registration: _Registration, *, may_fail: bool) -> None:
    """Run a command in the home folder, because some hosts keep a configuration for each project folder."""
    try:
        ended = subprocess.run(  # noqa: S603 - shown to the person first, or agreed to with --yes
            command,
            cwd=Path.home(),
            env=program_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=REGISTER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        said, failed = str(error), True
    else:
        said, failed = (ended.stderr + ended.stdout).strip(), ended.returncode != 0
    if failed and not may_fail:
        _print_block(host, registration)
        raise ConfigurationError(
            f"{host.name} did not register the server. It said: {said[-500:] or 'nothing'}",
            f"Add the printed block to {host.file} yourself.",
        )


def _print_block(host: Host, registration: _Registration) -> None:
    print(f"Put this into {host.file}, beside what is there:\n\n{registration.block}\n")
    if registration.link:
        print(f"Or open this link, which does the same:\n\n{registration.link}\n")
