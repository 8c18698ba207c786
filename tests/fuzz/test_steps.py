"""Steps of `finish_image` in any words: understood or refused, and no size beyond the limits."""

import math
from collections.abc import Callable

from hypothesis import strategies as st

from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.images.finish.step_words import read_steps
from imagerouter_mcp.images.finish.steps import MOST_PIXELS, MOST_SIDE, size_after
from support.visible import is_visible

Fuzz = Callable[..., None]

WORDS = """
crop trim resize pad rotate flip flatten grey cutout convert favicon app-icons social grid before-after
animate compress gif 16:9 1:1 1200x630 800 x600 50% 10%,0,50%,100% 0,0,5,5 top detail contain within blur
transparent white #ffeecc 90 -90 webp jpeg png 80 200kB 1mb 500ms 12fps 3 to with , : x % kb -1 1e9 ٣ 💣
"""
words = st.sampled_from(WORDS.split())
steps = st.lists(words | st.text(max_size=12), max_size=5).map(" ".join)
sides = st.integers(1, 12_000)


def test_steps_in_any_words_are_understood_or_refused(fuzz: Fuzz) -> None:
    def attempt(drawn: tuple[list[str], int, int, int]) -> None:
        texts, pictures, width, height = drawn
        size = width, height
        try:
            for step in read_steps(texts, pictures).before:
                before, size = size, size_after(step, size)
                assert min(size) >= 1
                smaller = math.prod(size) <= math.prod(before) and max(size) <= max(before)
                assert smaller or (max(size) <= MOST_SIDE and math.prod(size) <= MOST_PIXELS)
        except PlanError as error:
            assert is_visible(str(error))  # noqa: PT017 - either outcome is right, and each is looked at
            assert len(str(error)) < 6000  # noqa: PT017 - as above

    fuzz(st.tuples(st.lists(steps, max_size=6), st.integers(1, 4), sides, sides), attempt, usual=1000)
