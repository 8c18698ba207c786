"""The command as a person runs it: a real process with a home of its own, or a call within this one."""

import io
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import pytest

from imagerouter_mcp.cli.main import main
from imagerouter_mcp.sandbox.service.accounts import KEY
from imagerouter_mcp.sandbox.service.serve import Sandbox

COMMAND = [sys.executable, "-m", "imagerouter_mcp"]

Ended = subprocess.CompletedProcess[str]
Command = Callable[..., Ended]


@pytest.fixture
def at_home(tmp_path: Path) -> dict[str, str]:
    """The environment of a process: a home of its own, and no host's program but those that a test makes."""
    programs = tmp_path / "programs"
    programs.mkdir()
    passed = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    return {**passed, "HOME": str(tmp_path), "PATH": f"{programs}:/usr/bin:/bin"}


@pytest.fixture
def with_sandbox(at_home: dict[str, str], sandbox: Sandbox) -> dict[str, str]:
    """The same, with everything set for a sandbox."""
    return {
        **at_home,
        "IMAGEROUTER_API_KEY": KEY,
        "IMAGEROUTER_BASE_URL": sandbox.base_url,
    }


@pytest.fixture
def command(at_home: dict[str, str], tmp_path: Path) -> Command:
    """Runs the command to its end, within this process, with the environment of one of its own."""

    def run(*typed: str, environment: Mapping[str, str] | None = None, given: str = "") -> Ended:
        return run_here(typed, environment or at_home, tmp_path, given)

    return run


def run_here(
    typed: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    given: str = "",
    encoding: str = "utf-8",
) -> Ended:
    """Run the command in a folder, with nothing but an environment and what is typed or piped in."""
    streams = [
        io.TextIOWrapper(io.BytesIO(text), encoding)
        for text in (given.encode(encoding, "surrogateescape"), b"", b"")
    ]
    status = run_on(streams, typed, environment, folder)
    out, err = map(written, streams[1:])
    return Ended([*COMMAND, *typed], status, out, err)


def run_on(
    streams: Sequence[TextIO], typed: Sequence[str], environment: Mapping[str, str], folder: Path
) -> int:
    """Do the same with stdin, stdout and stderr of the caller's; return the exit status."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ.keys() - environment.keys() - {"TZ"}:
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
            patch.setattr(sys, name, stream)
        patch.chdir(folder)
        try:
            return main(typed)
        except SystemExit as ending:
            return int(ending.code or 0)
        finally:
            logging.disable(logging.NOTSET)  # `doctor` silences the log of its process


_IN_A_TERMINAL = """\
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
if {ignored}:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@contextmanager
def asked_in_a_terminal(
    words: str, environment: Mapping[str, str], *, ignored: bool = False
) -> Generator[tuple[int, subprocess.Popen[bytes]]]:
    """Run the command in a terminal until it asks; yield the terminal's other end and the process.

    Args:
        words: What is typed after the command's name.
        environment: The environment of the process.
        ignored: Whether who starts it ignores SIGINT.
    """
    ours, theirs = os.openpty()
    process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-c", _IN_A_TERMINAL.format(ignored=ignored), *COMMAND[1:], *words.split()],
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        seen = b""
        while not re.search(rb"\[y/N\] |not shown\): ", seen):
            seen += os.read(ours, 1000)
        yield ours, process
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def written(stream: io.TextIOWrapper) -> str:
    """Return all that was written to a stream."""
    stream.seek(0)
    return stream.read()


@pytest.fixture
def process(at_home: dict[str, str], tmp_path: Path) -> Command:
    """Runs the command to its end, in a process of its own."""

    def run(*typed: str, environment: Mapping[str, str] | None = None, given: str = "") -> Ended:
        return subprocess.run(  # noqa: S603 - our own command
            [*COMMAND, *typed],
            env=environment or at_home,
            cwd=tmp_path,
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str, str], Path]:
    """Puts a program on PATH, in place of a host's; gives the file in which it notes its arguments."""

    def make(name: str, script: str) -> Path:
        notes = tmp_path / f"{name}-was-told"
        file = tmp_path / "programs" / name
        file.write_text(f'#!/bin/sh\nfor word in "$@"; do echo "$word" >> "{notes}"; done\n{script}\n')
        file.chmod(0o755)
        return notes

    return make


@dataclass(frozen=True)
class Printed:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON
        """What was printed, read as JSON."""
        return json.loads(self.out)


Run = Callable[..., Printed]


@pytest.fixture
def variables(sandbox: Sandbox, tmp_path: Path) -> Mapping[str, str]:
    """What a person would have set."""
    return {
        "IMAGEROUTER_API_KEY": KEY,
        "IMAGEROUTER_BASE_URL": sandbox.base_url,
        "IMAGEROUTER_OUTPUT_DIR": str(tmp_path / "pictures"),
        "IMAGEROUTER_DATA_DIR": str(tmp_path / "data"),
    }


@pytest.fixture
def run(
    variables: Mapping[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Runs a command within this process, in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    def command(*typed: str) -> Printed:
        capsys.readouterr()
        try:
            status = main(typed)
        except SystemExit as ending:
            status = int(ending.code or 0)
        printed = capsys.readouterr()
        assert KEY not in printed.out + printed.err
        return Printed(status, printed.out, printed.err)

    return command
