"""Finishing pictures, seen from a host: by handle, path or address, free, and recorded like any other."""

import io
import sqlite3
from base64 import b64encode
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imagerouter_mcp.settings import Settings

Hosts = Callable[..., AbstractAsyncContextManager[Any]]
Made = Callable[[], list[dict[str, Any]]]


async def test_a_favicon_set_from_a_generated_logo(connect: Hosts, made: Made) -> None:
    async with connect() as host:
        logo = await host("generate_image", prompt="A logo of a red fox on plain white")
        told = await host("finish_image", images=[logo.image["handle"]], steps=["favicon"])
        again = await host("finish_image", images=[told.fields["images"][3]["handle"]], steps=["resize 64"])
        unclear = await host("edit_image", images=["last"], prompt="x", model="test/test")
        found = await host("list_images", query="favicon")
        shown = await host("show_image", handle=again.image["handle"])
    paths = [Path(image["path"]) for image in told.fields["images"]]
    assert [path.name for path in paths] == [
        "favicon.ico",
        "apple-touch-icon.png",
        "icon-192.png",
        "icon-512.png",
    ]
    assert {path.parent.name for path in paths} == {f"{logo.path.stem}-favicon"}
    assert f"Also saved: {paths[0].with_name('site.webmanifest')}" in told.text
    assert told.text.startswith("Made 4 pictures, free.\n1 · img_")
    assert shown.text.startswith("1 picture, made without a model, free.\n")
    assert ' · free · "favicon: ' in found.text
    for answer in (told, again, found, shown):
        assert "no model" not in answer.text, "there is none to name"
    assert told.fields["cost_usd"] == 0
    assert told.fields["sources"][0].startswith(logo.image["handle"])
    assert len(told.previews) == 1
    assert (again.image["width"], again.image["height"]) == (64, 64)
    assert not unclear.failed, "`last` is what was made of one of them since"
    assert {image["handle"] for image in told.fields["images"]} <= {
        image["handle"] for image in found.fields["images"]
    }
    assert len(made()) == 2, "the logo and the edit; finishing asks the service for nothing"


async def test_an_open_graph_picture_by_last_goes_on_to_the_next_edit(connect: Hosts, made: Made) -> None:
    async with connect() as host:
        await host("generate_image", prompt="A red fox in the snow")
        card = await host("finish_image", images=["last"], steps=["resize 1200x630", "convert jpeg 60kB"])
        edited = await host("edit_image", images=["last"], prompt="Make it night", model="test/test")
    with Image.open(card.path) as picture:
        assert (picture.format, picture.size) == ("JPEG", (1200, 630))
    assert card.path.stat().st_size <= 60_000
    assert "Handle: " + card.image["handle"] + ' (or "last")' in card.text
    assert edited.fields["sources"][0].startswith(card.image["handle"])
    assert made()[-1]["files"]


async def test_several_pictures_are_finished_each_under_its_own_name(
    connect: Hosts, source: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.jpg"
    Image.new("RGB", (90, 60), "teal").save(other)
    data = io.BytesIO()
    Image.new("RGB", (30, 30)).save(data, "PNG")
    address = f"data:image/png;base64,{b64encode(data.getvalue()).decode()}"
    async with connect() as host:
        told = await host(
            "finish_image", images=[str(source), str(other), address], steps=["resize 20", "convert webp"]
        )
    names = [Path(image["path"]).name for image in told.fields["images"]]
    assert names == ["source-photo.webp", "other.webp", "picture.webp"]
    assert [image["width"] for image in told.fields["images"]] == [20, 20, 20]


async def test_a_name_and_a_folder_are_kept_to_and_nothing_is_overwritten(
    connect: Hosts, source: Path, tmp_path: Path
) -> None:
    place = {"output_dir": str(tmp_path / "site"), "filename": "hero.webp"}
    async with connect() as host:
        first = await host("finish_image", images=[str(source)], steps=["crop 1:1"], **place)
        second = await host("finish_image", images=[str(source)], steps=["flip"], **place)
        sets = [
            await host("finish_image", images=[str(source)], steps=["social"], output_dir=place["output_dir"])
            for _ in range(2)
        ]
    assert [first.path, second.path] == [tmp_path / "site" / name for name in ("hero.webp", "hero-2.webp")]
    assert first.image["media_type"] == "image/webp"
    folders = [Path(told.fields["images"][0]["path"]).parent.name for told in sets]
    assert folders == ["source-photo-social", "source-photo-social-2"]


async def test_what_is_finished_costs_nothing_and_counts_as_no_spending(connect: Hosts, source: Path) -> None:
    async with connect(api_key=None) as host:
        told = await host("finish_image", images=[str(source)], steps=["grey"])
        spent = await host("spending", period="all")
        collected = await host("get_generation", generation=told.fields["generation"])
        shown = await host("show_image")
    assert spent.fields["by_model"] == []
    assert collected.image["handle"] == shown.image["handle"] == told.image["handle"]


async def test_a_wrong_step_is_answered_with_its_right_form_and_nothing_is_made(
    connect: Hosts, source: Path, settings: Settings
) -> None:
    async with connect() as host:
        told = await host("finish_image", images=[str(source)], steps=["crop 16-9", "make it pop"])
        plain = await host("finish_image", images=[str(source)], steps=["resize 40", "cutout"])
    assert 'write "crop 16:9"' in told.text
    assert "'make it pop': there is no such step" in told.text
    assert "The background is not plain" in plain.text
    assert not settings.output_dir.exists()


async def test_an_argument_that_belongs_into_the_steps_is_told_so(connect: Hosts, source: Path) -> None:
    async with connect() as host:
        told = await host("finish_image", images=[str(source)], resize="100x100")
        lone = await host("finish_image", images=str(source), steps="resize 100")
    assert "does not know 'resize' (use steps)" in told.text
    assert lone.image["width"] == 100


async def test_nothing_stays_behind_where_the_result_cannot_be_recorded(
    connect: Hosts, source: Path, settings: Settings
) -> None:
    async with connect() as host:
        await host("list_images")
        with sqlite3.connect(settings.data_dir / "gallery.sqlite3") as database:
            database.execute(
                "CREATE TRIGGER full BEFORE INSERT ON images BEGIN SELECT RAISE(ABORT, 'no room'); END"
            )
        failed = [
            await host("finish_image", images=[str(source)], steps=steps) for steps in (["favicon"], ["flip"])
        ]
        assert [told.failed for told in failed] == [True, True]
        assert "no room" in failed[0].text
        assert list(settings.output_dir.iterdir()) == []
        database.execute("DROP TRIGGER full")
        database.close()
        assert not (await host("finish_image", images=[str(source)], steps=["flip"])).failed


async def test_an_upright_picture_without_its_place_comes_of_a_photo(
    connect: Hosts, tmp_path: Path, photo: Image.Image
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[1] = "N"
    path = tmp_path / "IMG_0001.jpg"
    photo.crop((0, 0, 200, 100)).save(path, exif=exif)
    async with connect() as host:
        told = await host("finish_image", images=[str(path)], steps=["resize 50"])
    with Image.open(told.path) as picture:
        assert (picture.size, dict(picture.getexif())) == ((50, 100), {})


@pytest.mark.parametrize("steps", [["convert ico"], ["convert avif"], ["convert gif"]])
async def test_a_result_of_any_format_is_previewed_and_edited(
    connect: Hosts, source: Path, steps: list[str]
) -> None:
    async with connect() as host:
        told = await host("finish_image", images=[str(source)], steps=steps)
        edited = await host("edit_image", images=["last"], prompt="Invert", model="test/test")
    assert len(told.previews) == 1
    assert not edited.failed
