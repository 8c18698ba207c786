"""Where a masked edit's part is cut out, and what a model is told of it."""

import pytest

from imagerouter_mcp.api.model_list import ModelEntry
from imagerouter_mcp.generation.planning.cuts import cut_around, guided
from imagerouter_mcp.generation.planning.finishing import Cut

PHOTO = (4000, 3000)
ANY = ModelEntry("black-forest-labs/FLUX-2-flex", takes_image=True)
LISTED = ModelEntry("openai/gpt-image-1.5", takes_image=True, sizes=("1024x1024", "1536x1024", "1024x1536"))
SQUARE = ModelEntry("acme/square", takes_image=True, sizes=("1024x1024",))

REGIONS = {
    "in the middle": (1800, 1400, 2200, 1700),
    "tiny": (2000, 1500, 2004, 1504),
    "in a corner": (3900, 2900, 4000, 3000),
    "a strip": (0, 0, 4000, 300),
    "a column": (1000, 0, 1100, 3000),
    "nearly all": (10, 10, 3990, 2990),
    "all": (0, 0, 4000, 3000),
}


@pytest.mark.parametrize("entry", [ANY, LISTED, SQUARE], ids=lambda entry: entry.id)
@pytest.mark.parametrize("region", REGIONS.values(), ids=REGIONS.keys())
def test_a_cut_holds_the_region_its_context_and_the_shape_that_the_model_makes(
    region: tuple[int, int, int, int], entry: ModelEntry
) -> None:
    cut = cut_around(region, PHOTO, entry)
    left, upper, right, lower = cut.box
    assert 0 <= left < right <= PHOTO[0]
    assert 0 <= upper < lower <= PHOTO[1]
    for axis in (0, 1):
        low, high = region[axis], region[axis + 2]
        half = (high - low) / 2
        assert cut.box[axis] <= max(0, low - half) + 1
        assert cut.box[axis + 2] >= min(PHOTO[axis], high + half) - 1
    assert not entry.sizes or f"{cut.size[0]}x{cut.size[1]}" in entry.sizes
    width, height = cut.inner[2] - cut.inner[0], cut.inner[3] - cut.inner[1]
    assert width <= cut.size[0]
    assert height <= cut.size[1]
    assert (right - left) / width == pytest.approx((lower - upper) / height, rel=0.02)
    assert width / (right - left) <= 2.01
    for side, length in ((0, width), (1, height)):
        bars = cut.size[side] - length
        assert cut.inner[side] == bars // 2


@pytest.mark.parametrize("entry", [ANY, LISTED, SQUARE], ids=lambda entry: entry.id)
@pytest.mark.parametrize("region", REGIONS.values(), ids=REGIONS.keys())
def test_an_upright_photo_is_cut_like_a_lying_one(
    region: tuple[int, int, int, int], entry: ModelEntry
) -> None:
    lying = cut_around(region, PHOTO, entry)
    upright = cut_around((region[1], region[0], region[3], region[2]), (PHOTO[1], PHOTO[0]), entry)
    assert upright.size == lying.size[::-1]
    for one, other in ((upright.box, lying.box), (upright.inner, lying.inner)):
        assert one == pytest.approx([other[at] for at in (1, 0, 3, 2)], abs=1)
    if entry is ANY:  # which makes any shape, so hardly anything has to be filled
        filled = [(lying.inner[at + 2] - lying.inner[at]) / lying.size[at] for at in (0, 1)]
        assert min(filled) > 0.95


def test_a_small_region_of_a_large_photo_keeps_its_detail() -> None:
    cut = cut_around((1800, 1400, 2200, 1700), PHOTO, ANY)
    assert cut.box[2] - cut.box[0] < 1100
    assert cut.size[0] >= cut.box[2] - cut.box[0]


def test_a_larger_wish_makes_a_larger_part() -> None:
    small, large = (cut_around(REGIONS["all"], PHOTO, ANY, area) for area in (2**20, 2**22))
    assert large.size[0] == pytest.approx(2 * small.size[0], rel=0.05)


def test_a_prompt_says_which_area_changes() -> None:
    region = (1800, 1400, 2200, 1700)
    told = guided("Paint a balloon", ANY, cut_around(region, PHOTO, ANY), region, (0, 0, *PHOTO))
    assert told.startswith("Paint a balloon\n\nChange nothing but the area from ")
    assert "in the middle of the picture" in told


def test_what_stays_is_named_where_nearly_all_changes() -> None:
    kept = (100, 2000, 900, 2900)
    told = guided("Make it night", ANY, cut_around((0, 0, *PHOTO), PHOTO, ANY), (0, 0, *PHOTO), kept)
    assert "Leave the area from 2% to 22% of the width" in told
    assert "in the lower left of the picture" in told


@pytest.mark.parametrize(
    "strip", [(0, 0, 4000, 900), (0, 2100, 4000, 3000), (0, 0, 1200, 3000), (2800, 0, 4000, 3000)]
)
def test_a_strip_along_a_side_is_what_changes(strip: tuple[int, int, int, int]) -> None:
    whole = Cut(box=(0, 0, *PHOTO), size=(1200, 900), inner=(0, 0, 1200, 900))
    assert "Change nothing but the area" in guided("Paint a balloon", ANY, whole, strip, (10, 10, 20, 20))


def test_what_stays_beyond_the_part_is_named_by_its_edge() -> None:
    whole = Cut(box=(0, 0, 1000, 1000), size=(1000, 1000), inner=(0, 0, 1000, 1000))
    told = guided("Make it night", ANY, whole, whole.box, (2000, 0, 3000, 400))
    assert "Leave the area from 100% to 100% of the width and from 0% to 40%" in told
    assert "in the upper right of the picture" in told


def test_a_prompt_at_the_models_limit_stays_as_it_is() -> None:
    runware = ModelEntry("stabilityai/sd3", takes_image=True, providers=("runware",))
    region = REGIONS["in the middle"]
    cut = cut_around(region, PHOTO, runware)
    assert guided("x" * 3000, runware, cut, region, (0, 0, *PHOTO)) == "x" * 3000
    assert guided("", runware, cut, region, (0, 0, *PHOTO)) == ""


@pytest.mark.parametrize(
    ("across", "down", "place"),
    [
        (0, 0, "upper left"),
        (1, 0, "upper"),
        (2, 0, "upper right"),
        (0, 1, "left"),
        (1, 1, "middle"),
        (2, 1, "right"),
        (0, 2, "lower left"),
        (1, 2, "lower"),
        (2, 2, "lower right"),
    ],
)
def test_the_place_is_named_as_people_name_it(across: int, down: int, place: str) -> None:
    whole = Cut(box=(0, 0, *PHOTO), size=(1200, 900), inner=(0, 0, 1200, 900))
    left, upper = 100 + 1350 * across, 100 + 950 * down
    region = (left, upper, left + 1100, upper + 900)
    told = guided("Paint a balloon", ANY, whole, region, (0, 0, *PHOTO))
    assert f"in the {place} of the picture" in told


def test_bars_beside_a_part_count_where_its_area_is_named() -> None:
    framed = Cut(box=(0, 0, *PHOTO), size=(1200, 1200), inner=(0, 150, 1200, 1050))
    told = guided("Paint a balloon", ANY, framed, (1000, 0, 2000, 1500), None)
    assert "from 25% to 50% of the width and from 12% to 50% of the height" in told


def test_a_prompt_is_guided_up_to_the_models_limit() -> None:
    runware = ModelEntry("stabilityai/sd3", takes_image=True, providers=("runware",))
    region = REGIONS["in the middle"]
    cut = cut_around(region, PHOTO, runware)

    def told(length: int) -> int:
        return len(guided("x" * length, runware, cut, region, (0, 0, *PHOTO)))

    room = 3000 - (told(10) - 10)
    assert (told(room), told(room + 1)) == (3000, room + 1)
