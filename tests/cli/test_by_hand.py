"""Commands that a person types: they call a tool and say what came of it."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imagerouter_mcp.sandbox.service import offered
from imagerouter_mcp.tools import all_tools
from support.by_hand import FAST, Run


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


def test_a_prompt_on_stdin_that_is_not_utf_8_is_refused(
    command: Callable[..., Any], with_sandbox: dict[str, str]
) -> None:
    ended = command("generate", "-", *FAST, environment=with_sandbox, given="A f\udcf6x")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "cannot be sent. Nothing was charged. Write it again, in UTF-8." in ended.stderr


def test_one_model_is_described_and_a_mask_is_tried(run: Run, tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), "teal").save(tmp_path / "fox.png")
    assert run("describe", "test/test").out.startswith("test/test: ")
    for typed in (("box:0,0,50%,50%", "fox.png"), ("fox.png", "box:0,0,50%,50%")):
        told = run("mask", *typed).out
        assert told.startswith(
            "25 % of the 40×30 picture would change: the part that is tinted in the preview"
        )
        assert "-o FILE saves it" in told


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


def test_the_last_of_several_are_named_in_the_order_of_their_numbers(run: Run) -> None:
    models = ("sandbox/slow-0.5", "test/test", "sandbox/slow-0.2")
    images = run("compare", "A fox", *models, "--size", "256x256", "--json").json["images"]
    assert f"in their order: {', '.join(image['handle'] for image in images)}." in run("show", "last").err


def test_a_picture_that_is_shown_again_is_not_said_to_be_made_now(run: Run) -> None:
    made = run("generate", "A fox", "--json", *FAST).json
    for again in (run("show"), run("get", made["generation"])):
        assert again.out.startswith("1 picture, made with test/test for free")


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
