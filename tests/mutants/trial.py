"""Trying one fault: a private copy of the tree, the fault in it, and the tests that may notice."""

import faulthandler
import hashlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pytest

from mutants import recorder
from mutants.faults import Fault
from mutants.reach import Record, file_of
from mutants.recorder import RECORD, Recorded, RecordError, read_recorded

SECONDS_A_TEST = 30.0
"""A test that takes longer than this, and than ten times what it took without a fault, hangs."""
SECONDS_TO_COLLECT = 120.0
CALM_SECONDS = 0.1
"""A test that takes less waits for nothing, so that load does not make it fail."""
_FIRST = 20
_IN_CHILDREN = Path(__file__).with_name("in_children.py")
OPTIONS = ("-x", "--quiet", "--tb=short", "--assert=plain", "-p", "no:cacheprovider")
_FOR_CHECKING = 20
IN_PROCESS = (
    "api",
    "cli",
    "contract",
    "database",
    "project",
    "fuzz",
    "gallery",
    "generation",
    "http_app",
    "images",
    "people",
    "regions",
    "security",
    "sign_in",
    "tools",
    "views/test_document.py",
)
"""The folders and files of tests in whose process the package runs."""
_PRELOADED = [
    "mutants.trial",
    "PIL.Image",
    "httpx",
    "hypothesis",
    "mcp",
    "mcp.server",
    "pydantic_settings",
    "pytest_asyncio",
    "rich",
    "starlette.applications",
    "uvicorn",
]
"""Slow to import, and no part of the package."""
_LAST_TEST = "last-test"
"""The file in which a process that runs tests names the one that it is at."""
_SAID = "last-said"
"""The file for what pytest says in it."""

_processes = multiprocessing.get_context("forkserver")


def preload() -> None:
    """Have the processes that run tests share what is slow to import."""
    _processes.set_forkserver_preload(_PRELOADED)


class TrialError(Exception):
    """The tests fail whether or not there is a fault."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one fault.

    Attributes:
        fault: The fault.
        tests: How many tests were chosen for it.
        noticed_by: The test that notices, if one does.
        set_aside: Tests that failed without the fault too, and so say nothing about it.
    """

    fault: Fault
    tests: int
    noticed_by: str | None
    set_aside: Sequence[str]

    @property
    def killed(self) -> bool:
        """Whether a test notices."""
        return self.noticed_by is not None


@dataclass(frozen=True, slots=True)
class Tree:
    """A private copy of the project.

    Attributes:
        root: Its folder.
    """

    root: Path

    @property
    def package(self) -> Path:
        """The package in it."""
        return self.root / "server" / "imagerouter_mcp"

    def copy(self, root: Path) -> "Tree":
        """Return another copy."""
        shutil.copytree(self.root, root, symlinks=True)
        return Tree(root)

    def compile(self) -> None:
        """Compile all code so that Python uses what it compiled only for the very same source."""
        how = ["-m", "compileall", "--invalidation-mode", "checked-hash", "-q", "server", "tests"]
        subprocess.run([sys.executable, *how], cwd=self.root, check=True)  # noqa: S603 - our own code

    def record_reach(self, record: Record, folder: Path, processes: int) -> dict[str, Recorded]:
        """Return what each test reaches; run those that are new, have changed, or failed.

        Args:
            record: What was recorded before; it is brought up to date.
            folder: For what the processes write; it must not exist.
            processes: How many run at once.

        Raises:
            RecordError: What the new tests reach was not recorded.
        """
        tests = self._tests()
        if not tests:
            raise RecordError("pytest finds no tests in the copy.")
        recorded = record.read(tests)
        if new := sorted(tests.keys() - recorded.keys()):
            folder.mkdir()
            shutil.copy(_IN_CHILDREN, folder / "sitecustomize.py")
            listed = folder / "tests.txt"
            listed.write_text("\n".join(new), "utf-8")
            said = self._pytest(
                *(
                    "-p",
                    "mutants.recorder",
                    "-n",
                    str(processes),
                    "--dist",
                    "loadfile",
                    "--tb=no",
                    f"@{listed}",
                ),
                **{RECORD: str(folder), "PYTHONPATH": self._python_path(folder)},
            )
            try:
                recorded |= read_recorded(folder, self.package)
            except RecordError as error:
                raise RecordError(f"{error} pytest said:\n{said[-2000:]}") from error
            if not recorded:
                raise RecordError(f"No test passes, so faults show nothing. pytest said:\n{said[-2000:]}")
            record.write(recorded, tests)
        return recorded

    def _tests(self) -> dict[str, str]:
        """Return the tests in whose process the package runs, each with a digest of its file.

        What was recorded in another way has another digest.
        """
        folders = [f"tests/{name}" for name in IN_PROCESS]
        alone = [str(file.relative_to(self.root)) for file in self.root.glob("tests/test_*.py")]
        names = [
            line for line in self._pytest("--collect-only", *folders, *alone).splitlines() if "::" in line
        ]
        how = b"".join(file.read_bytes() for file in (Path(recorder.__file__), _IN_CHILDREN))
        states = {
            file: hashlib.sha256(how + (self.root / file).read_bytes()).hexdigest()[:16]
            for file in set(map(file_of, names))
        }
        return {name: states[file_of(name)] for name in names}

    def _python_path(self, *more: Path) -> str:
        return os.pathsep.join(map(str, (self.root / "server", self.root / "tests", *more)))

    def _pytest(self, *options: str, **environment: str) -> str:
        return subprocess.run(  # noqa: S603 - our own tests
            [sys.executable, "-m", "pytest", "--quiet", *options],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": self._python_path(), **environment},
            capture_output=True,
            text=True,
            check=False,
        ).stdout

    def check(self, tests: Mapping[str, float]) -> None:
        """Run the quickest tests without any fault.

        Args:
            tests: The seconds that each takes.

        Raises:
            TrialError: One of them fails.
        """
        quickest = sorted(tests, key=tests.__getitem__)[:_FOR_CHECKING]
        if failed := self.first_failure({name: tests[name] for name in quickest}):
            said = (self.root / _SAID).read_text("utf-8", errors="replace")
            raise TrialError(f"{failed} fails without any fault. pytest said:\n{said[-2000:]}")

    def try_fault(self, fault: Fault, tests: Mapping[str, float]) -> Outcome:
        """Put a fault into the package and look for a test that fails, or does not end, because of it.

        Args:
            fault: The fault.
            tests: The tests to run, each with the seconds that it takes without a fault.
        """
        set_aside: list[str] = []
        names = iter(tests)
        # Most faults are noticed by the first tests, and collecting all the others takes seconds.
        for some in (list(islice(names, _FIRST)), list(names)):
            left = {name: tests[name] for name in some}
            while left:
                with self._broken_by(fault):
                    failed = self.first_failure(left)
                if failed is None:
                    break
                if left[failed] < CALM_SECONDS or self.first_failure({failed: left[failed]}) is None:
                    return Outcome(fault, len(tests), failed, set_aside)
                set_aside.append(failed)  # It fails under load, whatever the code.
                del left[failed]
        return Outcome(fault, len(tests), None, set_aside)

    @contextmanager
    def _broken_by(self, fault: Fault) -> Generator[None]:
        module = self.package / fault.module
        right = module.read_bytes()
        module.write_bytes(fault.put_into(right))
        try:
            yield
        finally:
            module.write_bytes(right)

    def first_failure(self, tests: Mapping[str, float]) -> str | None:
        """Return the first test that fails or does not end, or None if all pass.

        Args:
            tests: The tests to run, each with the seconds that it usually takes.
        """
        (self.root / _LAST_TEST).write_text(next(iter(tests)))  # This one is blamed if no test begins.
        process = _processes.Process(target=_run_tests, args=(self.root, tests))
        process.start()
        process.join()
        assert process.pid
        with suppress(ProcessLookupError):  # What its tests started and did not stop.
            os.killpg(process.pid, signal.SIGKILL)
        return (self.root / _LAST_TEST).read_text() if process.exitcode else None


class _Watch:
    """Notes which test runs, and ends the process when one takes too long."""

    def __init__(self, note: Path, tests: Mapping[str, float]) -> None:
        self._note = note
        self._tests = tests
        faulthandler.dump_traceback_later(SECONDS_TO_COLLECT, exit=True)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self._note.write_text(item.nodeid)
        faulthandler.dump_traceback_later(max(SECONDS_A_TEST, 10 * self._tests[item.nodeid]), exit=True)
        return (yield)


def _run_tests(root: Path, tests: Mapping[str, float]) -> None:
    """Be the process that runs tests of a copy, up to the first failure."""
    os.setsid()
    with (root / _SAID).open("w") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    os.chdir(root)
    paths = [str(root / "server"), str(root / "tests")]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    sys.path[:0] = paths
    sys.exit(pytest.main([*OPTIONS, *tests], plugins=[_Watch(root / _LAST_TEST, tests)]))
