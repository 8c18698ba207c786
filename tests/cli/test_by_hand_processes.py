"""Commands by hand on real terminals, pipes and full disks, and interrupted."""

import fcntl
import json
import os
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import asked_in_a_terminal, run_here, run_on
from support.by_hand import FAST, posix

COMMAND = [sys.executable, "-m", "imagerouter_mcp"]


@posix
@pytest.mark.parametrize(
    ("size", "variables_of_the_terminal"),
    [((0, 0), {}), ((24, 3), {"NO_COLOR": "1"}), ((24, 80), {"TERM": "dumb"})],
)
def test_no_terminal_makes_a_paid_call_fail(
    variables: Mapping[str, str],
    tmp_path: Path,
    size: tuple[int, int],
    variables_of_the_terminal: dict[str, str],
) -> None:
    screen, terminal = os.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    environment = {**process_environment(variables, tmp_path), "TERM": "xterm", **variables_of_the_terminal}
    with ThreadPoolExecutor(1) as reading:
        read = reading.submit(_rest, screen)
        with open(os.devnull) as nothing, os.fdopen(terminal, "w") as both:  # noqa: PTH123 - no file
            status = run_on((nothing, both, both), ["generate", "A fox", *FAST], environment, tmp_path)
        shown = read.result()
    os.close(screen)
    assert status == 0, shown
    assert b"Saved: " in shown
    assert b"Traceback" not in shown
    assert (b"\x1b" in shown) is (environment["TERM"] != "dumb")


@posix
@pytest.mark.parametrize("out", ["closed pipe", "full disk", "none"])
def test_an_output_that_takes_nothing_does_not_make_a_paid_call_fail(
    variables: Mapping[str, str], tmp_path: Path, out: str
) -> None:
    read, write = os.pipe()
    os.close(read)
    with Path("/dev/full").open("w") as full, os.fdopen(write, "w") as unread:
        ended = subprocess.run(  # noqa: S603 - our own command
            [
                "/bin/sh",
                "-c",
                f'"$@" {">&-" if out == "none" else ""}',
                "sh",
                *COMMAND,
                "generate",
                "A fox",
                *FAST,
            ],
            env=process_environment(variables, tmp_path),
            stdout=full if out == "full disk" else unread,
            stderr=subprocess.PIPE,
            check=False,
            timeout=120,
        )
    assert ended.returncode == 0, ended.stderr
    told = ended.stderr.startswith(
        b"The answer could not be written: No space left on device. `imagerouter-mcp"
    )
    assert told if out == "full disk" else ended.stderr == b""
    assert len(list((tmp_path / "pictures").iterdir())) == 1


def test_an_output_that_lacks_letters_replaces_them(variables: Mapping[str, str], tmp_path: Path) -> None:
    environment = process_environment(variables, tmp_path)
    ended = run_here(["generate", "Füchse 🦊", *FAST], environment, tmp_path, encoding="ascii")
    assert ended.returncode == 0, ended.stderr
    assert "F?chse" in ended.stdout


@posix
def test_the_lines_that_the_sandbox_prints_can_be_pasted_and_keep_its_records_apart(
    at_home: dict[str, str],
) -> None:
    team = {**at_home, "IMAGEROUTER_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
    with subprocess.Popen(  # noqa: S603 - our own command
        [*COMMAND, "sandbox", "--port", "0"], env=team, stdout=subprocess.PIPE, text=True
    ) as sandbox:
        try:
            assert sandbox.stdout
            pasted = ""
            for line in sandbox.stdout:
                pasted += line if "=" in line else ""
                if "DATA_DIR" in line:
                    break
            ended = subprocess.run(  # noqa: S603 - our own command, after the pasted lines
                ["/bin/sh", "-ec", f'{pasted}\n"$@" generate "A fox" --model test/test', "sh", *COMMAND],
                env=team,
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
        finally:
            sandbox.terminate()
    assert ended.returncode == 0, ended.stderr
    records = Path(at_home["HOME"], ".local", "share", "imagerouter-mcp")
    assert [path.name for path in records.iterdir()] == ["sandbox"]


def process_environment(variables: Mapping[str, str], home: Path) -> dict[str, str]:
    passed = {
        name: value for name, value in os.environ.items() if name == "PATH" or name.startswith("COVERAGE_")
    }
    return {**passed, **variables, "HOME": str(home), "PYTHONUNBUFFERED": "1"}


def test_a_real_process_prints_json_alone_and_unicode_as_it_is(
    variables: Mapping[str, str], tmp_path: Path
) -> None:
    ended = subprocess.run(  # noqa: S603 - our own command
        [*COMMAND, "generate", "Ein Fuchs 🦊", "--json", *FAST],
        env=process_environment(variables, tmp_path),
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0
    assert json.loads(ended.stdout)["prompt"] == "Ein Fuchs 🦊"
    assert "🦊" in ended.stdout.decode()
    assert ended.stderr == b""


@posix
def test_a_terminal_shows_progress_and_an_interrupt_ends_with_130(
    variables: Mapping[str, str], tmp_path: Path, change_sandbox: Callable[..., None]
) -> None:
    sentence = (
        rb"\x1b\[KThe request has left and cannot be stopped: its result will be paid for and stored as gen_"
    )
    screen, terminal = os.openpty()
    with subprocess.Popen(  # noqa: S603 - our own command
        [*COMMAND, "generate", "A fox", "--model", "sandbox/held"],
        env=process_environment(variables, tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=terminal,
    ) as process:
        os.close(terminal)
        try:
            shown = b""
            while b"is working" not in shown:
                shown += os.read(screen, 4096)
            process.send_signal(signal.SIGINT)
            while not re.search(sentence, shown):
                shown += os.read(screen, 4096)
            change_sandbox(held=False)
            out, _ = process.communicate(timeout=120)
            shown += _rest(screen)
        finally:
            process.kill()
            os.close(screen)
    assert process.returncode == 130
    assert b"WARNING" not in shown
    assert list((tmp_path / "pictures").iterdir()), "it ended when the picture was there"
    assert b"Traceback" not in shown
    assert out == b""


@posix
@pytest.mark.parametrize("ignored", [False, True])
@pytest.mark.parametrize(
    ("typed", "still"),
    [
        (("people add Ann", "people remove Ann", "people list"), "Ann · "),
        (("generate Fox --sandbox", "delete --before 2999-01-01 --sandbox", "images --sandbox"), "Fox"),
        (("key --remove", "key", "key --remove"), "There was no key"),
        (("key --remove", "setup codex", "key --remove"), "There was no key"),
    ],
)
def test_ctrl_c_at_a_question_ends_the_command_and_nothing_is_done(
    command: Callable[..., Any],
    at_home: dict[str, str],
    program: Callable[[str, str], Path],
    typed: tuple[str, str, str],
    still: str,
    *,
    ignored: bool,
) -> None:
    registered = program("codex", "")
    before, asks, after = typed
    assert command(*before.split()).returncode == 0
    with asked_in_a_terminal(asks, at_home, ignored=ignored) as (screen, process):
        os.write(screen, b"\x03")
        assert process.wait(30) == 130
        modes = termios.tcgetattr(screen)[3]
        shown = _rest(screen)
    assert modes & termios.ECHO
    assert modes & termios.ICANON
    assert shown.endswith(b"\r\n")
    assert b"Traceback" not in shown
    assert still in command(*after.split()).stdout
    assert not registered.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a signal be sent to one thread")
def test_an_interrupt_that_does_not_interrupt_the_read_ends_a_question_too(
    command: Callable[..., Any], at_home: dict[str, str]
) -> None:
    """As when it arrives just before the read begins."""
    command("people", "add", "Ann")
    with asked_in_a_terminal("people remove Ann", at_home) as (_, process):
        other = max(int(task.name) for task in Path(f"/proc/{process.pid}/task").iterdir())
        assert other != process.pid
        os.kill(other, signal.SIGINT)
        assert process.wait(30) == 130


def _rest(screen: int) -> bytes:
    """What a terminal still shows after its process has ended."""
    shown = b""
    try:
        while piece := os.read(screen, 4096):
            shown += piece
    except OSError:  # how Linux says that nobody holds the other end
        return shown
    return shown
