"""Edits of `last` whose answers were lost: each is found again, and builds on the picture that was meant."""

import asyncio
import sqlite3
from contextlib import closing

import pytest
from mcp import Client

from imagerouter_mcp.sandbox.service.serve import Sandbox
from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import open_app
from patience import until
from support.calls_under_way import (
    FAST,
    NOT_CHARGED_AGAIN,
    Hosts,
    LetGo,
    asked,
    cancel,
    prompts,
    recorded,
    under_way,
)


async def test_an_edit_of_last_builds_on_a_picture_made_meanwhile(connect: Hosts, sandbox: Sandbox) -> None:
    edit = {"images": ["last"], "prompt": "Invert", "model": "sandbox/slow-0"}
    async with connect() as host:
        await host("generate_image", prompt="A fox", **FAST)
        first = await host("edit_image", **edit)
        await host("generate_image", prompt="A wolf", **FAST)
        second = await host("edit_image", **edit)
    assert first.path != second.path
    assert prompts(sandbox) == ["A fox", "Invert", "A wolf", "Invert"]


@pytest.mark.parametrize("era", ["auto"])  # the protocol has no part in it
async def test_an_edit_of_last_whose_answer_was_lost_does_not_build_on_its_own_result(
    connect: Hosts, sandbox: Sandbox, let_go: LetGo
) -> None:
    edit = {"images": ["last"], "prompt": "Invert", "model": "sandbox/held"}
    async with connect() as host:
        source = await host("generate_image", prompt="A fox", **FAST)
        async with under_way(sandbox, host, "edit_image", **edit):
            pass
        let_go()
        await recorded(host)
        joined = await host("edit_image", **edit)
        repeated = await host("edit_image", **edit)
        further = await host("edit_image", **{**edit, "images": [joined.image["handle"]]})
        listed = (await host("list_images")).fields["images"]
    assert repeated.path == joined.path
    assert f"name {joined.image['handle']} in place of last" in repeated.text
    uploads = [entry["files"][0]["sha256"] for entry in asked(sandbox)[1:]]
    assert len(uploads) == 2
    assert uploads[0] != uploads[1]
    assert listed[0]["handle"] == further.image["handle"]
    assert listed[0]["sources"] in ([joined.image["handle"]], [str(joined.path)])
    assert listed[1]["sources"] in ([source.image["handle"]], [str(source.path)])


@pytest.mark.parametrize("era", ["auto"])  # the protocol has no part in it
async def test_an_edit_of_last_is_not_answered_with_that_of_a_picture_which_was_not_the_last(
    connect: Hosts, settings: Settings
) -> None:
    edit = {"prompt": "Invert", "model": "sandbox/slow-0"}
    async with connect() as host:
        oldest = await host("generate_image", prompt="A fox", **FAST)
        await host("generate_image", prompt="A wolf", **FAST)
        with closing(sqlite3.connect(settings.data_dir / "gallery.sqlite3")) as gallery, gallery:
            gallery.execute("UPDATE generations SET created_at = created_at - 3600")
            gallery.execute(
                "UPDATE journal SET ended_at = ended_at - 3600, ended_uptime = ended_uptime - 3600"
            )
        first = await host("edit_image", images=[oldest.image["handle"]], **edit)
        second = await host("edit_image", images=["last"], **edit)
    assert second.path != first.path
    assert NOT_CHARGED_AGAIN not in second.text


@pytest.mark.parametrize("era", ["auto"])  # the protocol has no part in it
async def test_edits_of_last_at_once_whose_answers_were_lost_are_each_found_again(
    connect: Hosts, sandbox: Sandbox, let_go: LetGo
) -> None:
    edits = [{"images": ["last"], "prompt": prompt, "model": "sandbox/held"} for prompt in ("Invert", "Blur")]
    async with connect() as host:
        source = await host("generate_image", prompt="A fox", **FAST)
        for edit in edits:
            async with under_way(sandbox, host, "edit_image", **edit):
                pass
        let_go()
        await recorded(host)
        found = [await host("edit_image", **edit) for edit in edits]
        listed = (await host("list_images")).fields["images"]
    assert len(asked(sandbox)) == 3
    assert {edit["prompt"]: told.image["handle"] for edit, told in zip(edits, found, strict=True)} == {
        image["prompt"]: image["handle"] for image in listed[:2]
    }
    assert all(NOT_CHARGED_AGAIN in told.text for told in found)
    assert {tuple(image["sources"]) for image in listed[:2]} <= {
        (source.image["handle"],),
        (str(source.path),),
    }


@pytest.mark.parametrize("era", ["auto"])  # the protocol has no part in it
async def test_an_edit_of_ones_own_last_picture_is_not_answered_with_the_edit_of_another_host(
    connect: Hosts, sandbox: Sandbox, let_go: LetGo
) -> None:
    edit = {"images": ["last"], "prompt": "Invert", "model": "sandbox/held"}
    async with connect() as host, connect() as other:
        await host("generate_image", prompt="A fox", **FAST)
        async with under_way(sandbox, host, "edit_image", **edit) as first:
            await other("generate_image", prompt="A wolf", **FAST)
            second = asyncio.create_task(other("edit_image", **edit))
            await until(lambda: len(asked(sandbox)) == 4)
            let_go()
            assert (await first).path != (await second).path
    assert sorted(prompts(sandbox)) == ["A fox", "A wolf", "Invert", "Invert"]


async def test_a_typed_edit_of_last_that_was_interrupted_is_found_again(
    settings: Settings, sandbox: Sandbox, let_go: LetGo
) -> None:
    edit = {"images": ["last"], "prompt": "Invert", "model": "sandbox/held"}
    async with open_app(settings, typed=True) as app, Client(build_server(app)) as client:
        await client.call_tool("generate_image", {"prompt": "A fox", **FAST})
        task = asyncio.create_task(client.call_tool("edit_image", edit))
        await until(lambda: len(asked(sandbox)) == 2)
        await cancel(task)
        let_go()
    async with open_app(settings, typed=True) as app, Client(build_server(app)) as client:
        found, another = [(await client.call_tool("edit_image", edit)).structured_content for _ in range(2)]
    assert found
    assert another
    assert found["images"][0]["handle"] != another["images"][0]["handle"]
    assert len(asked(sandbox)) == 3
