"""A home of its own for the clients, and the server's command as they find it there."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

QUIET = {
    "CI": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "GEMINI_CLI_TRUST_WORKSPACE": "true",
    "GEMINI_TELEMETRY_ENABLED": "false",
    "NO_COLOR": "1",
    "NO_UPDATE_NOTIFIER": "1",
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
}
"""What keeps the clients from reaching out, and Gemini CLI from asking whether it trusts the folder."""

_COMMAND = """#!{python}
\"\"\"The command as it is installed, which also notes what a client sends to it.\"\"\"
import os, sys, threading
from imagerouter_mcp.cli import main

def note(source, target, notes):
    while line := source.readline():
        notes.write(line)
        notes.flush()
        target.write(line)
        target.flush()
    target.close()

if os.path.exists({slow!r}) and "--sandbox" in sys.argv and "setup" not in sys.argv:
    os.execv(sys.executable, [sys.executable, {server!r}, open({slow!r}).read(), {called!r}])
if "setup" not in sys.argv and "doctor" not in sys.argv:
    source = os.fdopen(os.dup(0), "rb")
    reading, writing = os.pipe()
    os.dup2(reading, 0)
    notes = open(os.path.join({notes!r}, str(os.getpid())), "wb")
    threading.Thread(target=note, args=(source, os.fdopen(writing, "wb"), notes), daemon=True).start()
sys.exit(main())
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that has ended: what it printed, with which status, after how many seconds."""

    words: tuple[str, ...]
    status: int
    printed: str
    errors: str
    seconds: float


class Workshop:
    """An empty home, in which clients run.

    Args:
        folder: Made anew.
        folders: Where the clients' commands are.
    """

    def __init__(self, folder: Path, folders: tuple[Path, ...]) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self.home = folder / "home"
        self._notes = folder / "notes"
        self._called = folder / "called"
        for made in (self.home, self._notes, self._called, folder / "bin"):
            made.mkdir(parents=True)
        self.command = folder / "bin" / "imagerouter-mcp"
        self._slow = folder / "slow"
        told = {
            "python": sys.executable,
            "notes": str(self._notes),
            "slow": str(self._slow),
            "called": str(self._called),
            "server": str(Path(__file__).with_name("slow_server.py")),
        }
        self.command.write_text(_COMMAND.format(**told), "utf-8")
        self.command.chmod(self.command.stat().st_mode | stat.S_IXUSR)
        path = os.pathsep.join(map(str, (self.command.parent, *folders, "/usr/bin", "/bin")))
        self._environment = {**QUIET, "HOME": str(self.home), "PATH": path, "LANG": "C.UTF-8"}

    def run(self, *words: str, environment: Mapping[str, str] | None = None, seconds: float = 180) -> Ran:
        """Run a client's command at home."""
        begun = time.monotonic()
        try:
            ended = subprocess.run(
                words,
                cwd=self.home,
                env={**self._environment, **(environment or {})},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=seconds,
                check=False,
            )
            result = ended.returncode, ended.stdout, ended.stderr
        except subprocess.TimeoutExpired:
            result = -1, "", f"no end within {seconds:g} s"
        except OSError as error:
            result = -1, "", str(error)
        return Ran(words, *result, time.monotonic() - begun)

    @contextmanager
    def running(self, *words: str, environment: Mapping[str, str]) -> Generator[Path]:
        """Run a client's command in the background, with all of its children; yield its log."""
        log = self.home / f"{Path(words[0]).name}.log"
        with (
            log.open("w") as into,
            subprocess.Popen(
                words,
                cwd=self.home,
                env={**self._environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=into,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            ) as process,
        ):
            try:
                yield log
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)

    def setup(self, host: str) -> Ran:
        """Register the server by our own command, as a person would."""
        return self.run(str(self.command), "setup", host, "--sandbox", "--yes")

    def pictures(self) -> list[Path]:
        """All pictures that were made here."""
        return list((self.home / "Pictures" / "imagerouter").glob("*"))

    def slow_down(self, seconds: float) -> None:
        """From now on, whoever starts the command gets a server whose pictures take that long."""
        self._slow.write_text(str(seconds), "utf-8")

    def called(self, client: str) -> float:
        """When a client whose name begins so called the slow tool, in seconds since 1970; 0 if it did not."""
        found = list(self._called.glob(f"{client}*"))
        return float(found[0].read_text("utf-8")) if found else 0

    def introductions(self) -> list[str]:
        """How clients have introduced themselves since this was last asked, as `name version`."""
        found: list[str] = []
        for notes in sorted(self._notes.iterdir()):
            for line in notes.read_text("utf-8", "replace").splitlines():
                found += _introduction(line)
            notes.unlink()
        return list(dict.fromkeys(found))


def _introduction(line: str) -> list[str]:
    try:
        params = json.loads(line).get("params", {})
    except ValueError:
        return []
    modern = params.get("_meta", {}).get("io.modelcontextprotocol/clientInfo")
    told = params.get("clientInfo") or modern
    return [f"{told['name']} {told.get('version', '')}".strip()] if told else []
