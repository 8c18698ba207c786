"""What a host reads without a tool: pictures, records, models; and the completion of their names."""

import base64
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing
from typing import Any

import pytest
from mcp import Client, MCPError
from mcp.types import BlobResourceContents, ResourceTemplateReference, TextResourceContents

from imagerouter_mcp.gallery.database import Database
from imagerouter_mcp.gallery.entries import StoredImage
from imagerouter_mcp.sandbox.service import offered
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.tools import resources
from imagerouter_mcp.views.document import address
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
        "imagerouter://images/{handle}/record",
        "imagerouter://models/{+id}",
    }
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


async def test_a_picture_that_is_too_large_is_answered_with_a_sentence(connect: Hosts) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="A fox", model="sandbox/noise", size="640x640")
        assert told.image["bytes"] > 700_000
        error = await refusal_of(host.client, f"imagerouter://images/{told.image['handle']}")
    assert "PNG, 1.2 MB" in told.text
    assert "1.2 MB, too much to be read whole. Nothing was charged." in str(error)
    assert str(told.path) in str(error)
    assert "show_image" in str(error)


async def test_the_largest_picture_that_is_read_whole_is_as_large_as_the_limit(
    connect: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="A fox", **TINY)
        size = told.image["bytes"]
        monkeypatch.setattr(resources, "MAX_RESOURCE_BYTES", size)
        (contents,) = (await host.client.read_resource("imagerouter://images/last")).contents
        monkeypatch.setattr(resources, "MAX_RESOURCE_BYTES", size - 1)
        await refusal_of(host.client, "imagerouter://images/last")
    assert len(base64.b64decode(contents.blob)) == size


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
        await host("edit_image", images=["last"], prompt="Night", quality="low", model="test/test")
        (contents,) = (await host.client.read_resource("imagerouter://images/last/record")).contents
        uri = f"imagerouter://images/{first.image['handle']}/record"
        (earlier,) = (await host.client.read_resource(uri)).contents
    assert isinstance(contents, TextResourceContents)
    assert contents.mime_type == "application/json"
    record = json.loads(contents.text)
    assert (record["prompt"], record["model"]) == ("Night", "test/test")
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
    with closing(Database(settings.data_dir)) as database:
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
