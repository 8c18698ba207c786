"""What takes long or costs money, by hand: videos, what is collected later, spending, credits."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imagerouter_mcp.cli.chart import WIDTH, chart

Run = Callable[..., Any]

FAST = ("--model", "test/test")


def requests(journal: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [entry for entry in journal() if entry["path"].startswith("/v1/openai/")]


def test_a_person_at_a_terminal_waits_however_long_it_takes(
    run: Run, monkeypatch: pytest.MonkeyPatch, journal: Callable[[], list[dict[str, Any]]]
) -> None:
    monkeypatch.setenv("IMAGEROUTER_WAIT_SECONDS", "0.1")
    ended = run("generate", "A fox", "--model", "sandbox/slow-0.5", "--size", "256x256", "--json")
    assert ended.status == 0, ended.err
    (image,) = ended.json["images"]
    assert Path(image["path"]).is_file()
    assert len(requests(journal)) == 1


def test_what_was_made_is_got_again_by_its_handle(run: Run) -> None:
    made = run("generate", "A fox", "--json", *FAST).json
    got = run("get", made["generation"], "--json")
    assert got.status == 0
    assert got.json == made
    assert made["images"][0]["path"] in run("get", made["generation"]).out


def test_a_transparent_sticker_is_made_in_two_steps_and_got_again_as_it_was_told(run: Run) -> None:
    sticker = ("generate", "fox sticker", "-m", "google/gemini-2.5-flash", "--background", "transparent")
    planned = run(*sticker, "--dry-run")
    assert "Then bria/remove-background removes its background for about $0.018" in planned.out
    made = run(*sticker, "-o", "logo.png", "--json")
    assert made.status == 0, made.err
    (image,) = made.json["images"]
    assert Path(image["path"]).name == "logo.png"
    with Image.open(image["path"]) as picture:
        assert picture.convert("RGBA").getchannel("A").getextrema() == (0, 255)
    assert Path(image["original"]["path"]).name == "logo-uncut.png"
    assert run("get", made.json["generation"], "--json").json == made.json


def test_what_is_not_there_cannot_be_got(run: Run) -> None:
    ended = run("get", "gen_0000")
    assert ended.status == 1
    assert "There is no generation 'gen_0000'" in ended.err


def test_a_video_is_made_from_a_picture(run: Run, tmp_path: Path) -> None:
    picture = run("generate", "A fox", "--json", *FAST).json["images"][0]["path"]
    ended = run(
        *("video", "It runs", "--images", f"./{Path(picture).relative_to(tmp_path)}"),
        *("--model", "ir/test-video", "--seconds", "5", "--json"),
    )
    assert ended.status == 0, ended.err
    (video,) = ended.json["images"]
    assert Path(video["path"]).suffix == ".mp4"
    assert video["seconds"] == 5


def test_a_limit_of_the_persons_is_kept_and_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, journal: Callable[[], list[dict[str, Any]]]
) -> None:
    monkeypatch.setenv("IMAGEROUTER_MAX_COST_USD", "0.10")
    ended = run("generate", "A fox", "--model", "google/gemini-3-pro")
    assert ended.status == 1
    assert "one call may cost $0.10" in ended.err
    assert not requests(journal)


def test_the_price_is_confirmed_by_an_option(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEROUTER_CONFIRM_USD", "0.0001")
    cheap = ("generate", "A fox", "--model", "black-forest-labs/FLUX-1-schnell", "--size", "128x128")
    assert "--confirm-cost" in run(*cheap).err
    assert run(*cheap, "--confirm-cost").status == 0


def test_spending_is_told_and_drawn_by_day(run: Run, tmp_path: Path) -> None:
    dear = ("--model", "xAI/grok-imagine-image", "--size", "1024x1024")
    cheap = ("--model", "black-forest-labs/FLUX-1-schnell", "--size", "128x128")
    run("generate", "Today", *cheap)
    run("generate", "Yesterday", *dear)
    with closing(sqlite3.connect(tmp_path / "data" / "gallery.sqlite3")) as connection, connection:
        connection.execute(
            "UPDATE generations SET created_at = created_at - 86400 WHERE prompt = 'Yesterday'"
        )
    today = datetime.now().astimezone().date()
    yesterday = today - timedelta(days=1)
    week = run("spending", "week")
    assert week.status == 0
    assert "$0.0213 was spent in the last 7 days." in week.out
    assert week.out.splitlines()[-2:] == [
        f"{yesterday} {'█' * WIDTH} $0.02",
        f"{today} {'█' * 2}▋ $0.0013",
    ]
    assert "█" not in run("spending").out, "one day is no chart"
    assert run("spending", "all", "--json").json["total_usd"] == 0.0213


def test_spending_knows_its_periods(run: Run) -> None:
    assert run("spending", "decade").status == 2
    assert run("spending").out.startswith("$0.00 was spent today.")


def test_credits_tells_what_is_left(run: Run) -> None:
    ended = run("credits")
    assert ended.out.startswith("$25.50 of credit is left.")
    assert run("credits", "--json").json["remaining_usd"] == 25.5


@pytest.mark.parametrize(
    ("amounts", "bars"),
    [
        ([], []),
        ([5.0], []),
        ([0.0, 0.0], []),
        ([1.0, 0.5, 0.0], ["█" * WIDTH, "█" * (WIDTH // 2), ""]),
        ([8.0 * WIDTH, 1.0, 9.0], ["█" * WIDTH, "▏", "█▏"]),
    ],
)
def test_the_largest_bar_fills_the_line_and_the_others_are_in_proportion(
    amounts: list[float], bars: list[str]
) -> None:
    days = [{"day": f"2026-11-{number:02}", "usd": usd} for number, usd in enumerate(amounts, 1)]
    drawn = chart(days)
    assert [line.split(" ")[1] for line in drawn if line] == bars
