"""Records which lines of the package each test runs, and the time that it takes: `-p mutants.recorder`.

A record holds only for the very text of this file, so what is not about recording is elsewhere.
"""

import ast
import json
import os
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import coverage
import pytest

RECORD = "MUTANTS_RECORD"
"""The variable that names the folder to record into; without it the plugin does nothing."""


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


def places_of(module: str, source: str) -> dict[int, Place]:
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


def read_recorded(folder: Path, package: Path) -> dict[str, Recorded]:
    """Read what the processes of a test run recorded.

    Raises:
        RecordError: A process ended before it wrote what it recorded, or none began.
    """
    began, wrote = ({file.stem for file in folder.glob(f"*.{kind}")} for kind in ("test", "json"))
    if lost := began - wrote:
        raise RecordError(f"{len(lost)} of {len(began)} test processes ended before they wrote their record.")
    if not wrote:
        raise RecordError("No test ran, so it is not known what the tests reach.")
    took: dict[str, tuple[float, float]] = {}
    for file in folder.glob("*.json"):
        took |= json.loads(file.read_text("utf-8"))
    reached: dict[str, set[Place]] = {name: set() for name in took}
    for file in folder.glob("*.coverage"):
        data = coverage.CoverageData(str(file))
        data.read()
        for measured in data.measured_files():
            module = Path(measured)
            places = places_of(module.relative_to(package).as_posix(), module.read_text("utf-8"))
            for line, names in data.contexts_by_lineno(measured).items():
                for name in reached.keys() & set(names) if line in places else ():
                    reached[name].add(places[line])
    return {name: Recorded(*took[name], frozenset(places)) for name, places in reached.items()}


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
