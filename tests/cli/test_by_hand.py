"""The tools by hand: what a person types, what is printed, and the exit status."""

import fcntl
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imagerouter_mcp.sandbox.service import offered
from imagerouter_mcp.tools import all_tools

COMMAND = [sys.executable, "-m", "imagerouter_mcp"]
FAST = ("--model", "test/test", "--size", "1024x1024")
posix = pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are a matter of POSIX")

Run = Callable[..., Any]


def test_generate_saves_a_picture_and_says_where(run: Run, tmp_path: Path) -> None:
    ended = run("generate", "A red fox", *FAST)
    (path,) = (tmp_path / "pictures").iterdir()
    assert ended.status == 0
    assert f"Saved: {path} (1024×1024 JPEG, " in ended.out
    assert "Made 1 picture with test/test for free" in ended.out
    assert ended.err == ""
    with Image.open(path) as picture:
        assert picture.size == (1024, 1024)


def test_json_is_what_a_tool_tells(run: Run, tmp_path: Path) -> None:
    ended = run("generate", "A red fox", "--json", *FAST)
    (image,) = ended.json["images"]
    assert ended.status == 0
    assert Path(image["path"]).parent == tmp_path / "pictures"
    assert image["handle"].startswith("img_")
    assert ended.json["model"] == "test/test"


def test_every_option_reaches_the_service(run: Run, journal: Callable[[], list[dict[str, Any]]]) -> None:
    ended = run(
        *("generate", "A fox", "--model", "black-forest-labs/FLUX-1-schnell", "--size", "256x128"),
        *("--quality", "low", "--output-format", "png", "--response-format", "b64_json"),
    )
    assert ended.status == 0, ended.err
    (sent,) = [entry for entry in journal() if entry["path"] == "/v1/openai/images/generations"]
    assert sent["fields"] == {
        "prompt": "A fox",
        "model": "black-forest-labs/FLUX-1-schnell",
        "size": "256x128",
        "quality": "low",
        "output_format": "png",
        "response_format": "b64_json",
    }


def test_a_size_that_no_model_makes_is_made_as_typed(run: Run, tmp_path: Path) -> None:
    wish = ("--model", "openai/gpt-image-1.5", "--size", "600x315", "--fit", "contain")
    ended = run("generate", "A fox", *wish, "-o", "card.png", "--sandbox", "--json")
    (image,) = ended.json["images"]
    with Image.open(tmp_path / "card.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (600, 315))
    assert image["original"]["path"] == str(tmp_path / "card-original.png")
    assert "url" not in image["original"], "it has ended with the sandbox"


def test_paths_may_be_relative_to_the_folder_that_the_person_is_in(
    run: Run, tmp_path: Path, journal: Callable[[], list[dict[str, Any]]]
) -> None:
    Image.new("RGB", (40, 30), "teal").save(tmp_path / "photo.png")
    Image.new("RGB", (50, 30), "teal").save(tmp_path / "other.png")
    mask = Image.new("L", (40, 30), 0)
    mask.paste(255, (0, 0, 20, 30))
    mask.save(tmp_path / "mask.png")
    ended = run(
        *("edit", "Invert", "photo.png", "./other.png", "--mask", "mask.png"),
        *("--output-dir", "./mine", "--filename", "result", "--model", "test/test"),
    )
    assert ended.status == 0, ended.err
    (sent,) = [entry for entry in journal() if entry["path"] == "/v1/openai/images/edits"]
    assert [file["field"] for file in sent["files"]] == ["image[]", "image[]", "mask[]"]
    with Image.open(tmp_path / "mine" / "result.png") as result:
        assert result.size == (40, 30)


def test_a_person_may_leave_all_outside_a_mask_to_the_model(run: Run, tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), "teal").save(tmp_path / "fox.png")
    masked = ("edit", "fox.png", "a red ball", "--mask", "box:0,0,50%,50%", "--model", "test/test")
    assert "Outside the mask" in run(*masked).out
    repainted = run(*masked, "--no-keep-outside")
    assert repainted.status == 0, repainted.err
    assert "Outside the mask" not in repainted.out


def test_picture_and_text_may_be_typed_in_either_order(run: Run, tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), "teal").save(tmp_path / "fox.png")
    by_file = run("edit", "fox.png", "make it day", "--model", "test/test", "--json")
    by_last = run("edit", "last", "make it night", "--model", "test/test", "--json")
    assert (by_file.json["prompt"], by_last.json["prompt"]) == ("make it day", "make it night")


def test_the_usual_letters_stand_for_where_which_and_how_many(run: Run, tmp_path: Path) -> None:
    ended = run("generate", "A fox", "-m", "test/test", "-n", "2", "-o", "new/hero.jpg", "--json")
    assert ended.status == 0, ended.err
    assert [Path(image["path"]) for image in ended.json["images"]] == [
        tmp_path / "new" / name for name in ("hero-1.jpg", "hero-2.jpg")
    ]
    into = run("generate", "A fox", "-m", "test/test", "-o", "new", "--json").json["images"][0]["path"]
    fresh = run("generate", "A fox", "-m", "test/test", "-o", "other/", "--json").json["images"][0]["path"]
    assert (Path(into), Path(fresh)) == (tmp_path / "new" / "A-fox.jpg", tmp_path / "other" / "A-fox.jpg")


def test_a_dash_reads_the_prompt_from_stdin(
    command: Callable[..., Any], with_sandbox: dict[str, str]
) -> None:
    ended = command("generate", "-", "--json", *FAST, environment=with_sandbox, given="A fox\nin the snow\n")
    assert json.loads(ended.stdout)["prompt"] == "A fox\nin the snow"


def test_one_model_is_described_and_a_mask_is_tried(run: Run, tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), "teal").save(tmp_path / "fox.png")
    assert run("describe", "test/test").out.startswith("test/test: ")
    for typed in (("box:0,0,50%,50%", "fox.png"), ("fox.png", "box:0,0,50%,50%")):
        assert run("mask", *typed).out.startswith("25 % of the 40×30 picture would change")


def test_the_preview_of_a_mask_is_saved_and_nothing_written_over(run: Run, tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), "teal").save(tmp_path / "fox.png")
    typed = ("mask", "box:0,0,50%,50%", "fox.png", "-o", str(tmp_path / "part.jpg"))
    assert "tinted" in run(*typed).out
    with Image.open(tmp_path / "part.jpg") as preview:
        tinted, dark = preview.getpixel((5, 5)), preview.getpixel((preview.width - 5, preview.height - 5))
    assert tinted != dark
    before = (tmp_path / "part.jpg").read_bytes()
    again = run(*typed)
    assert (again.status, (tmp_path / "part.jpg").read_bytes()) == (1, before)
    assert "cannot be saved in" in again.err


def test_the_words_of_a_prompt_need_no_quotes(run: Run) -> None:
    assert run("generate", "a", "red", "fox", "--json", *FAST).json["prompt"] == "a red fox"


def test_options_may_stand_between_the_words(run: Run) -> None:
    run("generate", "A fox", "-o", "fox.jpg", *FAST)
    made = run("edit", "make it day", *FAST, "fox.jpg", "fox.jpg", "--json").json
    assert (made["prompt"], len(made["sources"])) == ("make it day", 2)


def test_models_may_be_typed_with_commas(run: Run) -> None:
    ended = run("compare", "A fox", "test/test,sandbox/slow-0.2", "--size", "256x256", "--json")
    assert ended.json["model"] == "test/test, sandbox/slow-0.2"


def test_help_speaks_to_the_person(run: Run) -> None:
    told = " ".join(run("generate", "--help").out.split())
    assert "You agree to the price." in told
    assert "the person" not in told


def test_a_picture_may_be_shown_by_its_path_from_here(run: Run) -> None:
    made = run("generate", "A fox", "-o", "fox.jpg", "--json", *FAST).json
    assert run("show", "fox.jpg", "--json").json["images"][0]["handle"] == made["images"][0]["handle"]


def test_a_wrong_value_is_answered_without_the_names_that_only_agents_use(run: Run) -> None:
    told = run("generate", "A fox", "-n", "99").err
    assert told.endswith("Nothing was charged. Correct this and type it again.\n")


def test_the_last_of_several_are_named_in_the_order_of_their_numbers(run: Run) -> None:
    models = ("sandbox/slow-0.5", "test/test", "sandbox/slow-0.2")
    images = run("compare", "A fox", *models, "--size", "256x256", "--json").json["images"]
    assert f"in their order: {', '.join(image['handle'] for image in images)}." in run("show", "last").err


def test_a_picture_that_is_shown_again_is_not_said_to_be_made_now(run: Run) -> None:
    made = run("generate", "A fox", "--json", *FAST).json
    for again in (run("show"), run("get", made["generation"])):
        assert again.out.startswith("1 picture, made with test/test for free")


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


def test_the_sandbox_of_a_command_names_no_link_that_ends_with_it(run: Run) -> None:
    told = run("generate", "A fox", "--sandbox", "--model", "black-forest-labs/FLUX-1-schnell")
    listed = run("show", "--sandbox", "--json")
    assert "127.0.0.1" not in told.out + listed.out
    assert listed.json["images"][0]["path"] in told.out


@posix
@pytest.mark.parametrize(
    ("size", "variables_of_the_terminal"),
    [((0, 0), {}), ((24, 3), {"NO_COLOR": "1"}), ((24, 80), {"TERM": "dumb"})],
)
def test_no_terminal_makes_a_paid_call_fail(
    variables: Mapping[str, str],
    tmp_path: Path,
    size: tuple[int, int],
    variables_of_the_terminal: dict[str, str],
) -> None:
    screen, terminal = os.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    environment = {**process_environment(variables, tmp_path), "TERM": "xterm", **variables_of_the_terminal}
    with subprocess.Popen(  # noqa: S603 - our own command
        [*COMMAND, "generate", "A fox", *FAST],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=terminal,
    ) as process:
        os.close(terminal)
        shown = _rest(screen)
    os.close(screen)
    assert process.returncode == 0, shown
    assert b"Saved: " in shown
    assert b"Traceback" not in shown
    assert (b"\x1b" in shown) is (environment["TERM"] != "dumb")


@posix
@pytest.mark.parametrize("out", ["closed pipe", "full disk", "none"])
def test_an_output_that_takes_nothing_does_not_make_a_paid_call_fail(
    variables: Mapping[str, str], tmp_path: Path, out: str
) -> None:
    read, write = os.pipe()
    os.close(read)
    with Path("/dev/full").open("w") as full, os.fdopen(write, "w") as unread:
        ended = subprocess.run(  # noqa: S603 - our own command
            [
                "/bin/sh",
                "-c",
                f'"$@" {">&-" if out == "none" else ""}',
                "sh",
                *COMMAND,
                "generate",
                "A fox",
                *FAST,
            ],
            env=process_environment(variables, tmp_path),
            stdout=full if out == "full disk" else unread,
            stderr=subprocess.PIPE,
            check=False,
            timeout=120,
        )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == b""
    assert len(list((tmp_path / "pictures").iterdir())) == 1


def test_an_output_that_lacks_letters_replaces_them(variables: Mapping[str, str], tmp_path: Path) -> None:
    ended = subprocess.run(  # noqa: S603 - our own command
        [*COMMAND, "generate", "Füchse 🦊", *FAST],
        env={**process_environment(variables, tmp_path), "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    assert b"F?chse" in ended.stdout


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


def test_a_picture_may_be_edited_by_its_handle_in_another_run(run: Run) -> None:
    made = run("generate", "A fox", "--json", *FAST).json["images"][0]
    by_handle = run("edit", "Invert", made["handle"], "--model", "test/test", "--json")
    by_last = run("edit", "Again", "last", "--model", "test/test", "--json")
    listed = run("images", "--json").json["images"]
    assert (by_handle.status, by_last.status) == (0, 0)
    assert [image["prompt"] for image in listed] == ["Again", "Invert", "A fox"]


def test_finish_takes_pictures_and_steps_in_any_order_and_saves_where_asked(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.linear_gradient("L").save("a b.png")
    Image.linear_gradient("L").save("b.png")
    ended = run("finish", "a b.png", "crop 2:1", "resize 64", "-o", "out/small.webp")
    assert ended.status == 0, ended.err
    with Image.open("out/small.webp") as picture:
        assert (picture.format, picture.size) == ("WEBP", (64, 32))
    assert run("finish", "before-after", "a b.png", "b.png", "-o", "both.png").status == 0
    icons = run("finish", "b.png", "favicon", "-o", "icons/", "--json").json["images"]
    assert Path(icons[0]["path"]) == tmp_path / "icons" / "b-favicon" / "favicon.ico"
    assert "made elsewhere" not in run("finish", "last", "grey").out
    wrong = run("finish", "b.png", "crp 1:1")
    assert wrong.status == 1
    assert "'crp 1:1': there is no such step" in wrong.err


def test_images_lists_and_finds_what_was_made(run: Run) -> None:
    assert run("images").out == "No picture has been made yet.\n"
    run("generate", "A red fox", *FAST)
    run("generate", "A blue whale", *FAST)
    assert [line.count("test/test") for line in run("images").out.splitlines()] == [1, 1]
    assert "whale" in run("images", "whale").out
    assert "fox" not in run("images", "whale").out
    (shown, more) = run("images", "--limit", "1").out.splitlines()
    assert "whale" in shown
    assert more.startswith("And 1 older generation")


def test_show_shows_the_last_or_another(run: Run) -> None:
    first = run("generate", "First", "--json", *FAST).json["images"][0]
    second = run("generate", "Second", "--json", *FAST).json["images"][0]
    assert second["path"] in run("show").out
    assert first["path"] in run("show", first["handle"]).out
    assert run("show", "img_0000").status == 1


def test_models_are_searched_and_filtered(run: Run) -> None:
    found = run("models", "flux", "--supports", "mask", "--max-price", "0.005", "--json")
    assert {model["id"] for model in found.json["models"]} == {"black-forest-labs/FLUX-1-schnell"}
    assert run("models", "--free", "--limit", "2").out.startswith("The first 2 of ")
    assert len(run("models", "--limit", "1000").out.splitlines()) == len(offered.listed()) + 1


def test_popular_lists_the_ranking(run: Run) -> None:
    ended = run("popular", "--limit", "2")
    assert [line[:2] for line in ended.out.splitlines()[1:]] == ["1.", "2."]
    assert "openai/gpt-image-1.5" in ended.out


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
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
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


@pytest.mark.parametrize(
    ("command", "tool"),
    [
        ("generate", "generate_image"),
        ("edit", "edit_image"),
        ("images", "list_images"),
        ("show", "show_image"),
        ("models", "search_models"),
        ("popular", "popular_models"),
    ],
)
def test_help_names_every_parameter_of_the_tool(run: Run, command: str, tool: str) -> None:
    ended = run(command, "--help")
    (schema,) = [each.parameters["properties"] for each in all_tools() if each.name == tool]
    assert ended.status == 0
    assert "--json" in ended.out
    for name in schema.keys() - {"preview"}:
        assert f"--{name.replace('_', '-')} " in ended.out or f"  {name}  " in ended.out, name


def test_media_lines_end_the_answer_when_the_person_wants_them(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGEROUTER_MEDIA_LINES", "1")
    ended = run("generate", "A fox", *FAST)
    told = run("show", "--json").json
    assert ended.out.splitlines()[-1] == f"MEDIA:{told['images'][0]['path']}"


def test_without_that_wish_there_are_none(run: Run) -> None:
    assert "MEDIA:" not in run("generate", "A fox", *FAST).out


@pytest.mark.skipif(os.name != "posix", reason="the browser is a shell script here")
def test_open_opens_the_picture_in_a_browser_that_gets_no_secrets(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    browser, told = tmp_path / "browser", tmp_path / "told"
    browser.write_text(f'#!/bin/sh\necho "$1" >> "{told}"\nenv >> "{told}"\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    image = run("generate", "A fox", "--open", "--json", *FAST).json["images"][0]
    run("generate", "A fox", "--open", "--model", "nobody/nothing")
    lines = told.read_text().splitlines()
    assert [line for line in lines if line.startswith("file:")] == [Path(image["path"]).as_uri()]
    assert not [line for line in lines if "SECRET" in line or line.startswith("IMAGEROUTER_")]


def test_the_sandbox_option_needs_neither_key_nor_network(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("IMAGEROUTER_API_KEY", "IMAGEROUTER_BASE_URL"):
        monkeypatch.delenv(name)
    ended = run("generate", "A fox", "--sandbox", *FAST)
    assert ended.status == 0
    assert "Sandbox picture" in ended.out
    assert run("images").out == "No picture has been made yet.\n", "its records stay apart"
    assert len(list((tmp_path / "pictures").iterdir())) == 1


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


@posix
def test_the_lines_that_the_sandbox_prints_can_be_pasted_and_keep_its_records_apart(
    at_home: dict[str, str],
) -> None:
    with subprocess.Popen(  # noqa: S603 - our own command
        [*COMMAND, "sandbox", "--port", "0"], env=at_home, stdout=subprocess.PIPE, text=True
    ) as sandbox:
        try:
            assert sandbox.stdout
            told = [sandbox.stdout.readline() for _ in range(5)]
            pasted = "".join(line for line in told if "=" in line)
            ended = subprocess.run(  # noqa: S603 - our own command, after the pasted lines
                ["/bin/sh", "-ec", f'{pasted}\n"$@" generate "A fox" --model test/test', "sh", *COMMAND],
                env=at_home,
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
        finally:
            sandbox.terminate()
    assert ended.returncode == 0, ended.stderr
    records = Path(at_home["HOME"], ".local", "share", "imagerouter-mcp")
    assert [path.name for path in records.iterdir()] == ["sandbox"]


def process_environment(variables: Mapping[str, str], home: Path) -> dict[str, str]:
    passed = {
        name: value for name, value in os.environ.items() if name == "PATH" or name.startswith("COVERAGE_")
    }
    return {**passed, **variables, "HOME": str(home), "PYTHONUNBUFFERED": "1"}


def test_a_real_process_prints_json_alone_and_unicode_as_it_is(
    variables: Mapping[str, str], tmp_path: Path
) -> None:
    ended = subprocess.run(  # noqa: S603 - our own command
        [*COMMAND, "generate", "Ein Fuchs 🦊", "--json", *FAST],
        env=process_environment(variables, tmp_path),
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0
    assert json.loads(ended.stdout)["prompt"] == "Ein Fuchs 🦊"
    assert "🦊" in ended.stdout.decode()
    assert ended.stderr == b""


@posix
def test_a_terminal_shows_progress_and_an_interrupt_ends_with_130(
    variables: Mapping[str, str], tmp_path: Path
) -> None:
    screen, terminal = os.openpty()
    with subprocess.Popen(  # noqa: S603 - our own command
        [*COMMAND, "generate", "A fox", "--model", "sandbox/slow-3"],
        env=process_environment(variables, tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=terminal,
    ) as process:
        os.close(terminal)
        try:
            shown = b""
            while b"is working" not in shown:
                shown += os.read(screen, 4096)
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=120)
            shown += _rest(screen)
        finally:
            process.kill()
            os.close(screen)
    assert process.returncode == 130
    sentence = (
        rb"\x1b\[KThe request has left and cannot be stopped: its result will be paid for and stored as gen_"
    )
    assert re.search(sentence, shown)
    assert b"WARNING" not in shown
    assert list((tmp_path / "pictures").iterdir()), "it ended when the picture was there"
    assert b"Traceback" not in shown
    assert out == b""


def _rest(screen: int) -> bytes:
    """What a terminal still shows after its process has ended."""
    shown = b""
    try:
        while piece := os.read(screen, 4096):
            shown += piece
    except OSError:  # how Linux says that nobody holds the other end
        return shown
    return shown
