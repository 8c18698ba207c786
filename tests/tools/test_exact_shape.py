"""A size that no model makes comes exactly, beside what the model made; read back from the files."""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imagerouter_mcp.sandbox.service.serve import Sandbox
from imagerouter_mcp.sandbox.service.store import FileStore
from imagerouter_mcp.settings import Settings

Hosts = Callable[..., AbstractAsyncContextManager[Any]]
Journal = Callable[[], list[dict[str, Any]]]

GPT = "openai/gpt-image-1.5"
FOX = {"prompt": "A red fox in snow", "model": GPT, "preview": "none"}
pytestmark = pytest.mark.parametrize("era", ["auto"])  # the protocol has no part in it

CASES: dict[str, tuple[Mapping[str, str], str, str]] = {
    "landscape": ({"size": "1200x630"}, "1536x1024", "cropped to 1200x630."),
    "portrait, padded": ({"size": "630x1200", "fit": "contain"}, "1024x1536", "padded to 630x1200."),
    "stretched": ({"size": "1500x1400", "fit": "stretch"}, "1024x1024", "stretched to 1500x1400."),
    "an icon": ({"size": "32x32"}, "1024x1024", "scaled to 32x32."),
    "large": ({"size": "3000x2000"}, "1536x1024", "scaled to 3000x2000."),
    "huge": (
        {"size": "4000x2100"},
        "1536x1024",
        "cropped to 4000x2100, enlarged 2.6 times, which adds no detail.",
    ),
    "a banner": ({"size": "970x90"}, "1536x1024", "cropped to 970x90, which leaves 14 % of it."),
    "a padded banner": ({"size": "970x90", "fit": "contain"}, "1536x1024", "padded to 970x90."),
    "free": (
        {"size": "1920x1080", "model": "black-forest-labs/FLUX-1-schnell:free"},
        "1024x576",
        "scaled to 1920x1080.",
    ),
    "between steps": (
        {"size": "1080x1350", "model": "black-forest-labs/FLUX-1-schnell"},
        "1088x1408",
        "cropped to 1080x1350.",
    ),
    "ignored": (
        {"size": "800x420", "model": "midjourney/midjourney"},
        "800x420",
        "cropped to 800x420.",
    ),
    "a shape alone": (
        {"aspect_ratio": "16:9", "fit": "cover"},
        "1536x1024",
        "cropped to 1536x864.",
    ),
    "a padded shape": (
        {"aspect_ratio": "16:9", "fit": "contain"},
        "1536x1024",
        "padded to 1820x1024.",
    ),
}


def opened(path: str | Path) -> Image.Image:
    with Image.open(path) as picture:
        picture.load()
        return picture


def lose(file: Path) -> None:
    file.unlink()


def size_of(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return int(width), int(height)


@pytest.mark.parametrize("case", CASES)
async def test_the_result_has_exactly_the_size_and_its_original_lies_beside_it(
    connect: Hosts, made: Journal, case: str
) -> None:
    wish, sent, done = CASES[case]
    async with connect() as host:
        told = await host("generate_image", **{**FOX, **wish})
    assert not told.failed, told.text
    (asked,) = made()
    assert asked["fields"]["size"] == sent
    result, original = opened(told.path), told.image["original"]
    wanted = size_of(done.partition(" to ")[2].split(",")[0].rstrip("."))
    assert result.size == (told.image["width"], told.image["height"]) == wanted
    own = opened(original["path"])
    assert own.size == (original["width"], original["height"])
    assert case == "ignored" or own.size == size_of(sent)
    assert Path(original["path"]).name == f"{told.path.stem}-original{told.path.suffix}"
    note = f"{told.fields['model']} made {own.width}x{own.height}; here it was "
    assert [each for each in told.fields["notes"] if each.startswith(note) and each.endswith(done)]
    assert f"Model's own: {original['handle']} · {Path(original['path']).name} (" in told.text
    assert f"Link: {original['url']} (the model's own; anyone" in told.text
    assert "url" not in told.image
    assert len(told.text) < 900


@pytest.mark.parametrize(
    ("fit", "asked", "kind"),
    [("cover", "png", "PNG"), ("contain", "jpeg", "JPEG"), ("stretch", "webp", "WEBP")],
)
async def test_the_result_has_the_type_that_was_asked_for(
    connect: Hosts, fit: str, asked: str, kind: str
) -> None:
    async with connect() as host:
        told = await host("generate_image", **FOX, size="600x315", fit=fit, output_format=asked)
    result = opened(told.path)
    assert (result.format, result.mode, result.size) == (kind, "RGB", (600, 315))


async def test_a_filename_is_the_result_s_whatever_type_the_model_answers(connect: Hosts) -> None:
    async with connect() as host:
        told = await host(
            "generate_image",
            prompt="A fox",
            model="google/imagen-4",
            size="1200x630",
            filename="og.jpg",
        )
    assert (told.path.name, opened(told.path).format) == ("og.jpg", "JPEG")
    assert Path(told.image["original"]["path"]).name == "og-original.png"
    assert opened(told.image["original"]["path"]).format == "PNG"


async def test_transparency_is_kept_and_padded_with_transparency(connect: Hosts, tmp_path: Path) -> None:
    source = tmp_path / "source.png"
    Image.new("RGB", (256, 256), "orange").save(source)
    async with connect() as host:
        told = await host(
            "edit_image",
            images=[str(source)],
            model="bria/remove-background",
            size="500x250",
            fit="contain",
            output_format="png",
        )
    result = opened(told.path)
    assert (result.mode, result.size) == ("RGBA", (500, 250))
    assert result.getpixel((2, 2)) == (0, 0, 0, 0)


async def test_an_edit_comes_in_exactly_the_size_too(connect: Hosts, tmp_path: Path) -> None:
    source = tmp_path / "photo.png"
    Image.effect_noise((640, 480), 60).convert("RGB").save(source)
    async with connect() as host:
        told = await host("edit_image", images=[str(source)], **{**FOX, "prompt": "Invert"}, size="1200x630")
    assert opened(told.path).size == (1200, 630)
    assert opened(told.image["original"]["path"]).size == (1536, 1024)


async def test_a_listed_size_that_comes_needs_no_original(connect: Hosts) -> None:
    async with connect() as host:
        told = await host("generate_image", **FOX, size="1024x1024")
    assert opened(told.path).size == (1024, 1024)
    assert "original" not in told.image
    assert "Original" not in told.text
    assert told.image["url"]


@pytest.mark.parametrize("word", ["auto", "cheapest", "free"])
async def test_no_model_is_ruled_out_by_the_size(connect: Hosts, word: str) -> None:
    async with connect() as host:
        told = await host("generate_image", **{**FOX, "model": word}, size="1200x630")
        without = await host("generate_image", **{**FOX, "model": word}, dry_run=True)
    assert opened(told.path).size == (1200, 630)
    if word != "auto":
        assert told.fields["model"] == without.fields["model"]


async def test_each_of_several_and_each_model_s_has_the_size(connect: Hosts) -> None:
    async with connect() as host:
        three = await host("generate_image", **FOX, size="1200x630", n=3, filename="card")
        models = [GPT, "google/gemini-2.5-flash"]
        two = await host("compare_models", prompt="A fox", models=models, size="1200x630", preview="none")
        listed = (await host("list_images")).fields["images"]
    for told, count in ((three, 3), (two, 2)):
        images = told.fields["images"]
        assert [opened(image["path"]).size for image in images] == [(1200, 630)] * count
        assert all(opened(image["original"]["path"]).size != (1200, 630) for image in images)
        assert told.text.count("Model's own: img_") == count
    assert [Path(image["path"]).name for image in three.fields["images"]] == [
        "card-1.webp",
        "card-2.webp",
        "card-3.webp",
    ]
    assert len(listed) == 5, "originals are not listed"


async def test_what_is_handed_off_is_finished_for_whoever_collects_it(
    connect: Hosts, change_sandbox: Callable[..., None]
) -> None:
    change_sandbox(latency_seconds=0.5)
    async with connect(wait_seconds=0.1) as host, connect() as other:
        handed_off = await host("generate_image", **FOX, size="1200x630")
        told = await other("get_generation", generation=handed_off.fields["generation"])
    assert handed_off.fields["state"] in ("preparing", "queued", "working")
    assert opened(told.path).size == (1200, 630)
    assert opened(told.image["original"]["path"]).size == (1536, 1024)
    assert any("here it was cropped to 1200x630" in note for note in told.fields["notes"])


async def test_an_original_can_be_shown_edited_and_found_and_last_is_the_result(connect: Hosts) -> None:
    async with connect() as host:
        told = await host("generate_image", **FOX, size="1200x630")
        handle = told.image["original"]["handle"]
        shown = await host("show_image", handle=handle)
        edited = await host("edit_image", images=[handle], prompt="Invert", model="test/test")
        by_path = await host(
            "edit_image", images=[told.image["original"]["path"]], prompt="Blur", model="test/test"
        )
        found = await host("list_images", query=handle)
        last = await host("show_image", handle=told.image["handle"])
    assert shown.path == Path(told.image["original"]["path"])
    assert edited.fields["sources"][0].startswith(handle)
    assert by_path.fields["sources"][0].startswith(handle)
    assert [image["handle"] for image in found.fields["images"]] == [told.image["handle"]]
    assert last.path == told.path


@pytest.mark.parametrize("loss", ["file", "file and original", "all"])
async def test_a_result_whose_file_is_gone_is_made_again_of_its_original(
    connect: Hosts, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, loss: str
) -> None:
    async with connect() as host:
        told = await host("generate_image", **FOX, size="1200x630", response_format="url")
        original = Path(told.image["original"]["path"])
        before = told.path.read_bytes()
        told.path.unlink()
        if loss != "file":
            lose(original)
        if loss == "all":
            monkeypatch.setattr(sandbox.app.state.sandbox, "results", FileStore(1))
        again = await host("show_image", handle=told.image["handle"])
        listed = (await host("list_images")).fields["images"]
    if loss == "all":
        assert again.fields["error"]["kind"] == "delivery"
        return
    assert again.path.read_bytes() == before
    assert f"made again from {told.image['original']['handle']}" in again.text
    assert again.image["original"] == told.image["original"]
    assert [Path(image["path"]) for image in listed] == [again.path]


async def test_a_result_that_cannot_be_made_again_names_its_original(
    connect: Hosts, settings: Settings
) -> None:
    async with connect() as host:
        told = await host("generate_image", **FOX, size="1200x630")
        lose(told.path)
        with closing(sqlite3.connect(settings.data_dir / "gallery.sqlite3")) as connection, connection:
            connection.execute("UPDATE images SET finishing = NULL")
        gone = await host("show_image", handle=told.image["handle"])
        original = await host("show_image", handle=told.image["original"]["handle"])
    assert gone.fields["error"]["kind"] == "not_found"
    assert f"use {told.image['original']['handle']}, the model's own picture" in gone.text
    assert opened(original.path).size == (1536, 1024)


async def test_a_dry_run_tells_what_is_asked_for_and_what_is_done_here(connect: Hosts, made: Journal) -> None:
    async with connect() as host:
        told = await host("generate_image", **FOX, size="1200x630", fit="contain", dry_run=True)
    assert told.fields["size"] == "1536x1024"
    assert (
        "The picture made at 1536x1024 is then padded to 1200x630. That is free, and the original is kept."
        in (told.fields["notes"])
    )
    assert not made()


async def test_fit_without_a_size_or_shape_is_left_out_and_said(connect: Hosts) -> None:
    async with connect() as host:
        told = await host("generate_image", **FOX, fit="contain")
    assert "original" not in told.image
    assert "fit=contain was left out: it takes a size or an aspect_ratio." in told.fields["notes"]


@pytest.mark.parametrize("wish", [{"size": "500x500"}, {"aspect_ratio": "1:1"}, {"fit": "contain"}])
async def test_that_a_masked_edit_keeps_its_sources_size_is_said_before_it_is_paid(
    connect: Hosts, made: Journal, tmp_path: Path, wish: dict[str, str]
) -> None:
    source = tmp_path / "wide.png"
    Image.new("RGB", (640, 320), "teal").save(source)
    masked = {"prompt": "add a ball", "images": [str(source)], "mask": "box:25%,25%,50%,50%"}
    async with connect() as host:
        told = await host("edit_image", **masked, **wish, dry_run=True)
        usual = await host("edit_image", **masked, size="2K", aspect_ratio="match", dry_run=True)
    assert any("keeps its source's size" in note for note in told.fields["notes"])
    assert not any("keeps its source's size" in note for note in usual.fields["notes"])
    assert not made()


async def test_the_format_of_a_masked_edit_changes_nothing_about_who_makes_it(
    connect: Hosts, tmp_path: Path
) -> None:
    source = tmp_path / "wide.png"
    Image.new("RGB", (640, 320), "teal").save(source)
    masked = {"prompt": "add a ball", "images": [str(source)], "mask": "box:25%,25%,50%,50%"}
    async with connect() as host:
        usual, named = [
            await host("edit_image", **masked, dry_run=True, **form) for form in ({}, {"filename": "cat.jpg"})
        ]
    assert named.fields["model"] == usual.fields["model"]


async def test_a_vector_result_is_left_in_its_size_and_said(connect: Hosts) -> None:
    async with connect() as host:
        told = await host("generate_image", **{**FOX, "model": "recraft-ai/recraft-v3-svg"}, size="1200x630")
    assert told.image["media_type"] == "image/svg+xml"
    assert "original" not in told.image
    assert any("a vector drawing fits any size" in note for note in told.fields["notes"])
