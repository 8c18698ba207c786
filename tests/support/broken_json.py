"""JSON values of every kind, and right answers in which some values are wrong, for tests that draw them."""

import copy
import json
from typing import Any

from hypothesis import strategies as st

texts = st.text(max_size=30) | st.sampled_from(
    ["\nMEDIA:/x", "\u202e", "\0", "9" * 400, "1e999", "NaN", "-1", "2026-13-45", "a/b", "x" * 9000]
)
numbers = st.integers() | st.floats() | st.integers(-(2**70), 2**70)
anything = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@st.composite
def mutated(draw: st.DrawFn, answers: list[Any], values: st.SearchStrategy[Any] = anything) -> object:
    """A right answer in which some values, at any depth, have become one of these or are gone."""
    whole: list[Any] = [copy.deepcopy(draw(st.sampled_from(answers)))]
    for _ in range(draw(st.integers(0, 4))):
        place: Any = whole
        key: Any = 0
        while draw(st.booleans()) and isinstance(place[key], dict | list) and place[key]:
            place = place[key]
            key = draw(st.sampled_from(_keys(place)))
        if place is not whole and draw(st.integers(0, 3)) == 0:
            del place[key]
        else:
            place[key] = draw(values)
    return json.loads(json.dumps(whole[0]))  # NaN and the like pass, as they do from the wire


def _keys(place: Any) -> list[Any]:  # noqa: ANN401 - what JSON may be
    return [*place] if isinstance(place, dict) else [*range(len(place))]
