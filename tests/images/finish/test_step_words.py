"""How the steps of `finish_image` are read, as people and models write them."""

import pytest

from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.images.finish import steps
from imagerouter_mcp.images.finish.step_words import read_steps
from imagerouter_mcp.images.finish.steps import Change


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
        ("pad 10% transparent", steps.Pad(margin=steps.Length(10, percent=True), fill="transparent")),
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
    ],
)
def test_a_format_a_quality_and_a_target_are_read(text: str, convert: steps.Convert) -> None:
    assert read_steps([text], 1).convert == convert


def test_steps_around_a_join_are_told_apart() -> None:
    plan = read_steps(["resize 400", "grid 3", "pad 10% white", "convert png"], 4)
    assert (plan.before, plan.join) == ((steps.Resize((400, 0)),), steps.Grid(3))
    assert plan.after == (steps.Pad(margin=steps.Length(10, percent=True), fill="white"),)
    assert plan.convert.format == "png"


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("animate gif 500ms", 500), ("animate webp 20fps", 50), ("animate 1.5 s", 1500)],
)
def test_the_time_of_a_frame_is_read(text: str, milliseconds: int) -> None:
    join = read_steps([text], 2).join
    assert isinstance(join, steps.Animate)
    assert join.milliseconds == milliseconds


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
    ],
)
def test_the_size_that_a_step_makes_is_foreseen(step: Change, size: steps.Size, after: steps.Size) -> None:
    assert steps.size_after(step, size) == after


def test_a_step_that_makes_too_large_a_picture_is_refused_and_a_large_one_may_shrink() -> None:
    with pytest.raises(PlanError, match="8000×8000 pixels"):
        steps.size_after(steps.Resize((8000, 8000)), (10, 10))
    assert steps.size_after(steps.Resize(percent=90), (8000, 8000)) == (7200, 7200)
