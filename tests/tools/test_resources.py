"""What a host reads without a tool: pictures, records, models; and the completion of their names."""

import base64
import io
import json
import os
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, MCPError
from mcp.types import BlobResourceContents, ResourceTemplateReference, TextResourceContents
from PIL import Image

from imagerouter_mcp.gallery.entries import StoredImage
from imagerouter_mcp.gallery.tables import gallery_database
from imagerouter_mcp.sandbox.service import offered
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.tools import picture_files
from imagerouter_mcp.tools.views import address
from support.recording import RecordingGallery

Hosts = Callable[..., AbstractAsyncContextManager[Any]]

INVALID_PARAMS = -32602
TINY = {"model": "test/test"}


async def refusal_of(client: Client, uri: str) -> MCPError:
    try:
        await client.read_resource(uri)
    except MCPError as error:
        return error
    raise AssertionError(f"{uri} could be read")


async def blob_of(client: Client, uri: str) -> bytes:
    (contents,) = (await client.read_resource(uri)).contents
    assert isinstance(contents, BlobResourceContents)
    return base64.b64decode(contents.blob)


async def completions(client: Client, uri: str, name: str, value: str) -> list[str]:
    ref = ResourceTemplateReference(uri=uri)
    return (await client.complete(ref, {"name": name, "value": value})).completion.values


async def test_the_templates_and_the_model_list_are_offered(connect: Hosts) -> None:
    async with connect() as host:
        resources = (await host.client.list_resources()).resources
        templates = (await host.client.list_resource_templates()).resource_templates
    assert {str(each.uri) for each in resources} == {"imagerouter://models", address()}
    assert {each.uri_template for each in templates} == {
        "imagerouter://images/{handle}",
        "imagerouter://images/{handle}/{+file}",
        "imagerouter://images/{handle}/record",
        "imagerouter://models/{+id}",
    }
    assert f"above {picture_files.MAX_RESOURCE_BYTES // 1000} kB" in str(templates[0].description)
    assert all(each.description for each in (*resources, *templates))


@pytest.mark.parametrize(
    ("fault", "media_type"),
    [("png16", "image/png"), ("wrong-type", "image/jpeg"), ("mp4", "video/mp4"), ("gif", "image/gif")],
)
async def test_a_picture_is_read_with_the_type_of_its_bytes(
    connect: Hosts, fault: str, media_type: str
) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="A fox", model=f"sandbox/{fault}", size="256x256")
        for handle in (told.image["handle"], "last"):
            (contents,) = (await host.client.read_resource(f"imagerouter://images/{handle}")).contents
            assert isinstance(contents, BlobResourceContents)
            assert contents.mime_type == media_type
            assert base64.b64decode(contents.blob) == told.path.read_bytes()


async def test_a_picture_that_is_too_large_is_read_smaller_and_its_file_in_parts(connect: Hosts) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="A fox", model="sandbox/noise", size="640x640")
        uri = f"imagerouter://images/{told.image['handle']}"
        copy = await blob_of(host.client, uri)
        (record,) = (await host.client.read_resource(f"{uri}/record")).contents
        (image,) = json.loads(record.text)["images"]
        parts = [await blob_of(host.client, f"{uri}/parts/{n + 1}") for n in range(image["parts"])]
        error = await refusal_of(host.client, f"{uri}/parts/{len(parts) + 1}")
    with Image.open(io.BytesIO(copy)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (640, 640))
    assert len(copy) < 700_000 < told.image["bytes"]
    assert len(parts) == 2
    assert b"".join(parts) == told.path.read_bytes()
    assert f"has 2 parts, and no part '{len(parts) + 1}'" in str(error)


@pytest.mark.parametrize("number", ["0", "before", "1/2", "-1", "1.0", "x", "٣", "1" * 400])
async def test_a_part_that_does_not_exist_is_named(connect: Hosts, number: str) -> None:
    async with connect() as host:
        await host("generate_image", prompt="A fox", **TINY)
        error = await refusal_of(host.client, f"imagerouter://images/last/parts/{number}")
    assert error.error.code == INVALID_PARAMS
    assert "has 1 part" in str(error)


async def test_what_moves_and_is_too_large_is_read_in_parts(
    connect: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="A fox", model="sandbox/gif", size="256x256")
        monkeypatch.setattr(picture_files, "MAX_RESOURCE_BYTES", told.image["bytes"] - 1)
        error = await refusal_of(host.client, "imagerouter://images/last")
        parts = [await blob_of(host.client, f"imagerouter://images/last/parts/{n}") for n in (1, 2)]
    assert "moves" in str(error)
    assert "Nothing was charged." in str(error)
    assert f"read imagerouter://images/{told.image['handle']}/parts/1 to" in str(error)
    assert b"".join(parts) == told.path.read_bytes()


async def test_the_largest_picture_that_is_read_whole_is_as_large_as_the_limit(
    connect: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="A fox", **TINY)
        size = told.image["bytes"]
        monkeypatch.setattr(picture_files, "MAX_RESOURCE_BYTES", size)
        whole = await blob_of(host.client, "imagerouter://images/last")
        monkeypatch.setattr(picture_files, "MAX_RESOURCE_BYTES", size - 1)
        copy = await blob_of(host.client, "imagerouter://images/last")
    assert whole == told.path.read_bytes()
    assert copy[:2] == b"\xff\xd8", "a JPEG"


async def test_what_an_edit_was_made_from_can_be_read(connect: Hosts, tmp_path: Path) -> None:
    file = tmp_path / "mine.png"
    Image.new("RGB", (300, 200), "teal").save(file)
    earlier = time.time() - 60
    os.utime(file, (earlier, earlier))
    async with connect() as host:
        first = await host("generate_image", prompt="A fox", size="320x240", **TINY)
        for source, size in ((first.image["handle"], (320, 240)), (str(file), (300, 200))):
            edit = await host("edit_image", images=[source], prompt="Night", **TINY)
            before = await blob_of(host.client, f"imagerouter://images/{edit.image['handle']}/before")
            with Image.open(io.BytesIO(before)) as picture:
                assert (picture.format, picture.size) == ("JPEG", size)


async def test_what_cannot_be_shown_of_an_edits_source_is_not_found(connect: Hosts, tmp_path: Path) -> None:
    file = tmp_path / "mine.png"
    Image.new("RGB", (300, 200), "teal").save(file)
    async with connect() as host:
        await host("generate_image", prompt="A fox", **TINY)
        not_made = await refusal_of(host.client, "imagerouter://images/last/before")
        await host("edit_image", images=[str(file)], prompt="Night", **TINY)
        later = time.time() + 60
        os.utime(file, (later, later))
        changed = await refusal_of(host.client, "imagerouter://images/last/before")
        file.unlink()
        gone = await refusal_of(host.client, "imagerouter://images/last/before")
    for error, words in (
        (not_made, "was not made from a picture"),
        (changed, "from a file that has changed since"),
        (gone, "from a picture that cannot be read any more"),
    ):
        assert error.error.code == INVALID_PARAMS
        assert words in str(error)
        assert "Nothing was charged." in str(error)


async def test_an_edits_source_is_read_only_where_files_may_be_read_and_never_from_an_address(
    connect: Hosts, tmp_path: Path, journal: Callable[[], list[dict[str, Any]]]
) -> None:
    file = tmp_path / "mine.png"
    Image.new("RGB", (300, 200), "teal").save(file)
    async with connect(allow_private_urls=True) as host:
        made = await host("generate_image", prompt="A fox", response_format="url", **TINY)
        edit = await host("edit_image", images=[made.image["url"]], prompt="Night", **TINY)
        assert not edit.failed
        asked = len(journal())
        address_error = await refusal_of(host.client, "imagerouter://images/last/before")
        assert len(journal()) == asked
        await host("edit_image", images=[str(file)], prompt="Night", **TINY)
    async with connect(input_dirs=(tmp_path / "elsewhere",)) as host:
        forbidden = await refusal_of(host.client, "imagerouter://images/last/before")
    assert "from an address" in str(address_error)
    assert "cannot be read any more" in str(forbidden)


async def test_a_picture_whose_file_is_gone_is_fetched_again(connect: Hosts) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="A fox", **TINY)
        before = told.path.read_bytes()
        told.path.unlink()
        (contents,) = (await host.client.read_resource("imagerouter://images/last")).contents
    assert base64.b64decode(contents.blob) == before


async def test_a_record_tells_how_a_picture_came_about(connect: Hosts) -> None:
    async with connect() as host:
        first = await host("generate_image", prompt="Ein Fuchs — 狐", **TINY)
        edited = await host("edit_image", images=["last"], prompt="Night", quality="low", model="test/test")
        (contents,) = (await host.client.read_resource("imagerouter://images/last/record")).contents
        uri = f"imagerouter://images/{first.image['handle']}/record"
        (earlier,) = (await host.client.read_resource(uri)).contents
    assert isinstance(contents, TextResourceContents)
    assert contents.mime_type == "application/json"
    record = json.loads(contents.text)
    assert (record["prompt"], record["model"]) == ("Night", "test/test")
    assert record["generation"] == edited.fields["generation"]
    assert record["parameters"] == {"quality": "low", "response_format": "url"}
    assert {"images", "created", "latency_ms", "cost_usd"} <= set(record)
    assert json.loads(earlier.text)["prompt"] == "Ein Fuchs — 狐"


async def test_all_models_or_one_can_be_read(connect: Hosts) -> None:
    async with connect() as host:
        (all_of_them,) = (await host.client.read_resource("imagerouter://models")).contents
        (one,) = (await host.client.read_resource("imagerouter://models/openai/gpt-image-1.5")).contents
    listed = json.loads(all_of_them.text)
    assert {model["id"] for model in listed} == set(offered.listed())
    assert all_of_them.mime_type == one.mime_type == "application/json"
    assert json.loads(one.text) in listed
    assert json.loads(one.text)["id"] == "openai/gpt-image-1.5"


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("imagerouter://images/img_0000", "no picture 'img_0000'"),
        ("imagerouter://images/last", "No picture has been made yet"),
        ("imagerouter://images/img_0000/record", "no picture 'img_0000'"),
        ("imagerouter://models/google/gemeni-3-pro", "Closest are google/gemini-3-pro"),
        ("imagerouter://elsewhere", "elsewhere"),
    ],
)
async def test_what_does_not_exist_is_an_invalid_parameter(connect: Hosts, uri: str, words: str) -> None:
    async with connect() as host:
        error = await refusal_of(host.client, uri)
    assert error.error.code == INVALID_PARAMS
    assert words in str(error)


async def test_a_model_list_that_cannot_be_had_is_a_sentence(
    connect: Hosts, change_sandbox: Callable[..., None]
) -> None:
    change_sandbox(models="status-500")
    async with connect() as host:
        error = await refusal_of(host.client, "imagerouter://models")
        nothing = await completions(host.client, "imagerouter://models/{+id}", "id", "gem")
    assert "Nothing was charged." in str(error)
    assert nothing == []


async def test_handles_are_completed(connect: Hosts) -> None:
    async with connect() as host:
        first = (await host("generate_image", prompt="One", **TINY)).image["handle"]
        second = (await host("generate_image", prompt="Two", **TINY)).image["handle"]
        template = "imagerouter://images/{handle}"
        everything = await completions(host.client, template, "handle", "")
        begun = await completions(host.client, template, "handle", first[:-1].upper())
        none = await completions(host.client, template, "handle", "fox")
        middle = await completions(host.client, template, "handle", first.removeprefix("img_"))
    assert everything == ["last", second, first]
    assert first in begun
    assert "last" not in begun
    assert none == middle == []


@pytest.mark.parametrize(("count", "more"), [(60, True), (49, False)])
async def test_fifty_handles_are_offered_at_most(
    connect: Hosts, settings: Settings, count: int, *, more: bool
) -> None:
    with closing(gallery_database(settings.data_dir)) as database:
        RecordingGallery(database).record(
            prompt="Many",
            model="test/test",
            images=[StoredImage() for _ in range(count)],
        )
    async with connect() as host:
        ref = ResourceTemplateReference(uri="imagerouter://images/{handle}")
        offered = (await host.client.complete(ref, {"name": "handle", "value": ""})).completion
    assert (len(offered.values), offered.total, offered.has_more) == (50, count + 1, more)


async def test_model_ids_are_completed_best_first_and_fifty_at_most(connect: Hosts) -> None:
    async with connect() as host:
        ref = ResourceTemplateReference(uri="imagerouter://models/{+id}")
        found = await completions(host.client, ref.uri, "id", "gemini 3")
        everything = (await host.client.complete(ref, {"name": "id", "value": ""})).completion
        other = await completions(host.client, ref.uri, "colour", "red")
    assert found[0] == "google/gemini-3-pro"
    assert len(everything.values) == min(50, len(offered.listed()))
    assert everything.total == len(offered.listed())
    assert everything.has_more == (len(offered.listed()) > 50)
    assert other == []
