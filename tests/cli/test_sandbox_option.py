"""Commands with `--sandbox`: no key, no network, no cost."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.by_hand import FAST, Run

if TYPE_CHECKING:
    from support.postgres import Cluster


def test_the_sandbox_of_a_command_names_no_link_that_ends_with_it(run: Run) -> None:
    told = run("generate", "A fox", "--sandbox", "--model", "black-forest-labs/FLUX-1-schnell")
    listed = run("show", "--sandbox", "--json")
    assert "127.0.0.1" not in told.out + listed.out
    assert listed.json["images"][0]["path"] in told.out


def test_the_sandbox_option_needs_neither_key_nor_network(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("IMAGEROUTER_API_KEY", "IMAGEROUTER_BASE_URL"):
        monkeypatch.delenv(name)
    ended = run("generate", "A fox", "--sandbox", *FAST)
    assert ended.status == 0
    assert "Made by the sandbox" in ended.out
    assert " was spent today in the sandbox, which costs nothing." in run("spending", "--sandbox").out
    assert run("images").out == "No picture has been made yet.\n", "its records stay apart"
    assert len(list((tmp_path / "pictures").iterdir())) == 1


def test_the_sandbox_option_leaves_the_database_of_a_team_alone(
    run: Run, monkeypatch: pytest.MonkeyPatch, postgres: "Cluster"
) -> None:
    monkeypatch.setenv("IMAGEROUTER_DATABASE_URL", postgres.new_database())
    assert run("generate", "A real fox", *FAST).status == 0
    spent, made = run("spending").out, run("images").out
    assert run("generate", "A fox", "--sandbox", "--model", "openai/gpt-image-1.5").status == 0
    assert (run("spending").out, run("images").out) == (spent, made)
    assert "A real fox" not in run("images", "--sandbox").out


def test_the_sandbox_option_lists_the_special_models_with_prices_and_never_chooses_one(run: Run) -> None:
    planned = run("generate", "A fox", "--sandbox", "--dry-run", "--model", "sandbox/charged-failure")
    kept = run("generate", "A fox", "--sandbox", "--model", "sandbox/kept-charge")
    cheapest = run("generate", "A fox", "--sandbox", "--dry-run", "--model", "cheapest")
    assert "It would cost $0.04." in planned.out
    assert "Up to $0.12 was kept." in kept.err
    assert "sandbox/kept-charge" in run("models", "kept-charge", "--sandbox").out
    assert "sandbox/" not in cheapest.out


@pytest.mark.parametrize(
    "typed", [("--sandbox", "spending"), ("--sandbox", "generate", "A fox", *FAST), ("--sandbox", "models")]
)
def test_the_sandbox_option_may_stand_before_the_command(
    run: Run, monkeypatch: pytest.MonkeyPatch, typed: tuple[str, ...]
) -> None:
    for name in ("IMAGEROUTER_API_KEY", "IMAGEROUTER_BASE_URL"):
        monkeypatch.delenv(name)
    ended = run(*typed)
    assert ended.status == 0, ended.err
    assert ended.out
