"""Whatever goes wrong around a call: nothing is lost, paid twice or said falsely, and the next call works."""

from collections.abc import Callable
from functools import partial

import pytest

from faults import processes, repeats
from faults.cases import Case, Run
from faults.hosts import Era
from faults.ledger import Trial
from faults.scene import clip, picture
from faults.table import FAULTS, VIDEO_TOOL, Fault

ERAS: tuple[Era, Era] = ("auto", "legacy")


def meet(trial: Trial, fault: Fault) -> None:
    """Have one picture made while a fault of the table is there."""
    scene = trial.scene
    scene.sandbox.app.state.seen.clear()
    with fault.setting(scene) as interrupt:
        wish = clip if fault.tool == VIDEO_TOOL else picture
        arguments = wish(trial.prompt, fault.model, **fault.arguments)
        pending = scene.shared_host(trial.era).begin(fault.tool, **arguments)
        if interrupt:
            scene.wait_asked(trial.prompt)
            interrupt()
        told = pending.result()
    witness = scene.raw_host(trial.era) if fault.anew else None
    trial.conclude(scene.shared_host(trial.era), fault.expected, told, witness)


ALL = (
    *(
        Case(each.name, each.stage, partial(meet, fault=each), long=each.long, tries=each.tries)
        for each in FAULTS
    ),
    *processes.CASES,
    *repeats.CASES,
)
ONCE = [Run(case, era) for case in ALL if not case.long for era in case.eras]
AGAIN_AND_AGAIN = [
    Run(case, era, number) for case in ALL for era in ERAS for number in range(1, case.tries + 1)
]
Played = Callable[[Run], None]


def _named(runs: list[Run]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("run", [pytest.param(run, id=run.id) for run in runs])


@_named(ONCE)
def test_nothing_is_lost_paid_twice_or_told_falsely(played: Played, run: Run) -> None:
    played(run)


@pytest.mark.long
@_named(AGAIN_AND_AGAIN)
def test_nothing_is_lost_paid_twice_or_told_falsely_again_and_again(played: Played, run: Run) -> None:
    played(run)
