"""How the steps of `finish_image` are read, as people and models write them."""

import pytest

from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.images.finish import steps
from imagerouter_mcp.images.finish.step_words import read_steps
from imagerouter_mcp.images.finish.steps import Change
from imagerouter_mcp.images.length import Length

NOTHING = Length(0, percent=False)
TENTH, HALF = (Length(share, percent=True) for share in (10, 50))


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("crop 16:9", steps.Crop(ratio=16 / 9)),
        ("Crop to square", steps.Crop(ratio=1)),
        ("crop 800×600 top", steps.Crop(ratio=4 / 3, size=(800, 600), towards="top")),
        ("resize 1200 x 630", steps.Resize((1200, 630))),
        ("scale to 50%", steps.Resize(percent=50)),
        ("resize 800px", steps.Resize((800, 0))),
        ("resize x600", steps.Resize((0, 600))),
        ("resize 800x600 within", steps.Resize((800, 600), fit="within")),
        ("pad 1:1 with white", steps.Pad(ratio=1, fill="white")),
        ("pad 1200x630 blur", steps.Pad(size=(1200, 630), fill="blur")),
        ("pad 10% transparent", steps.Pad(margin=Length(10, percent=True), fill="transparent")),
        ("pad 4:5 fec", steps.Pad(ratio=4 / 5, fill="#fec")),
        ("rotate left", steps.Rotate(270)),
        ("rotate -90°", steps.Rotate(270)),
        ("mirror", steps.Flip()),
        ("flip vertically", steps.Flip(vertical=True)),
        ("flatten", steps.Flatten("white")),
        ("grayscale", steps.Grey()),
        ("trim", steps.Trim()),
        ("remove background", steps.Cutout()),
        ("cutout 15%", steps.Cutout(15)),
        ("crop portrait", steps.Crop(ratio=3 / 4)),
        ("crop landscape", steps.Crop(ratio=4 / 3)),
        ("crop widescreen right", steps.Crop(ratio=16 / 9, towards="right")),
        ("crop 10%, 0, 50%, 100px", steps.Crop(box=(TENTH, NOTHING, HALF, Length(100, percent=False)))),
        ("crop 10% 0 50% 50%", steps.Crop(box=(TENTH, NOTHING, HALF, HALF))),
        ("pad portrait", steps.Pad(ratio=3 / 4)),
        ("rotate 360", steps.Rotate(0)),
        ("rotate 10 clockwise", steps.Rotate(10)),
        ("resize 1000%", steps.Resize(percent=1000)),
        ("resize 8192", steps.Resize((8192, 0))),
        ("resize 1x1", steps.Resize((1, 1))),
        ("pad 500%", steps.Pad(margin=Length(500, percent=True))),
        ("pad 8192", steps.Pad(margin=Length(8192, percent=False))),
        ("cutout 50", steps.Cutout(50)),
        ("crop 50:1", steps.Crop(ratio=50)),
        ("crop 1:50", steps.Crop(ratio=1 / 50)),
        (f"{'crop 16:9':>100}", steps.Crop(ratio=16 / 9)),
    ],
)
def test_a_step_is_read_in_the_words_that_people_use(text: str, step: Change) -> None:
    assert read_steps([text], 1).before == (step,)


@pytest.mark.parametrize(
    ("text", "convert"),
    [
        ("convert webp 80", steps.Convert("webp", quality=80)),
        ("convert to jpg quality 70", steps.Convert("jpeg", quality=70)),
        ("convert jpeg 200 kB", steps.Convert("jpeg", max_bytes=200_000)),
        ("compress under 1.5MB", steps.Convert(max_bytes=1_500_000)),
        ("compress to 200 KiB", steps.Convert(max_bytes=204_800)),
        ("convert .avif", steps.Convert("avif")),
        ("convert jpeg 100", steps.Convert("jpeg", quality=100)),
        ("convert webp 1", steps.Convert("webp", quality=1)),
        ("compress 5000b", steps.Convert(max_bytes=5000)),
        ("compress 5k", steps.Convert(max_bytes=5000)),
        ("compress 2m", steps.Convert(max_bytes=2_000_000)),
        ("compress 2MiB", steps.Convert(max_bytes=2_097_152)),
    ],
)
def test_a_format_a_quality_and_a_target_are_read(text: str, convert: steps.Convert) -> None:
    assert read_steps([text], 1).convert == convert


def test_steps_around_a_join_are_told_apart() -> None:
    plan = read_steps(["resize 400", "grid 3", "pad 10% white", "convert png"], 4)
    assert (plan.before, plan.join) == ((steps.Resize((400, 0)),), steps.Grid(3))
    assert plan.after == (steps.Pad(margin=Length(10, percent=True), fill="white"),)
    assert plan.convert.format == "png"
    assert read_steps(["grid 16 columns"], 2).join == steps.Grid(16)
    assert len(read_steps(["grey"] * 20, 1).before) == 20


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("animate gif 500ms", 500),
        ("animate webp 20fps", 50),
        ("animate 1.5 s", 1500),
        ("animate 10", 10),
        ("animate 60s", 60_000),
        ("animate", 500),
    ],
)
def test_the_time_of_a_frame_is_read(text: str, milliseconds: int) -> None:
    join = read_steps([text], 2).join
    assert isinstance(join, steps.Animate)
    assert join.milliseconds == milliseconds


@pytest.mark.parametrize(
    "text",
    """
    crop | crop 1,2,3 | crop -1,0,5,5 | crop 0,-1,5,5 | crop 0,0,0,5 | crop 0,0,5,0 | crop 16:9 up
    crop 16:9 top now | crop 51:1 | crop 1:51 | crop 0:1 | crop 1:0 | crop 8193x10 | crop 10x0 | crop round
    resize | resize 0% | resize 1001% | resize 50% cover | resize 9x9 blur | resize 800 cover | resize 8193
    resize x8193 | resize 0 | resize wide
    pad 0 | pad 501% | pad 8193 | pad 1:1 colourful | pad -5 | pad | rotate | rotate 361 | rotate 90 up
    rotate -361 | flip over | flatten blur | flatten white black | flatten transparent | flatten colourful
    cutout 0 | cutout 51 | cutout 10 20 | cutout all | convert | convert jpeg 0 | convert jpeg 101
    convert jpeg 80 90 | convert jpeg fine | compress 0kB | grid 0 | grid 17 | grid 3 rows | grid wide
    crop a,b,c,d | crop 0,0,0,10 | crop -1,0,5,5 | crop 0,0,5
    animate 9ms | animate 61s | animate 0fps | animate 0 | animate slowly | trim hard | grey a bit
    favicon large | convert ico 20kB | compress 999b | convert png 50 | convert gif 50
    """.replace("\n", "|")
    .strip(" |")
    .split("|"),
)
def test_what_is_no_form_of_a_step_is_refused_and_not_guessed(text: str) -> None:
    with pytest.raises(PlanError, match=r"Wrong step: .* write \""):
        read_steps([text.strip()], 2)


def test_a_step_too_long_to_be_one_is_not_cut_short() -> None:
    with pytest.raises(PlanError, match="longer than 100 characters"):
        read_steps([f"crop 16:9 {' ' * 91}top"], 1)


def test_all_wrong_steps_are_told_at_once_with_their_right_forms() -> None:
    with pytest.raises(PlanError) as caught:
        read_steps(["crop 16-9", "resize 50%", "blow up", "convert png 80"], 1)
    said = str(caught.value)
    assert "'crop 16-9': write \"crop 16:9\"" in said
    assert "'blow up': there is no such step" in said
    assert "'convert png 80': quality is 1 to 100, of jpeg, webp and avif; write" in said
    assert "resize 50%'" not in said
    assert "Steps: crop, trim, resize" in said


def test_a_wrong_format_is_told_by_the_right_ones_alone() -> None:
    with pytest.raises(PlanError) as caught:
        read_steps(["convert tiff"], 1)
    said = str(caught.value)
    assert said.startswith("Wrong step: 'convert tiff': write \"convert png\"")
    assert "png, jpeg, webp, avif, gif, ico" in said
    assert "quality" not in said
    assert "favicon" not in said, "other steps are of no help here"


@pytest.mark.parametrize(
    ("texts", "pictures", "said"),
    [
        ([], 1, "There are 0 steps"),
        (["grey"] * 21, 1, "There are 21 steps"),
        (["favicon", "grey"], 1, "come last"),
        (["favicon", "social"], 1, "come last"),
        (["grid", "before-after"], 2, "Two steps join pictures"),
        (["grid"], 1, "only one picture to join"),
        (["before-after"], 3, "takes 2 pictures"),
        (["convert png", "favicon"], 1, "decides its own format"),
        (["convert png", "animate"], 2, "decides its own format"),
        (["animate", "grey"], 2, "come last"),
        (["before-after"], 1, "takes 2 pictures"),
        (["animate"], 1, "only one picture to join"),
    ],
)
def test_steps_that_cannot_follow_each_other_are_refused(texts: list[str], pictures: int, said: str) -> None:
    with pytest.raises(PlanError, match=said):
        read_steps(texts, pictures)


@pytest.mark.parametrize(
    ("step", "size", "after"),
    [
        (steps.Crop(ratio=1), (300, 200), (200, 200)),
        (steps.Resize((150, 0)), (300, 200), (150, 100)),
        (steps.Resize((600, 600), fit="within"), (300, 200), (300, 200)),
        (steps.Pad(ratio=1), (300, 200), (300, 300)),
        (steps.Rotate(90), (300, 200), (200, 300)),
        (steps.Rotate(30), (80, 40), (90, 75)),
        (steps.Crop(ratio=2), (300, 200), (300, 150)),
        (steps.Crop(box=(NOTHING, NOTHING, HALF, Length(900, percent=False))), (300, 200), (150, 200)),
        (steps.Crop(ratio=2, size=(40, 20)), (300, 200), (40, 20)),
        (steps.Resize((0, 100)), (300, 200), (150, 100)),
        (steps.Resize((40, 40)), (300, 200), (40, 40)),
        (steps.Resize((60, 60), fit="within"), (300, 200), (60, 40)),
        (steps.Resize(percent=1), (20, 300), (1, 3)),
        (steps.Crop(ratio=50), (300, 1), (50, 1)),
        (steps.Crop(ratio=1 / 50), (1, 40), (1, 40)),
        (steps.Crop(ratio=50), (20, 30), (20, 1)),
        (steps.Pad(ratio=1), (200, 300), (300, 300)),
        (steps.Pad(ratio=2), (300, 100), (300, 150)),
        (steps.Pad(ratio=1 / 2), (100, 300), (150, 300)),
        (steps.Pad(size=(400, 500)), (300, 200), (400, 500)),
        (steps.Pad(margin=TENTH), (300, 200), (360, 260)),
        (steps.Grey(), (300, 200), (300, 200)),
    ],
)
def test_the_size_that_a_step_makes_is_foreseen(step: Change, size: steps.Size, after: steps.Size) -> None:
    assert steps.size_after(step, size) == after


def test_a_step_that_makes_too_large_a_picture_is_refused_and_a_large_one_may_shrink() -> None:
    with pytest.raises(PlanError, match="8000×8000 pixels"):
        steps.size_after(steps.Resize((8000, 8000)), (10, 10))
    with pytest.raises(PlanError, match="8193×10 pixels"):
        steps.size_after(steps.Pad(size=(8193, 10)), (10, 10))
    with pytest.raises(PlanError, match="9000×5000 pixels"):
        steps.size_after(steps.Resize((9000, 5000)), (9000, 10))
    assert steps.size_after(steps.Pad(size=(8192, 2929)), (10, 10)) == (8192, 2929)
    assert steps.size_after(steps.Pad(size=(6000, 4000)), (10, 10)) == (6000, 4000)
    assert steps.size_after(steps.Resize(percent=90), (8000, 8000)) == (7200, 7200)
    assert steps.size_after(steps.Rotate(90), (9000, 3000)) == (3000, 9000), "no larger than it was"
