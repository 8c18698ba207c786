"""Whatever goes wrong around a call: nothing is lost, paid twice or said falsely, and the next call works."""

from collections.abc import Callable

import pytest

from faults.hosts import Era
from faults.ledger import Tally, Trial
from faults.scene import Scene, picture
from faults.table import FAULTS, Fault

TRIES = 5
ERAS: tuple[Era, Era] = ("auto", "legacy")
_IN_SHORT = [pytest.param(fault, id=fault.name) for fault in FAULTS if not fault.long]
_ALL = [pytest.param(fault, id=fault.name) for fault in FAULTS]


def play(fault: Fault, scene: Scene, tally: Tally, era: Era = "auto") -> None:
    """Try a fault once."""
    trial = Trial(scene, tally, fault.name)
    scene.state.once.clear()
    with fault.setting(scene) as interrupt:
        arguments = picture(trial.prompt, fault.model, **fault.arguments)
        pending = scene.shared_host(era).begin("generate_image", **arguments)
        if interrupt:
            scene.wait_asked(trial.prompt)
            interrupt()
        told = pending.result()
    witness = scene.raw_host(era) if fault.anew else None
    trial.conclude(scene.shared_host(era), fault.expected, told, witness)


@pytest.mark.parametrize("fault", _IN_SHORT)
def test_nothing_is_lost_nor_paid_twice(stages: Callable[[str], Scene], tally: Tally, fault: Fault) -> None:
    play(fault, stages(fault.stage), tally)


@pytest.mark.long
@pytest.mark.parametrize("fault", _ALL)
def test_nothing_is_lost_nor_paid_twice_again_and_again(
    stages: Callable[[str], Scene], tally: Tally, fault: Fault
) -> None:
    for number in range(1 if fault.long else TRIES):
        play(fault, stages(f"{fault.stage} {number}"), tally, ERAS[number % 2])
