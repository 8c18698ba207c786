"""How pictures, sums and unfinished generations read: what a person or a model is told, line by line."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from mcp.types import CallToolResult, TextContent
from PIL import Image

from imagerouter_mcp.api.model_list import ModelEntry, Price
from imagerouter_mcp.errors import PlanError, ServiceError
from imagerouter_mcp.gallery.entries import Entry, GalleryImage, Record, State
from imagerouter_mcp.generation.calls.outcome import Failure, Finished, Result
from imagerouter_mcp.generation.planning.prices import Estimate
from imagerouter_mcp.tools import inline_preview
from imagerouter_mcp.tools.generation_result import Answer, done_result
from imagerouter_mcp.tools.inline_preview import draw_preview
from imagerouter_mcp.tools.listed_models import model_line
from imagerouter_mcp.tools.pictures import description, is_video, summary
from imagerouter_mcp.tools.structured import as_json, short_prompt
from imagerouter_mcp.tools.unfinished import unfinished, unfinished_lines

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def image(handle: str = "img_7f3a", **fields: Any) -> GalleryImage:  # noqa: ANN401 - of several types
    usual: dict[str, Any] = {
        "path": Path(f"/pictures/{handle}.webp"),
        "media_type": "image/webp",
        "bytes": 1000,
    }
    return GalleryImage(handle=handle, **{**usual, **fields})


def record(*images: GalleryImage, cost: str | None = "0.04", **fields: Any) -> Record:  # noqa: ANN401 - as above
    usual: dict[str, Any] = {"prompt": "a fox", "model": "x/y", "latency_ms": 6942}
    usd = None if cost is None else Decimal(cost)
    return Record(generation="gen_bb27", created_at=NOW, images=images, cost_usd=usd, **{**usual, **fields})


def price(high: str) -> Estimate:
    return Estimate(Decimal("0.01"), Decimal("0.02"), Decimal(high))


def made(told: Record, estimate: Estimate | None = None, why: str = "") -> Result:
    return Result(told, notes=(), estimate=estimate, why=why)


async def told_of(*results: Result, failures: tuple[Failure, ...] = ()) -> CallToolResult:
    numbered = tuple(replace(each, number=number) for number, each in enumerate(results, start=1))
    return await done_result(Finished("gen_bb27", numbered, failures, ()), Answer(preview="none"))


async def lines(*results: Result, failures: tuple[Failure, ...] = ()) -> list[str]:
    return text(await told_of(*results, failures=failures)).split("\n")


def text(answer: CallToolResult) -> str:
    (block, *_) = answer.content
    assert isinstance(block, TextContent)
    return block.text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"width": 1024, "height": 768, "bytes": 183_400}, "1024×768 WebP, 183 kB"),
        ({"media_type": "image/svg+xml", "bytes": 10}, "SVG, 1 kB"),
        ({"width": 64, "bytes": 999_999}, "WebP, 1000 kB"),
        ({"bytes": 1_000_000}, "WebP, 1.0 MB"),
        ({"media_type": "video/mp4", "seconds": 5.04, "bytes": 2_500_000}, "MP4, 5.0 s, 2.5 MB"),
    ],
)
def test_a_file_is_described_in_a_few_words(fields: dict[str, Any], words: str) -> None:
    assert description(image(**fields)) == words


def test_only_videos_are_videos() -> None:
    assert is_video(image(media_type="video/mp4"))
    assert not is_video(image())
    assert not is_video(image(media_type=None))


@pytest.mark.parametrize(
    ("cost", "latency_ms", "words"),
    [
        ("0.04", 6942, "x/y · $0.04 · 6.9 s"),
        ("0", 0, "x/y · free · 0.0 s"),
        (None, None, "x/y · cost unknown"),
    ],
)
def test_a_generation_is_summed_up(cost: str | None, latency_ms: int | None, words: str) -> None:
    assert summary(made(record(image(), cost=cost, latency_ms=latency_ms))) == words


async def test_one_picture_is_told_with_its_handle_and_why_its_model_was_chosen() -> None:
    told = record(image(url="https://x/y.webp"), revised_prompt="a red fox")
    assert await lines(made(told, why="it is cheap")) == [
        "Made 1 picture with x/y for $0.04 in 6.9 s. x/y was chosen because it is cheap.",
        "Saved: /pictures/img_7f3a.webp (WebP, 1 kB)",
        "Link: https://x/y.webp (anyone who has it can open it)",
        'Handle: img_7f3a (or "last") names it as a source image.',
        "The model read the prompt as: a red fox",
    ]


async def test_several_pictures_are_numbered_with_the_slowest_time_and_the_sum() -> None:
    told = await lines(
        made(record(image("img_1"), image("img_2"))),
        made(record(image("img_3"), model="z/w", latency_ms=9000)),
    )
    assert told[0] == "Made 3 pictures with 2 models for $0.08 in 9.0 s."
    assert [line for line in told if " · " in line] == [
        "1 · img_1 · x/y · $0.04 · 6.9 s",
        "2 · img_2 · x/y · $0.04 · 6.9 s",
        "3 · img_3 · z/w · $0.04 · 9.0 s",
    ]
    assert told[-1] == "Each handle names its picture as a source image."


async def test_two_pictures_of_one_call_are_numbered_and_one_is_not() -> None:
    two, one = [
        await told_of(made(record(*map(image, handles)))) for handles in (("img_1", "img_2"), ("img_1",))
    ]
    assert "2 · img_2 · x/y" in text(two)
    assert two.structured_content
    assert [each["number"] for each in two.structured_content["images"]] == [1, 2]
    assert one.structured_content
    assert not {"number", "model", "cost_usd"} & set(one.structured_content["images"][0])


async def test_a_video_is_told_as_one() -> None:
    told = await lines(made(record(image(media_type="video/mp4"))))
    assert told[0].startswith("Made 1 video with x/y")
    assert told[-1] == "Handle: img_7f3a finds it again with show_image."


@pytest.mark.parametrize(
    ("cost", "charged", "begin"),
    [
        ("0.04", None, "Made 1 of 2 pictures with x/y for $0.04 in"),
        ("0.04", "unknown", "Made 1 of 2 pictures with x/y for at least $0.04 in"),
        ("0.04", "0.03", "Made 1 of 2 pictures with x/y for $0.07 in"),
        (None, "0.03", "Made 1 of 2 pictures with x/y for at least $0.03 in"),
        ("0", None, "Made 1 of 2 pictures with x/y for free in"),
        (None, None, "Made 1 of 2 pictures with x/y in"),
    ],
)
async def test_the_sum_says_what_is_known_of_it(cost: str | None, charged: str | None, begin: str) -> None:
    error = ServiceError("It failed.", "Try again.", status=200)
    if charged == "unknown":
        error.charged = "unknown"
    elif charged:
        error.charged, error.cost_usd = "yes", Decimal(charged)
    answer = await told_of(made(record(image(), cost=cost)), failures=(Failure("z/w", error),))
    told = text(answer).split("\n")
    assert told[0].startswith(begin)
    assert told[-1].startswith("Failed: z/w: It failed.")
    assert answer.structured_content
    partly = any("the least that it cost" in note for note in answer.structured_content["notes"])
    assert partly == ("at least" in begin)


async def test_each_picture_is_told_with_the_prompt_that_its_model_made_of_it() -> None:
    answer = await told_of(
        made(record(image("img_1"), revised_prompt="a red fox")),
        made(record(image("img_2"), revised_prompt="a grey fox")),
    )
    assert answer.structured_content
    assert [each["revised_prompt"] for each in answer.structured_content["images"]] == [
        "a red fox",
        "a grey fox",
    ]
    assert text(answer).count("The model read the prompt as:") == 2


@pytest.mark.parametrize(
    ("cost", "estimate", "note"),
    [
        ("0.04", price("0.04"), None),
        ("0.05", price("0.04"), "Note: x/y cost $0.05, but the model list says at most $0.04."),
        ("0.05", None, None),
        (
            None,
            Estimate(*[Decimal("0.04")] * 3),
            "Note: ImageRouter did not say what x/y cost; by the model list it costs $0.04.",
        ),
    ],
)
async def test_a_cost_that_was_not_expected_is_noted(
    cost: str | None, estimate: Estimate | None, note: str | None
) -> None:
    told = await lines(made(record(image(), cost=cost), estimate))
    assert [line for line in told if line.startswith("Note")] == ([note] if note else [])


def entry(number: int, state: State, **error: Any) -> Entry:  # noqa: ANN401 - as above
    return Entry(
        handle=f"gen_{number}",
        call=f"gen_{number}",
        owner="1",
        state=state,
        delivered=False,
        created_at=NOW,
        prompt="a fox " * 100,
        model="x/y",
        reserved_usd=Decimal("0.04"),
        plan=None,
        notes=(),
        error={"kind": "service", "what": "It failed. " + "why " * 60, "remedy": "Ask.", **error}
        if error
        else None,
    )


def test_what_is_unfinished_is_told_with_what_to_do() -> None:
    (line,) = unfinished_lines([entry(1, "working")])
    assert line.startswith("Under way: gen_1 · 2026-11-2")
    assert " · x/y · up to $0.04 · " in line
    assert line.endswith("collect it with get_generation gen_1")
    assert len(unfinished(entry(1, "working"))["prompt"]) == 200


def test_a_failure_without_cost_is_told_in_short_and_one_that_cost_in_full() -> None:
    free, paid = (unfinished_lines([entry(1, "failed", charged=charged)])[0] for charged in ("no", "yes"))
    assert free.endswith("…")
    assert len(free.rpartition(" · ")[2]) <= 100
    assert "why why" in paid
    assert paid.endswith("Ask.")
    assert "up to" not in free


def test_only_the_newest_failures_are_told() -> None:
    told = unfinished_lines(
        [*(entry(number, "failed", charged="no") for number in range(5)), entry(9, "unknown")]
    )
    assert [line.partition(" · ")[0] for line in told] == [
        "Outcome unknown: gen_9",
        "Failed: gen_0",
        "Failed: gen_1",
        "Failed: gen_2",
        "and 2 more that failed",
    ]


async def test_pictures_without_files_have_no_preview() -> None:
    assert await draw_preview([(None, "fox"), (None, "fox")], "auto") == (None, "")
    assert await draw_preview([(None, "fox")], "large") == (None, "")


async def test_previews_whose_turn_does_not_come_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inline_preview, "_SECONDS", 0)
    Image.new("RGB", (8, 8)).save(tmp_path / "fox.png")
    for count, which in ((1, "The preview"), (2, "2 previews")):
        _, told = await draw_preview([(tmp_path / "fox.png", "fox")] * count, "auto")
        assert told.startswith(f"{which} could not be made: its turn did not come within 0 s.")


def test_structured_content_leaves_out_what_is_unknown_and_rounds_amounts() -> None:
    content = {"a": None, "b": [{"c": Decimal("0.07560000000000001"), "d": None}], "e": 0}
    assert as_json(content) == {"b": [{"c": 0.0756}], "e": 0}


def test_a_prompt_in_a_list_is_its_beginning_on_one_line() -> None:
    assert short_prompt("a\nfox ") == "a fox"
    assert short_prompt("fox " * 100) == "fox " * 14 + "fox…"


async def test_a_note_about_some_of_several_pictures_names_their_numbers() -> None:
    each = [replace(made(record(image(f"img_{number}"))), notes=("All.",)) for number in range(3)]
    told = await lines(
        each[0], replace(each[1], notes=("All.", "Some.")), replace(each[2], notes=("Some.", "All."))
    )
    notes = [line for line in told if line.startswith("Note: ")]
    assert notes == ["Note: All.", "Note: Picture 2, 3: Some."]


async def test_a_picture_in_two_steps_is_told_with_both_models_their_sum_and_the_original() -> None:
    original = image("img_0001", path=Path("/pictures/fox-uncut.png"), media_type="image/png")
    first = record(original, model="x/y", revised_prompt="a red fox")
    cut = record(image("img_0002", original=original), model="b/cut", cost="0.0006", latency_ms=58)
    told = await lines(Result(cut, why="it is cheap", first_step=first))
    assert (
        told[0]
        == "Made 1 picture with x/y and b/cut for $0.0406 in 7.0 s. x/y was chosen because it is cheap."
    )
    assert "Model's own: img_0001 · fox-uncut.png (PNG, 1 kB)" in told
    assert "The model read the prompt as: a red fox" in told


async def test_a_failed_second_step_leaves_one_picture_made() -> None:
    failure = Failure("b/cut", PlanError("It broke.", "Try again."), second_step=True)
    told = await lines(made(record(image())), failures=(failure,))
    assert told[0].startswith("Made 1 picture with x/y")
    assert "Failed: b/cut: It broke. Nothing was charged. Try again." in told


@pytest.mark.parametrize(
    ("price", "told"),
    [
        (None, "price unknown, picture"),
        (Price(0.04, 0.04, 0.04), "$0.04 a picture"),
        (Price(0.01, 0.04, 0.2), "$0.04 ($0.01 to $0.20) a picture"),
        (Price(0, 0, 0), "free picture"),
    ],
)
def test_a_listed_model_says_what_it_costs(price: Price | None, told: str) -> None:
    assert told in model_line(ModelEntry("a/b", price=price))
