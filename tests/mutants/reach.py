"""Which tests reach which lines: recorded by running them once, kept, and asked for every fault."""

import ast
import json
import os
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, takewhile
from pathlib import Path
from typing import Any

from mutants.faults import Fault
from mutants.recorder import Place, Recorded, places_of

SHARE_OF_TESTS = 0.2
"""Part of the processor time of all tests that the tests for one fault may take."""

_OF_IMPORTS = ("tests/contract/", "tests/project/")


@dataclass(frozen=True)
class Reach:
    """What the tests reach.

    Attributes:
        tests: By node id.
    """

    tests: Mapping[str, Recorded]

    def choose(self, fault: Fault, package: Path) -> dict[str, float]:
        """Return the tests that may notice a fault, as many as `SHARE_OF_TESTS` allows.

        A module's own tests come first. Of these, as of the others, those come first that run most of the
        fault's lines (of a guard, what it guards), then the nearest. The rest is in turn from each file, the
        quick ones first: the tests of one file are much alike.

        Args:
            fault: The fault.
            package: The package without it.

        Returns:
            The seconds that each takes, by node id.
        """
        budget = SHARE_OF_TESTS * sum(test.cpu for test in self.tests.values())
        lines_run = self._reaching(fault, package)
        quickest_first = sorted(lines_run, key=lambda name: self.tests[name].cpu)
        earlier = Counter[tuple[str, int]]()
        turns: dict[str, int] = {}
        for name in quickest_first:
            alike = file_of(name), lines_run[name]
            turns[name] = earlier[alike]
            earlier[alike] += 1
        likeliest_first = sorted(
            quickest_first,
            key=lambda name: (
                not _is_near(name, fault.module),
                -lines_run[name],
                -_shared_folders(name, fault.module),
                turns[name],
            ),
        )
        spent = accumulate(self.tests[name].cpu for name in likeliest_first)
        affordable = 1 + sum(1 for _ in takewhile(lambda cpu: cpu <= budget, spent))
        return {name: self.tests[name].seconds for name in likeliest_first[:affordable]}

    def _reaching(self, fault: Fault, package: Path) -> Counter[str]:
        """Return how many of a fault's lines each test runs, or of the lines around it."""
        source = (package / fault.module).read_text("utf-8")
        places = places_of(fault.module, source)
        inside, lines = _where_it_shows(ast.parse(source), fault)
        present, shown = set(places.values()), {places[line] for line in lines}
        running = self._running(shown)
        earlier = self._earlier(fault, present, {place.text for place in shown})
        found = running + self._running(earlier) or self._running(present)
        if not (inside and running):
            # What runs at import also shows in the tools' contract and in the documents.
            found.update(dict.fromkeys(filter(_is_of_imports, self.tests), 0))
        # What is cached runs in the first test alone that needs it; the module's own tests need it too.
        found.update({name: 0 for name in self.tests if _is_own(name, fault.module)})
        return found

    def _running(self, places: Iterable[Place]) -> Counter[str]:
        return Counter(name for place in places for name in self._by_place.get(place, ()))

    def _earlier(self, fault: Fault, present: Container[Place], texts: Container[str]) -> Iterator[Place]:
        """Yield recorded lines that have since changed or moved, and that a fault's may have been."""
        for place in self._by_place:
            is_near = place.text in texts or place.function == fault.function != ""
            if place.module == fault.module and is_near and place not in present:
                yield place

    @cached_property
    def _by_place(self) -> Mapping[Place, Sequence[str]]:
        by_place: dict[Place, list[str]] = {}
        for name, test in self.tests.items():
            for place in test.places:
                by_place.setdefault(place, []).append(name)
        return by_place


def _is_near(test: str, module: str) -> bool:
    """Tell whether a test is a module's own, or of what runs at import: where it is chosen, it tells most."""
    return _is_own(test, module) or _is_of_imports(test)


def _shared_folders(test: str, module: str) -> int:
    """Return how many folders a test has in common with a module."""
    pairs = zip(file_of(test).split("/")[1:], module.split("/"), strict=False)
    return sum(takewhile(bool, (one == other for one, other in pairs)))


def _is_of_imports(test: str) -> bool:
    return test.startswith(_OF_IMPORTS)


def _is_own(test: str, module: str) -> bool:
    """Tell whether a test is in a file named after a module: `test_prepare.py`, `test_prepare_sizes.py`."""
    return f"{Path(file_of(test)).stem}_".startswith(f"test_{Path(module).stem}_")


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
