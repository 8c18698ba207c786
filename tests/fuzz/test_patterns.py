"""Every pattern of the package, on long texts that its own form suggests."""

import importlib
import random
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from security.test_patterns import LENGTH, NEVER, Use, apply, sample, uses

Fuzz = Callable[..., None]

reading: Any = importlib.import_module("re._parser")  # Python's own, which has no types


def test_no_text_keeps_a_pattern_busy(fuzz: Fuzz) -> None:
    def attempt(drawn: tuple[Use, int, int, int]) -> None:
        use, seed, before, repeated = drawn
        chance = random.Random(seed)  # noqa: S311 - drawn by Hypothesis
        tree = reading.parse(use.pattern.pattern, use.pattern.flags)
        first, part = ("".join(sample(tree, chance) for _ in range(count)) for count in (before, repeated))
        text = (first + part * (LENGTH // max(1, len(part))))[:LENGTH] + NEVER
        for method in use.methods:
            apply(use.pattern, method, text)

    numbers = st.tuples(st.integers(0, 2**32), st.integers(0, 2), st.integers(0, 3))
    fuzz(
        st.tuples(st.sampled_from(uses()), numbers).map(lambda drawn: (drawn[0], *drawn[1])),
        attempt,
        usual=200,
    )
