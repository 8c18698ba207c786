"""The command's grammar: what is known, what is helped with, what is refused."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

import pytest

from imagerouter_mcp import __version__
from imagerouter_mcp.cli.by_hand import COMMANDS
from imagerouter_mcp.cli.main import BY_HAND, main, parser

COMMAND = [sys.executable, "-m", "imagerouter_mcp"]

OTHERS = (
    "serve",
    "http",
    "studio",
    "delete",
    "people",
    "migrate",
    "sandbox",
    "demo",
    "setup",
    "key",
    "doctor",
)

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*typed: str) -> tuple[int, str, str]:
        try:
            status = main(typed)
        except SystemExit as ending:
            status = int(ending.code or 0)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return command


def test_the_version_is_told(run: Run) -> None:
    assert run("--version") == (0, f"imagerouter-mcp {__version__}\n", "")


def test_help_names_every_command(run: Run) -> None:
    status, out, _ = run("--help")
    assert status == 0
    named = set(re.findall(r"^    (\w+) ", out, re.MULTILINE))
    assert named == {*BY_HAND, *OTHERS}
    assert "--sandbox" in out


@pytest.mark.parametrize("command", OTHERS)
def test_each_command_has_help_of_its_own(run: Run, command: str) -> None:
    status, out, _ = run(command, "--help")
    assert status == 0
    assert out.startswith(f"usage: imagerouter-mcp {command}")
    assert re.match(r"[A-Z]", out.partition("\n\n")[2]), "a sentence says what it does"


def test_every_command_that_is_named_can_be_run() -> None:
    assert BY_HAND.keys() == COMMANDS.keys()


@pytest.mark.parametrize(
    "typed",
    [("draw",), ("--colour",), ("http", "--port", "high"), ("sandbox", "extra")]
    + [(command, "--port", "999999") for command in ("http", "sandbox")]
    + [("--sandbox", "draw"), ("--sand", "generate", "A fox")],
)
def test_what_is_not_known_ends_with_2(run: Run, typed: tuple[str, ...]) -> None:
    status, out, err = run(*typed)
    assert (status, out) == (2, "")
    assert err.startswith("imagerouter-mcp")
    assert err.endswith("--help` shows how.\n")


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are a matter of POSIX")
def test_the_command_alone_on_a_terminal_says_what_it_is_for(at_home: dict[str, str]) -> None:
    screen, terminal = os.openpty()
    with subprocess.Popen(COMMAND, env=at_home, stdin=terminal, stdout=terminal, stderr=terminal):  # noqa: S603 - our own command
        os.close(terminal)
        said = b""
        with suppress(OSError):  # how Linux says that nobody holds the other end
            while piece := os.read(screen, 4096):
                said += piece
    os.close(screen)
    lines = said.decode().splitlines()
    assert lines[0] == "imagerouter-mcp makes and edits pictures"
    assert max(map(len, lines)) <= 40
    assert {"setup", "key", "generate", "edit"} <= set(
        re.findall(r"^  imagerouter-mcp (\w+)", "\n".join(lines), re.MULTILINE)
    )
    assert any("--sandbox" in line for line in lines)


def test_a_sandbox_at_a_port_in_use_is_refused_with_a_sentence(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        status, out, err = run("sandbox", "--port", str(taken.getsockname()[1]))
    assert (status, out) == (1, "")
    assert err.startswith("imagerouter-mcp: The sandbox cannot be served at port ")
    assert "--port 0 takes a free port" in err


def test_a_server_over_http_seldom_looks_through_all_objects_and_at_new_ones_as_often_as_ever() -> None:
    words = (
        "import gc, sys; from imagerouter_mcp.cli.main import main; print(*gc.get_threshold());"
        " main(['http', '--port', sys.argv[1]]); print(*gc.get_threshold())"
    )
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-c", words, port], capture_output=True, text=True, check=True
        )
    assert f"port {port}" in ended.stderr
    (new, _, everything), (new_before, _, everything_before) = (
        map(int, line.split()) for line in reversed(ended.stdout.splitlines())
    )
    assert new <= new_before
    assert everything >= 3 * everything_before


def test_http_is_for_this_machine_unless_told_otherwise() -> None:
    options = parser().parse_args(["http"])
    assert (options.host, options.port) == ("127.0.0.1", 8300)


@pytest.mark.parametrize(
    "typed", [["--sandbox"], ["serve", "--sandbox"], ["--sandbox", "serve"], ["http", "--sandbox"]]
)
def test_the_sandbox_option_may_stand_before_or_after_the_command(typed: list[str]) -> None:
    assert parser().parse_args(typed).sandbox is True


def test_the_sandbox_is_off_unless_asked_for() -> None:
    assert not hasattr(parser().parse_args(["serve"]), "sandbox")
