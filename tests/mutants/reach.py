"""Which tests reach which lines: recorded by running them once, kept, and asked for every fault.

As a pytest plugin (`-p mutants.reach`) it records, per test, the lines of the package that run and the
time it takes.
"""

import ast
import json
import os
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, takewhile
from pathlib import Path
from typing import Any, NamedTuple

import coverage
import pytest

from mutants.faults import Fault

RECORD = "MUTANTS_RECORD"
"""The variable that names the folder to record into; without it the plugin does nothing."""

SHARE_OF_TESTS = 0.2
"""Part of the processor time of all tests that the tests for one fault may take."""

_OF_IMPORTS = ("tests/contract/", "tests/project/")


class RecordError(Exception):
    """It is not known what the tests reach."""


class Place(NamedTuple):
    """A line of code, known by its text so that it stays the same when other lines come or go.

    Attributes:
        module: The file, relative to the package.
        function: The qualified name of the function; empty at the top of the module.
        text: The line.
    """

    module: str
    function: str
    text: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """What one test does.

    Attributes:
        seconds: How long it takes.
        cpu: The processor time that it takes, in seconds; unlike the other, it is the same under load.
        places: The lines that it runs.
    """

    seconds: float
    cpu: float
    places: frozenset[Place]


@dataclass(frozen=True)
class Reach:
    """What the tests reach.

    Attributes:
        tests: By node id.
    """

    tests: Mapping[str, Recorded]

    def choose(self, fault: Fault, package: Path) -> dict[str, float]:
        """Return the tests that may notice a fault: the nearest first, the quick ones first among them.

        Args:
            fault: The fault.
            package: The package without it.

        Returns:
            The seconds that each takes, by node id.
        """
        budget = SHARE_OF_TESTS * sum(test.cpu for test in self.tests.values())
        nearest_first = sorted(
            self._reaching(fault, package),
            key=lambda name: (-_nearness(name, fault.module), self.tests[name].cpu),
        )
        spent = accumulate(self.tests[name].cpu for name in nearest_first)
        affordable = 1 + sum(1 for _ in takewhile(lambda cpu: cpu <= budget, spent))
        return {name: self.tests[name].seconds for name in nearest_first[:affordable]}

    def _reaching(self, fault: Fault, package: Path) -> set[str]:
        source = (package / fault.module).read_text("utf-8")
        places = _places(fault.module, source)
        inside, lines = _where_it_shows(ast.parse(source), fault)
        running = self._running(places[line] for line in lines)
        found = (
            running
            # What is newer than the record:
            or self._running(place for place in places.values() if place.function == fault.function != "")
            or self._running(places.values())
        )
        if not (inside and running):
            # What runs at import also shows in the tools' contract and in the documents.
            found |= {name for name in self.tests if name.startswith(_OF_IMPORTS)}
        # What is cached runs in the first test alone that needs it; the module's own tests need it too.
        return found | {name for name in self.tests if _is_own(name, fault.module)}

    def _running(self, places: Iterable[Place]) -> set[str]:
        return {name for place in set(places) for name in self._by_place.get(place, ())}

    @cached_property
    def _by_place(self) -> Mapping[Place, Sequence[str]]:
        by_place: dict[Place, list[str]] = {}
        for name, test in self.tests.items():
            for place in test.places:
                by_place.setdefault(place, []).append(name)
        return by_place


def _nearness(test: str, module: str) -> int:
    """How many folders a test has in common with a module; its own tests are nearer than all others."""
    pairs = zip(file_of(test).split("/")[1:], module.split("/"), strict=False)
    folders = sum(takewhile(bool, (one == other for one, other in pairs)))
    # Tests of what runs at import are chosen for that alone, and there they tell the most.
    return folders + 10 * (_is_own(test, module) or test.startswith(_OF_IMPORTS))


def _is_own(test: str, module: str) -> bool:
    """Tell whether a test is in a file named after a module: `test_prepare.py`, `test_prepare_sizes.py`."""
    return f"{Path(file_of(test)).stem}_".startswith(f"test_{Path(module).stem}_")


def _places(module: str, source: str) -> dict[int, Place]:
    """Return the place of each line, by its number."""
    functions: dict[int, str] = {}
    for first, last, name in _scopes(ast.parse(source), ""):
        functions |= dict.fromkeys(range(first, last + 1), name)
    return {
        number: Place(module, functions.get(number, ""), line.strip())
        for number, line in enumerate(source.splitlines(), start=1)
    }


def _scopes(tree: ast.AST, outer: str) -> Iterator[tuple[int, int, str]]:
    """Yield the first line, last line and qualified name of each function and class, outer ones first."""
    for node in ast.iter_child_nodes(tree):
        name = outer
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{outer}.{node.name}".lstrip(".")
            yield node.lineno, node.end_lineno or node.lineno, name
        yield from _scopes(node, name)


def _where_it_shows(tree: ast.Module, fault: Fault) -> tuple[bool, Iterable[int]]:
    """Return whether a fault is inside a function, and the lines that run it or use what it defines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            begin, end = node.body[0].lineno, node.end_lineno or node.lineno
            if begin <= fault.line <= end:
                return True, range(fault.line, fault.last_line + 1)
            if node.lineno <= fault.line < begin:  # a default
                return False, range(begin, end + 1)
    names = {
        name.id
        for statement in tree.body
        if statement.lineno <= fault.line <= (statement.end_lineno or statement.lineno)
        for name in ast.walk(statement)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
    }
    uses = (node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in names)
    return False, [node.lineno for node in uses if isinstance(node.ctx, ast.Load)]


def read_recorded(folder: Path, package: Path) -> dict[str, Recorded]:
    """Read what the processes of a test run recorded.

    Raises:
        RecordError: A process ended before it wrote what it recorded, or no test passed.
    """
    began, wrote = ({file.stem for file in folder.glob(f"*.{kind}")} for kind in ("test", "json"))
    if lost := began - wrote:
        raise RecordError(f"{len(lost)} of {len(began)} test processes ended before they wrote their record.")
    took: dict[str, tuple[float, float]] = {}
    for file in folder.glob("*.json"):
        took |= json.loads(file.read_text("utf-8"))
    if not took:
        raise RecordError("No test passed, so it is not known what the tests reach.")
    reached: dict[str, set[Place]] = {name: set() for name in took}
    for file in folder.glob("*.coverage"):
        data = coverage.CoverageData(str(file))
        data.read()
        for measured in data.measured_files():
            module = Path(measured)
            places = _places(module.relative_to(package).as_posix(), module.read_text("utf-8"))
            for line, names in data.contexts_by_lineno(measured).items():
                for name in reached.keys() & set(names) if line in places else ():
                    reached[name].add(places[line])
    return {name: Recorded(*took[name], frozenset(places)) for name, places in reached.items()}


@dataclass(frozen=True, slots=True)
class Record:
    """The tests recorded so far, in a file, with the state of the test files that they are from.

    Attributes:
        file: The file.
    """

    file: Path

    def read(self, states: Mapping[str, str]) -> dict[str, Recorded]:
        """Return the tests whose files are in the state in which they were recorded.

        Args:
            states: The tests there are, each with the state of its file.
        """
        if not self.file.exists():
            return {}
        kept: dict[str, Any] = json.loads(self.file.read_text("utf-8"))
        places = [Place(*place) for place in kept["places"]]
        return {
            name: Recorded(seconds, cpu, frozenset(map(places.__getitem__, numbers)))
            for name, (state, seconds, cpu, numbers) in kept["tests"].items()
            if states.get(name) == state
        }

    def write(self, tests: Mapping[str, Recorded], states: Mapping[str, str]) -> None:
        """Replace the file."""
        places = {place for test in tests.values() for place in test.places}
        numbers = {place: number for number, place in enumerate(places)}
        rows = {
            name: (states[name], test.seconds, test.cpu, [numbers[place] for place in test.places])
            for name, test in tests.items()
        }
        self.file.parent.mkdir(exist_ok=True)
        new = self.file.with_suffix(f".{os.getpid()}")
        new.write_text(json.dumps({"places": list(numbers), "tests": rows}), "utf-8")
        new.replace(self.file)


def file_of(test: str) -> str:
    """Return the file of a test, from its node id."""
    return test.partition("::")[0]


class _Recorder:
    """Switches coverage's context with every test, and times it."""

    def __init__(self, folder: Path) -> None:
        self._name = folder / str(os.getpid())
        self._current = self._name.with_suffix(".test")
        self._took: dict[str, tuple[float, float]] = {}
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
        self._current.write_text(item.nodeid, "utf-8")
        began, cpu_began = time.monotonic(), time.process_time()
        try:
            return (yield)
        finally:
            self._took[item.nodeid] = (time.monotonic() - began, time.process_time() - cpu_began)
            self._coverage.switch_context("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember what fails without any fault: it can notice none."""
        if report.failed:
            self._failed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        """Write what was recorded while xdist still waits: ten seconds later it kills its processes."""
        self._coverage.stop()
        self._coverage.save()
        passed = {test: taken for test, taken in self._took.items() if test not in self._failed}
        Path(f"{self._name}.json").write_text(json.dumps(passed), "utf-8")


if folder := os.environ.get(RECORD):
    _recorder = _Recorder(Path(folder))

    def pytest_configure(config: pytest.Config) -> None:
        """Record from the start; the package is imported later, by the tests."""
        config.pluginmanager.register(_recorder)
