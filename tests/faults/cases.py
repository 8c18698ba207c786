"""All cases, and how they are played: side by side where they do not share a server."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from faults.hosts import Era
from faults.ledger import Tally, Trial
from faults.scene import scene

TRIES = 3
_STAGES_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Case:
    """One fault and how to try it.

    Attributes:
        fault: As the table calls it.
        stage: Cases of one stage meet the same person, and mostly the same server, one after another.
        play: Tries it once.
        eras: In which protocol eras `make test` tries it; the long run takes both.
        long: Whether to leave it to `make faults`.
        tries: How often `make faults` tries it in each era.
        variant: What distinguishes it from other cases of the same fault, which share its row.
    """

    fault: str
    stage: str
    play: Callable[[Trial], None]
    eras: tuple[Era, ...] = ("auto",)
    long: bool = False
    tries: int = TRIES
    variant: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One try of a case, the `number`th in its era."""

    case: Case
    era: Era
    number: int = 1

    @property
    def id(self) -> str:
        """As pytest shows it."""
        variant = f", {self.case.variant}" if self.case.variant else ""
        return f"{self.case.fault}{variant}-{self.era}-{self.number}"

    @property
    def stage(self) -> str:
        """Runs in another era have a person of their own, and go on beside these."""
        return f"{self.case.stage} {self.era}"


def play(runs: Sequence[Run], folder: Path, tally: Tally) -> "dict[str, Future[None]]":
    """Play, each stage in a thread of its own; a future for each run, by its id."""
    outcomes: dict[str, Future[None]] = {run.id: Future() for run in runs}

    def act(number: int, acts: Sequence[Run]) -> None:
        with scene(folder / str(number)) as made:
            for run in acts:
                outcome = outcomes[run.id]
                try:
                    run.case.play(Trial(made, tally, run.case.fault, run.era))
                except BaseException as error:  # noqa: BLE001 - the test that waits for it raises it
                    outcome.set_exception(error)
                else:
                    outcome.set_result(None)

    with ThreadPoolExecutor(_STAGES_AT_ONCE) as pool:
        for number, stage in enumerate(dict.fromkeys(run.stage for run in runs)):
            pool.submit(act, number, [run for run in runs if run.stage == stage])
    return outcomes
