"""What a person is told of the way from the model's own picture to the result."""

import pytest

from imagerouter_mcp.generation.planning.finishing import Cut, Finishing, Size
from imagerouter_mcp.generation.planning.request import Fit

SQUARE = (1000, 1000)


@pytest.mark.parametrize(
    ("size", "fit", "words"),
    [
        ((500, 500), "cover", "scaled to 500x500"),
        ((2000, 2000), "cover", "scaled to 2000x2000"),
        ((2100, 2100), "cover", "scaled to 2100x2100, enlarged 2.1 times, which adds no detail"),
        ((1009, 1000), "cover", "scaled to 1009x1000"),
        ((1000, 1009), "contain", "scaled to 1000x1009"),
        ((1011, 1000), "cover", "cropped to 1011x1000"),
        ((1200, 600), "cover", "cropped to 1200x600"),
        ((1200, 480), "cover", "cropped to 1200x480, which leaves 40 % of it"),
        ((480, 1200), "cover", "cropped to 480x1200, which leaves 40 % of it"),
        ((1200, 480), "contain", "padded to 1200x480"),
        ((3000, 1000), "contain", "padded to 3000x1000"),
        ((3000, 1000), "stretch", "stretched to 3000x1000, enlarged 3.0 times, which adds no detail"),
        (None, "cover", "scaled to 1000x1000"),
    ],
)
def test_what_was_done_is_said_with_what_it_costs_in_quality(size: Size | None, fit: Fit, words: str) -> None:
    assert Finishing(size=size, fit=fit).words(SQUARE) == words


@pytest.mark.parametrize(
    ("size", "applies"),
    [(None, False), (SQUARE, False), ((1000, 999), True), ((4096, 4096), True), ((4097, 4096), False)],
)
def test_nothing_is_done_where_nothing_need_or_can_be_done(size: Size | None, *, applies: bool) -> None:
    assert Finishing(size=size).applies(SQUARE) == applies


def test_it_is_kept_in_the_journal_also_as_an_earlier_version_wrote_it() -> None:
    whole = Finishing(size=(8, 9), fit="contain", cut=Cut(box=(1, 2, 3, 4), size=(5, 6), inner=(0, 0, 5, 6)))
    assert Finishing.from_json(whole.to_json()) == whole
    assert Finishing.from_json('{"size": [8, 9]}') == Finishing(size=(8, 9))


@pytest.mark.parametrize(
    ("came", "size", "words"),
    [
        ((1536, 1024), (768, 512), "scaled to 768x512"),
        ((1024, 1536), (512, 768), "scaled to 512x768"),
        ((1536, 1024), (1024, 1536), "cropped to 1024x1536, which leaves 44 % of it"),
    ],
)
def test_a_shape_is_kept_or_cropped_as_it_came(came: Size, size: Size, words: str) -> None:
    assert Finishing(size=size).words(came) == words
