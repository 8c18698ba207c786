"""Number of attempts per target: a few fixed ones in `make test`, many random ones in `make fuzz`."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

USUAL = 300
SECONDS = 20.0
"""An attempt that takes longer counts as a hang, even on two shared cores."""

Fuzz = Callable[..., None]


@pytest.fixture
def fuzz(pytestconfig: pytest.Config) -> Fuzz:
    """Return a function that tries another one on drawn values; an exception or a hang fails the test."""
    asked: int | None = pytestconfig.getoption("fuzz")

    def run(strategy: SearchStrategy[Any], attempt: Callable[[Any], None], usual: int = USUAL) -> None:
        @settings(
            max_examples=asked or usual,
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
        def timed(drawn: object) -> None:
            began = time.monotonic()
            attempt(drawn)
            assert time.monotonic() - began < SECONDS

        timed()

    return run
