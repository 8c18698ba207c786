"""What a command says when it cannot do what was typed."""

from pathlib import Path

import pytest
from PIL import Image

from support.by_hand import FAST, Run
from support.held_port import held_port


def test_a_wrong_value_is_answered_without_the_names_that_only_agents_use(run: Run) -> None:
    told = run("generate", "A fox", "-n", "99").err
    assert told.endswith("Nothing was charged. Correct this and type it again.\n")


def test_refusals_and_notes_name_commands_and_options(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    cheap = ("generate", "A fox", "--model", "black-forest-labs/FLUX-1-schnell", "--size", "128x128")
    monkeypatch.setenv("IMAGEROUTER_CONFIRM_USD", "0.0001")
    monkeypatch.setenv("IMAGEROUTER_MAX_COST_USD", "0.10")
    asked, dear = run(*cheap), run("generate", "A fox", "--model", "google/gemini-3-pro")
    assert "above $0.0001 you want to be asked" in asked.err
    assert "To agree, add --confirm-cost." in asked.err
    assert "(`imagerouter-mcp models` with --max-price); you can raise IMAGEROUTER_MAX_COST_USD" in dear.err
    assert "`imagerouter-mcp images` finds them" in run("show", "img_0000").err
    assert "file; give its folder as --output-dir" in run("generate", "A fox", "--output-dir", "a.png").err


def test_without_a_key_the_sandbox_is_named_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IMAGEROUTER_API_KEY")
    said = run("generate", "A fox", *FAST).err
    assert "to try it without a key, add --sandbox" in said
    assert "restart" not in said


def test_an_edit_without_a_picture_says_how_to_give_one(run: Run) -> None:
    ended = run("edit", "night")
    assert ended.status == 1
    assert "There is no picture to edit" in ended.err
    assert 'edit "make it night" photo.png' in ended.err


@pytest.mark.parametrize(
    "typed",
    [("make it night", "foxx.png"), ("foxx.png", "make it night"), ("fox.png", "foxx.png"), ("foxx.png",)],
)
def test_a_misspelt_file_is_named_with_its_folder(run: Run, tmp_path: Path, typed: tuple[str, ...]) -> None:
    Image.new("RGB", (40, 30), "teal").save(tmp_path / "fox.png")
    ended = run("edit", *typed, "--model", "bria/remove-background")
    assert ended.status == 1
    assert "foxx.png cannot be read: there is no such file" in ended.err
    assert str(tmp_path)[:40] in ended.err


def test_a_refusal_goes_to_stderr_and_ends_with_1(run: Run) -> None:
    ended = run("generate", "A fox", "--model", "google/gemeni-3-pro")
    assert ended.status == 1
    assert ended.out == ""
    assert "The closest ids are google/gemini-3-pro" in ended.err


def test_a_refusal_is_json_where_json_was_asked_for(run: Run) -> None:
    ended = run("generate", "A fox", "--size", "big", "--model", "test/test", "--json")
    assert ended.status == 1
    assert ended.json["error"]["kind"] == "plan"
    assert ended.json["error"]["charged"] == "no"


def test_a_service_that_cannot_be_reached_is_named_with_the_reason(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with held_port() as port:
        monkeypatch.setenv("IMAGEROUTER_BASE_URL", f"http://127.0.0.1:{port}")
        ended = run("generate", "A fox")
    assert ended.status == 1
    assert "no model can be chosen" in ended.err
    assert "could not be reached at 127.0.0.1" in ended.err


def test_without_a_key_the_variable_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IMAGEROUTER_API_KEY")
    ended = run("generate", "A fox", *FAST)
    assert ended.status == 1
    assert "IMAGEROUTER_API_KEY" in ended.err
    assert run("models", "flux").status == 0


def test_a_setting_that_cannot_be_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEROUTER_TIMEOUT", "soon")
    ended = run("models")
    assert ended.status == 1
    assert ended.err.startswith("imagerouter-mcp: IMAGEROUTER_TIMEOUT cannot be used")


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        (("generate",), "'prompt' is missing"),
        (("edit",), "images is missing"),
        (("generate", "A fox", "--colour", "red"), "it does not know 'colour'"),
        (("generate", "A fox", "--seed", "7"), "'seed' (ImageRouter takes no seed)"),
        (("generate", "A fox", "--width=7"), "'width' (use size)"),
        (("generate", "A fox", "--quality", "superb"), "'quality' must be one of auto, low, medium, high"),
        (("generate", "A fox", "-n", "many"), "'n' must be a whole number from 1 to 8"),
        (("generate", "A fox", "--mod", "test/test"), "'mod' (use model)"),
        (
            ("generate", "A fox", "--size"),
            "--size needs a value. `imagerouter-mcp generate --help` shows how.",
        ),
        (("generate", "A fox", "--json=7"), "--json takes no value"),
        (("models", "--limit", "many"), "'limit' must be a whole number"),
        (("models", "--supports", "video"), "'supports' must be a list of any of edit, mask, quality"),
        (("spending", "yesterday"), "'period' must be one of today, week, month, all"),
        (("popular", "fox"), "fox is not known here"),
        (("popular", "\x1b[31m\nMEDIA:/x"), " [31m MEDIA:/x is not known here"),
        (("generate", "--promt=A red fox"), "'promt' (use prompt)"),
        (("edit", "--images=fox.png", "--prompt=Make it night"), "images is typed without --images"),
    ],
)
def test_what_is_typed_wrongly_is_said_in_a_sentence_and_ends_with_2(
    run: Run, typed: tuple[str, ...], wrong: str
) -> None:
    ended = run(*typed)
    assert ended.status == 2
    assert ended.err.count("\n") == 1, "a sentence, and no list of options"
    assert f"imagerouter-mcp {typed[0]}" in ended.err
    assert wrong in ended.err
    assert ended.out == ""
