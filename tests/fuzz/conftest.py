"""Number of attempts per target: a few fixed ones in `make test`, many random ones in `make fuzz`."""

import gc
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

USUAL = 300
SECONDS = 20.0
"""An attempt that takes longer counts as a hang, even on two shared cores."""
CPU_SECONDS = 1.0
"""For one attempt, child processes included."""
MEBIBYTES = 400
"""Over what the process had before the attempt; child processes are held to less than that."""
ROUND = 5000
"""Values drawn in one go: hypothesis remembers each of them, and grows slow and large."""

Fuzz = Callable[..., None]


def cpu_seconds() -> float:
    """What this process and its children have used."""
    return sum(os.times()[:4])


def forget_peak() -> None:
    """Have the system measure this process's peak memory from now on, where it can."""
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5")


def mebibytes(what: Literal["VmRSS", "VmHWM"]) -> int:
    """Return what this process holds, or its peak; 0 where the system does not tell as Linux does."""
    if sys.platform != "linux":
        return 0
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith(what))


@pytest.fixture
def fuzz(pytestconfig: pytest.Config) -> Fuzz:
    """Return a function that tries another one on drawn values; an exception or a hang fails the test."""
    asked: int | None = pytestconfig.getoption("fuzz")

    def run(strategy: SearchStrategy[Any], attempt: Callable[[Any], None], usual: int = USUAL) -> None:
        """Try `usual` values, or as many as were asked for; fewer where the usual number is low."""
        wanted = min(asked, asked * usual // USUAL) if asked else usual
        for done in range(0, wanted, ROUND):
            one_round(strategy, attempt, min(ROUND, wanted - done))

    def one_round(strategy: SearchStrategy[Any], attempt: Callable[[Any], None], values: int) -> None:
        @settings(
            max_examples=values,
            derandomize=asked is None,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=[
                HealthCheck.too_slow,
                HealthCheck.data_too_large,
                HealthCheck.filter_too_much,
            ],
        )
        @given(strategy)
        def limited(drawn: object) -> None:
            forget_peak()
            before, began, used = mebibytes("VmRSS"), time.monotonic(), cpu_seconds()
            gc.disable()  # collecting what hypothesis remembers takes a second
            try:
                attempt(drawn)
            finally:
                gc.enable()
            assert cpu_seconds() - used < CPU_SECONDS
            assert time.monotonic() - began < SECONDS
            assert mebibytes("VmHWM") - before < MEBIBYTES

        limited()

    return run
