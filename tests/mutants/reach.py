"""Which tests reach which lines: recorded once by running them, and asked for every fault.

As a pytest plugin (`-p mutants.reach`) it records, per test, the lines of the package that run and the
seconds it takes.
"""

import ast
import json
import os
import time
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import coverage
import pytest

from mutants.faults import Fault

RECORD = "MUTANTS_RECORD"
"""The variable that names the folder to record into; without it the plugin does nothing."""


_OF_IMPORTS = ("tests/contract/", "tests/project/")


@dataclass(frozen=True, slots=True)
class Reach:
    """What the tests reach.

    Attributes:
        seconds: How long each test takes, by its node id.
        lines: The tests that run a line, by module and line.
    """

    seconds: Mapping[str, float]
    lines: Mapping[str, Mapping[int, frozenset[str]]]

    def tests(self, fault: Fault, package: Path, seconds: float) -> list[str]:
        """Return the tests that may notice a fault: its folder's own first, the quick ones first among them.

        Args:
            fault: The fault.
            package: The package without it.
            seconds: How long they may take together.
        """
        reaching = self._reaching(fault, package)
        stem = fault.module.removesuffix(".py")
        own = (f"tests/{stem.partition('/')[0]}/", f"tests/test_{stem}.py")
        chosen, total = list[str](), 0.0
        for test in sorted(reaching, key=lambda each: (not each.startswith(own), self.seconds[each])):
            total += self.seconds[test]
            if chosen and total > seconds:
                break
            chosen.append(test)
        return chosen

    def _reaching(self, fault: Fault, package: Path) -> set[str]:
        by_line = self.lines.get(fault.module, {})
        places = range(fault.line, fault.last_line + 1)
        found = {test for line in places for test in by_line.get(line, ())}
        if found:
            return found
        # Constants and defaults run at import: take the functions that use the name, else the whole module.
        source = (package / fault.module).read_text("utf-8")
        used = {test for line in _uses(source, fault.line) for test in by_line.get(line, ())}
        whole_module = {test for tests in by_line.values() for test in tests}
        # What runs at import shows in the tools' contract and in the documents.
        return (used or whole_module) | {test for test in self.seconds if test.startswith(_OF_IMPORTS)}


def _uses(source: str, line: int) -> Iterable[int]:
    """The lines that use what a line defines: a module's constant, or the function of a default."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and node.lineno <= line < node.body[0].lineno
        ):
            return range(node.body[0].lineno, (node.end_lineno or node.lineno) + 1)
    names = {
        name.id
        for statement in tree.body
        if statement.lineno <= line <= (statement.end_lineno or statement.lineno)
        for name in ast.walk(statement)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
    }
    return [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in names]


def read_reach(folder: Path, package: Path) -> Reach:
    """Read what the processes of a test run recorded."""
    seconds: dict[str, float] = {}
    for file in folder.glob("*.json"):
        seconds |= json.loads(file.read_text("utf-8"))
    lines: dict[str, dict[int, set[str]]] = {}
    for file in folder.glob("*.coverage"):
        data = coverage.CoverageData(str(file))
        data.read()
        for measured in data.measured_files():
            of_module = lines.setdefault(Path(measured).relative_to(package).as_posix(), {})
            for line, tests in data.contexts_by_lineno(measured).items():
                of_module.setdefault(line, set()).update(test for test in tests if test in seconds)
    return Reach(
        seconds,
        {
            module: {line: frozenset(tests) for line, tests in by_line.items()}
            for module, by_line in lines.items()
        },
    )


class _Recorder:
    """Switches coverage's context with every test, and times it."""

    def __init__(self, folder: Path) -> None:
        self._name = folder / str(os.getpid())
        self._seconds: dict[str, float] = {}
        self._failed: set[str] = set()
        self._coverage = coverage.Coverage(
            data_file=f"{self._name}.coverage",
            config_file=False,
            source_pkgs=["imagerouter_mcp"],
            omit=["*/imagerouter_mcp/sandbox/*"],
        )
        self._coverage.set_option("run:disable_warnings", ["module-not-measured", "no-data-collected"])
        self._coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self._coverage.switch_context(item.nodeid)
        began = time.monotonic()
        try:
            return (yield)
        finally:
            self._seconds[item.nodeid] = time.monotonic() - began
            self._coverage.switch_context("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember what fails without any fault: it can notice none."""
        if report.failed:
            self._failed.add(report.nodeid)

    def pytest_unconfigure(self) -> None:
        self._coverage.stop()
        self._coverage.save()
        passed = {test: taken for test, taken in self._seconds.items() if test not in self._failed}
        Path(f"{self._name}.json").write_text(json.dumps(passed), "utf-8")


if folder := os.environ.get(RECORD):
    _recorder = _Recorder(Path(folder))

    def pytest_configure(config: pytest.Config) -> None:
        """Record from the start; the package is imported later, by the tests."""
        config.pluginmanager.register(_recorder)
