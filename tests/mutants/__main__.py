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
from itertools import chain
from pathlib import Path
from queue import SimpleQueue

from mutants.accepted import Accepted, read_accepted
from mutants.draw import draw
from mutants.faults import Fault
from mutants.reach import Reach, Record
from mutants.trial import Outcome, Tree, preload

ROOT = Path(__file__).parents[2]
TUNED_SEED = 1
LEAST_KILLED, LEAST_KILLED_UNTUNED = 0.90, 0.85
WORKERS = 2


def main() -> int:
    """Run it; the exit status says whether enough faults were noticed."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--seed", type=int, default=TUNED_SEED, help="which faults are drawn")
    parser.add_argument("--number", type=int, default=150, help="how many")
    parser.add_argument("--only", nargs="*", default=[""], help="folders or files of the package to look at")
    asked = parser.parse_args()
    preload()
    accepted = read_accepted()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tree = _copy_of_the_checkout(Path(folder) / "tree-0")
        tree.compile()
        drawn = draw(tree.package, asked.number, asked.seed, [each for each in accepted if each.equivalent])
        faults = [fault for fault in drawn if fault.module.startswith(tuple(asked.only))]
        print(f"{len(faults)} faults drawn, seed {asked.seed}. Recording what new tests reach …", flush=True)
        tests = tree.record_reach(_record(), Path(folder) / "reach", WORKERS)
        tree.check({name: test.seconds for name, test in tests.items()})
        print(f"{len(tests)} tests known after {time.monotonic() - began:.0f} s. Survivors:", flush=True)
        trees = [tree, *(tree.copy(Path(folder) / f"tree-{number}") for number in range(1, WORKERS))]
        outcomes = list(_tried(faults, Reach(tests), trees, accepted))
    killed = sum(outcome.killed for outcome in outcomes) / len(outcomes)
    print(_summary(outcomes))
    print(f"{killed:.1%} killed in {time.monotonic() - began:.0f} s")
    return killed < (LEAST_KILLED if asked.seed == TUNED_SEED else LEAST_KILLED_UNTUNED)


def _record() -> Record:
    """Return the record that all worktrees of this repository share."""
    return Record(
        Path(_git("rev-parse", "--path-format=absolute", "--git-common-dir").strip()) / "mutants-reach.json"
    )


def _git(*words: str) -> str:
    command = ["git", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S603 - fixed words


def _copy_of_the_checkout(root: Path) -> Tree:
    """Copy what git knows, as it stands in the working folder."""
    listed = _git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
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
            return tree.try_fault(fault, reach.choose(fault, tree.package))
        finally:
            free.put(tree)

    with ThreadPoolExecutor(len(trees)) as pool:
        for done in as_completed([pool.submit(try_one, fault) for fault in faults]):
            outcome = done.result()
            if not outcome.killed:
                reason = next((each.reason for each in accepted if each.matches(outcome.fault)), "")
                aside = f", {len(outcome.set_aside)} set aside" if outcome.set_aside else ""
                print(
                    outcome.fault,
                    f"  ({outcome.tests} tests{aside})",
                    reason and f"\n    {reason}",
                    flush=True,
                )
            yield outcome


def _summary(outcomes: Sequence[Outcome]) -> str:
    places = [outcome.fault.module.partition("/")[0] for outcome in outcomes]
    drawn = Counter(places)
    killed = Counter(place for place, outcome in zip(places, outcomes, strict=True) if outcome.killed)
    rows = [f"{place:16}{killed[place]:>4} of{drawn[place]:>4} killed" for place in drawn]
    set_aside = Counter(chain.from_iterable(outcome.set_aside for outcome in outcomes))
    aside = [f"{test} failed without the fault too, {times} times" for test, times in set_aside.items()]
    return "\n".join(["", *aside, *rows])


if __name__ == "__main__":
    sys.exit(main())
