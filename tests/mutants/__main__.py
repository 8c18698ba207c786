"""Put faults into copies of the package, one at a time, and print those that no test notices."""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from mutants.accepted import Accepted, read_accepted
from mutants.draw import draw
from mutants.faults import Fault
from mutants.reach import Reach
from mutants.trial import SECONDS_OF_TESTS, Tree

ROOT = Path(__file__).parents[2]
TUNED_SEED = 1
LEAST_KILLED, LEAST_KILLED_UNTUNED = 0.90, 0.85
WORKERS = 2
_WARM_UP_SECONDS = 20.0
_CONTROLS = 200


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one fault.

    Attributes:
        fault: The fault.
        killed: Whether a test noticed.
        tests: How many tests were chosen for it.
    """

    fault: Fault
    killed: bool
    tests: int


def main() -> int:
    """Run it; the exit status says whether enough faults were noticed."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--seed", type=int, default=TUNED_SEED, help="which faults are drawn")
    parser.add_argument("--number", type=int, default=150, help="how many")
    asked = parser.parse_args()
    accepted = read_accepted()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tree = _copy_of_the_checkout(Path(folder) / "tree-0")
        faults = draw(tree.package, asked.number, asked.seed, [each for each in accepted if each.equivalent])
        print(f"{len(faults)} faults drawn, seed {asked.seed}. Recording what the tests reach …", flush=True)
        reach = tree.record_reach(Path(folder) / "reach", WORKERS)
        took = time.monotonic() - began
        print(f"{len(reach.seconds)} tests recorded in {took:.0f} s. Survivors:", flush=True)
        trees = [tree, *(tree.copy(Path(folder) / f"tree-{number}") for number in range(1, WORKERS))]
        quick = sorted(reach.seconds, key=reach.seconds.__getitem__)[:_CONTROLS]
        if not all(each.passes(quick, 10 * _WARM_UP_SECONDS) for each in trees):
            raise RuntimeError("tests fail without any fault")
        outcomes = list(_tried(faults, reach, trees, accepted))
    killed = sum(outcome.killed for outcome in outcomes) / len(outcomes)
    print(_summary(outcomes))
    print(f"{killed:.1%} killed in {time.monotonic() - began:.0f} s")
    return killed < (LEAST_KILLED if asked.seed == TUNED_SEED else LEAST_KILLED_UNTUNED)


def _copy_of_the_checkout(root: Path) -> Tree:
    """Copy what git knows, as it stands in the working folder."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - whatever git there is
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    return Tree(root)


def _tried(
    faults: Sequence[Fault], reach: Reach, trees: Sequence[Tree], accepted: Sequence[Accepted]
) -> Iterator[Outcome]:
    """Try all faults, in as many copies at once as there are, and print each survivor."""
    free: SimpleQueue[Tree] = SimpleQueue()
    for tree in trees:
        free.put(tree)

    def try_one(fault: Fault) -> Outcome:
        tree = free.get()
        try:
            tests = reach.tests(fault, tree.package, SECONDS_OF_TESTS)
            limit = _WARM_UP_SECONDS + 3 * sum(reach.seconds[test] for test in tests)
            return Outcome(fault, bool(tests) and tree.notices(fault, tests, limit), len(tests))
        finally:
            free.put(tree)

    with ThreadPoolExecutor(len(trees)) as pool:
        for done in as_completed([pool.submit(try_one, fault) for fault in faults]):
            outcome = done.result()
            if not outcome.killed:
                reason = next((each.reason for each in accepted if each.matches(outcome.fault)), "")
                print(outcome.fault, f"  ({outcome.tests} tests)", reason and f"\n    {reason}", flush=True)
            yield outcome


def _summary(outcomes: Sequence[Outcome]) -> str:
    places = [outcome.fault.module.partition("/")[0] for outcome in outcomes]
    drawn = Counter(places)
    killed = Counter(place for place, outcome in zip(places, outcomes, strict=True) if outcome.killed)
    rows = [f"{place:16}{killed[place]:>4} of{drawn[place]:>4} killed" for place in drawn]
    return "\n".join(["", *rows])


if __name__ == "__main__":
    sys.exit(main())
