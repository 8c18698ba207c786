"""Draws the faults to try: by a seed, spread over the folders by size and over the kinds evenly."""

import hashlib
from collections.abc import Sequence
from itertools import chain, zip_longest
from pathlib import Path

from mutants.accepted import Accepted
from mutants.faults import Fault, faults_in

PLACES = (
    "generation",
    "gallery",
    "api",
    "images",
    "tools",
    "people",
    "sign_in",
    "database",
    "setting_values.py",
    "settings.py",
    "fetch.py",
)


def draw(package: Path, number: int, seed: int, left_out: Sequence[Accepted]) -> list[Fault]:
    """Draw faults; the same seed and source give the same ones.

    Args:
        package: The package.
        number: How many, at least one in every place.
        seed: For the lottery.
        left_out: Faults that are none: nothing that anybody can see depends on them.
    """
    modules = {place: _modules(package / place) for place in PLACES}
    lines = {place: sum(_lines(module) for module in modules[place]) for place in PLACES}
    shares = {place: max(1, round(number * lines[place] / sum(lines.values()))) for place in PLACES}
    return [
        fault
        for place in PLACES
        for fault in _drawn(
            [
                fault
                for module in modules[place]
                for fault in faults_in(package, module)
                if not any(each.matches(fault) for each in left_out)
            ],
            package,
            shares[place],
            seed,
        )
    ]


def _drawn(faults: list[Fault], package: Path, number: int, seed: int) -> list[Fault]:
    """Draw from each kind in turn, one fault a line at most."""
    by_kind: dict[str, list[Fault]] = {}
    for fault in sorted(faults, key=lambda fault: _lot(fault, seed)):
        by_kind.setdefault(fault.kind, []).append(fault)
    in_turn = chain.from_iterable(zip_longest(*(by_kind[kind] for kind in sorted(by_kind))))
    drawn: dict[tuple[str, int], Fault] = {}
    for fault in filter(None, in_turn):
        if len(drawn) == number:
            break
        if (fault.module, fault.line) not in drawn and _compiles(fault, package):
            drawn[fault.module, fault.line] = fault
    return list(drawn.values())


def _lot(fault: Fault, seed: int) -> str:
    """Return a fault's number in the lottery: it stays the same when other code changes."""
    words = (seed, fault.module, fault.function, fault.kind, fault.before, fault.after)
    return hashlib.sha256(repr(words).encode()).hexdigest()


def _compiles(fault: Fault, package: Path) -> bool:
    try:
        compile(
            fault.put_into((package / fault.module).read_bytes()), fault.module, "exec", dont_inherit=True
        )
    except SyntaxError:
        return False
    return True


def _modules(place: Path) -> list[Path]:
    return [place] if place.is_file() else sorted(place.rglob("*.py"))


def _lines(module: Path) -> int:
    return len(module.read_text("utf-8").splitlines())
