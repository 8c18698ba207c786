"""Trying one fault: a private copy of the tree, the fault in it, and the tests that may notice."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mutants.faults import Fault
from mutants.reach import RECORD, Reach, read_reach

SECONDS_OF_TESTS = 40.0
"""How long the tests that are run for one fault may take together."""
SECONDS_A_TEST = 30
"""A test that takes longer hangs; the slowest one takes a few seconds."""
PLUGINS = ("-p", "no:cacheprovider", "-p", "no:xdist")
IN_PROCESS = (
    "api",
    "cli",
    "contract",
    "project",
    "fuzz",
    "gallery",
    "generation",
    "http_app",
    "images",
    "security",
    "tools",
)
"""The folders of tests in whose process the package runs."""
_PASSED, _FAILED = 0, 1
_PRELOADED = ["pytest", "mcp", "mcp.server", "uvicorn", "starlette.applications", "PIL.Image"]
"""Slow to import, and not ours."""

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(_PRELOADED)


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

    def record_reach(self, folder: Path, processes: int) -> Reach:
        """Run the tests and return what each of them reaches; those that fail are left out."""
        folder.mkdir()
        tests = [f"tests/{name}" for name in IN_PROCESS]
        options = ["-p", "mutants.reach", "-n", str(processes), "--dist", "loadfile", "--quiet", "--tb=no"]
        subprocess.run(  # noqa: S603 - our own tests
            [sys.executable, "-m", "pytest", *options, *tests, *map(str, self.root.glob("tests/test_*.py"))],
            cwd=self.root,
            env={
                **os.environ,
                "PYTHONPATH": f"{self.root / 'server'}:{self.root / 'tests'}",
                RECORD: str(folder),
            },
            stdout=subprocess.DEVNULL,
            check=False,
        )
        return read_reach(folder, self.package)

    def passes(self, tests: Sequence[str], seconds: float) -> bool:
        """Return whether tests pass and end within some seconds."""
        return self._run(tests, seconds) == _PASSED

    def notices(self, fault: Fault, tests: Sequence[str], seconds: float) -> bool:
        """Return whether a test fails, or does not end, with a fault in the package."""
        module = self.package / fault.module
        right = module.read_bytes()
        for compiled in module.parent.glob(f"__pycache__/{module.stem}.*"):
            compiled.unlink()
        module.write_bytes(fault.put_into(right))
        try:
            return not self.passes(tests, seconds)
        finally:
            module.write_bytes(right)

    def _run(self, tests: Sequence[str], seconds: float) -> int:
        process = _processes.Process(target=_run_tests, args=(self.root, tests))
        process.start()
        process.join(seconds)
        if process.exitcode is None:
            assert process.pid
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.join()
            return _FAILED
        return process.exitcode


def _run_tests(root: Path, tests: Sequence[str]) -> None:
    """Be the process that runs tests of a copy, up to the first failure."""
    os.setsid()
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    os.chdir(root)
    sys.dont_write_bytecode = True
    paths = [str(root / "server"), str(root / "tests")]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    sys.path[:0] = paths
    import pytest  # noqa: PLC0415 - the process that has started us has it

    limits = ["-o", f"faulthandler_timeout={SECONDS_A_TEST}", "-o", "faulthandler_exit_on_timeout=true"]
    options = ["-x", "--quiet", "--tb=no", "--assert=plain", *PLUGINS, *limits]
    sys.exit(pytest.main([*options, *tests]))
