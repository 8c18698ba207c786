"""The same call again: it joins, or gets the earlier result, and is paid once."""

import asyncio
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from PIL import Image

from imagerouter_mcp.sandbox.service.serve import Sandbox
from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import open_app
from patience import at_once, until
from support.calls_under_way import (
    FAST,
    HELD,
    NOT_CHARGED_AGAIN,
    Hosts,
    LetGo,
    asked,
    collected,
    prompts,
    under_way,
)

SLOW = {"model": "sandbox/slow-0.3", "size": "256x256"}


async def test_the_same_call_joins_while_the_first_runs(connect: Hosts, sandbox: Sandbox) -> None:
    async with connect() as host:
        told = await at_once(
            host("generate_image", prompt="A fox", **SLOW),
            host("generate_image", prompt="A fox", preview="none", **SLOW),
            host("generate_image", prompt="A wolf", **SLOW),
        )
    one, other, another = told
    assert one.fields["images"] == other.fields["images"]
    joined = [NOT_CHARGED_AGAIN in each.text for each in told]
    assert joined in ([True, False, False], [False, True, False])
    assert other.previews == []
    assert another.fields["generation"] != one.fields["generation"]
    assert sorted(prompts(sandbox)) == ["A fox", "A wolf"]


@pytest.mark.parametrize("era", ["auto"])  # the protocol has no part in it
async def test_what_was_handed_off_and_not_collected_answers_the_same_call(
    connect: Hosts, sandbox: Sandbox, let_go: LetGo
) -> None:
    async with connect(wait_seconds=0.1) as host:
        handed_off = await host("generate_image", prompt="A fox", **HELD)
        let_go()
        await until(lambda: [entry["outcome"] for entry in asked(sandbox)] == ["made"])
        told = await host("generate_image", prompt="A fox", **HELD)
        told = await collected(host, told.fields["generation"])
        another = await host("generate_image", prompt="A fox", again=True, **HELD)
    assert told.fields["generation"] == handed_off.fields["generation"]
    assert another.fields["generation"] != handed_off.fields["generation"]
    assert len(asked(sandbox)) == 2


async def test_the_same_call_within_ten_minutes_gives_the_earlier_result_and_says_how_to_get_another(
    connect: Hosts, sandbox: Sandbox
) -> None:
    async with connect() as host, connect() as other:
        first = await host("generate_image", prompt="A fox", **FAST)
        repeated = await other("generate_image", prompt="A fox", **FAST)
        another = await host("generate_image", prompt="A fox", again=True, **FAST)
        newest = await host("generate_image", prompt="A fox", **FAST)
    assert repeated.path == first.path
    assert first.text.startswith("Made 1 picture with ")
    assert repeated.text.startswith("Made before, not charged again: 1 picture with ")
    assert "again=true makes another one" in repeated.text
    assert "nothing was charged again" in repeated.fields["notes"][0]
    assert first.path != another.path == newest.path
    assert len(asked(sandbox)) == 2


async def test_a_person_who_types_a_call_again_means_it(settings: Settings, sandbox: Sandbox) -> None:
    wish = {"prompt": "A fox", **FAST}
    async with open_app(settings, typed=True) as app, Client(build_server(app)) as client:
        told = [await client.call_tool("generate_image", wish) for _ in range(2)]
    contents: list[dict[str, Any]] = [each.structured_content or {} for each in told]
    paths: set[str] = {content["images"][0]["path"] for content in contents}
    assert len(paths) == len(asked(sandbox)) == 2


@pytest.mark.parametrize("era", ["auto"])  # the protocol has no part in it
@pytest.mark.parametrize("changed", ["source", "mask"])
async def test_a_call_whose_address_gives_another_picture_is_another_call(
    connect: Hosts, sandbox: Sandbox, loopback: Callable[..., Any], source: Path, changed: str
) -> None:
    given = [_half_white(left=0)]

    async def webcam(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = "HTTP/1.1 200 OK" if given else "HTTP/1.1 404 Not Found"
        body = given[-1] if given else b""
        writer.write(f"{head}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        await writer.drain()

    address = f"{await loopback(webcam)}/webcam.png"
    named = {"images": [address]} if changed == "source" else {"images": [str(source)], "mask": address}
    edit = {"prompt": "Invert", "model": "sandbox/slow-0", **named}
    async with connect(allow_private_urls=True) as host:
        day, day_again = [await host("edit_image", **edit) for _ in range(2)]
        given.append(_half_white(left=32))
        night = await host("edit_image", **edit)
        given.clear()
        gone = await host("edit_image", **edit)
    assert NOT_CHARGED_AGAIN in day_again.text
    assert NOT_CHARGED_AGAIN not in night.text
    assert day.path == day_again.path != night.path == gone.path
    assert len(asked(sandbox)) == 2


def _half_white(left: int) -> bytes:
    picture = Image.new("RGB", (64, 64))
    picture.paste("white", (left, 0, left + 32, 64))
    with io.BytesIO() as file:
        picture.save(file, "PNG")
        return file.getvalue()


@pytest.mark.parametrize("era", ["auto"])  # the protocol has no part in it
async def test_another_is_made_where_another_is_asked_for(
    connect: Hosts, sandbox: Sandbox, let_go: LetGo
) -> None:
    async with (
        connect() as host,
        under_way(sandbox, host, "generate_image", prompt="A fox", **HELD) as first,
    ):
        second = asyncio.create_task(host("generate_image", prompt="A fox", again=True, **HELD))
        await until(lambda: len(asked(sandbox)) == 2)
        let_go()
        one, other = await first, await second
    assert one.path != other.path
    assert len(asked(sandbox)) == 2


@pytest.mark.parametrize("era", ["auto"])  # the protocol has no part in it
async def test_an_unknown_outcome_is_told_again_and_nothing_is_sent(connect: Hosts, sandbox: Sandbox) -> None:
    wish = {"prompt": "A fox", "model": "sandbox/stalled-after-heartbeats"}
    async with connect(stall_seconds=0.3) as host:
        first = await host("generate_image", **wish)
        again = await host("generate_image", **wish)
        by_handle = await host("list_images")
        (unfinished,) = by_handle.fields["unfinished"]
        collected_late = await host("get_generation", generation=unfinished["generation"])
        assert len(asked(sandbox)) == 1
        on_purpose = await host("generate_image", **wish, again=True)
    assert first.failed
    assert first.fields["error"]["charged"] == "unknown"
    assert again.fields["error"]["charged"] == "unknown"
    assert "It may still complete and be charged. This is the failure of the same call made" in again.text
    assert collected_late.fields["error"] == first.fields["error"]
    assert unfinished["state"] == "unknown"
    assert (unfinished["prompt"], unfinished["model"]) == ("A fox", wish["model"])
    assert "Outcome unknown" in by_handle.text
    assert on_purpose.failed
    assert len(asked(sandbox)) == 2


@pytest.mark.parametrize("era", ["auto"])  # the protocol has no part in it
@pytest.mark.parametrize("model", ["sandbox/moderated", "sandbox/status-500", "google/gemeni-3-pro"])
async def test_a_failure_that_cost_nothing_is_tried_anew_by_the_same_call(
    connect: Hosts, sandbox: Sandbox, model: str
) -> None:
    async with connect() as host:
        told = [await host("generate_image", prompt="A fox", model=model) for _ in range(2)]
        listed = await host("list_images")
    assert all(each.fields["error"]["charged"] == "no" for each in told)
    assert len(asked(sandbox)) == 2
    assert listed.fields["unfinished"] == [], "what was told is no longer unfinished"


@pytest.mark.parametrize("era", ["auto"])  # the protocol has no part in it
async def test_a_changed_source_file_is_another_wish(
    connect: Hosts, sandbox: Sandbox, source: Path, let_go: LetGo
) -> None:
    edit = {"images": [str(source)], "prompt": "Invert", "model": "sandbox/held"}
    async with connect() as host:
        async with under_way(sandbox, host, "edit_image", **edit):
            pass
        let_go()
        Image.new("RGB", (30, 20), "teal").save(source)
        await host("edit_image", **edit)
    widths = [entry["files"][0]["width"] for entry in asked(sandbox)]
    assert widths == [256, 30]


async def test_two_servers_that_are_asked_the_same_at_once_ask_the_service_once(
    connect: Hosts, sandbox: Sandbox
) -> None:
    async with connect() as host, connect() as other:
        told = await at_once(*(each("generate_image", prompt="A fox", n=2, **SLOW) for each in (host, other)))
    assert len(asked(sandbox)) == 2
    assert told[0].fields["images"] == told[1].fields["images"]
    assert len(told[0].fields["images"]) == 2
    assert sorted(NOT_CHARGED_AGAIN in each.text for each in told) == [False, True]


@pytest.mark.parametrize("era", ["auto"])  # the protocol has no part in it
async def test_an_edit_repeated_after_its_source_was_deleted_is_told_of_the_earlier_one(
    connect: Hosts, sandbox: Sandbox, let_go: LetGo
) -> None:
    async with connect(wait_seconds=0.1) as host:
        begun = await host("generate_image", prompt="A fox", **FAST)
        fox = await collected(host, begun.fields["generation"])
        edit = {"images": [fox.image["handle"].upper()], "prompt": "Make it night", "model": "sandbox/held"}
        earlier = (await host("edit_image", **edit)).fields["generation"]
        await until(lambda: prompts(sandbox)[-1] == "Make it night")
        fox.path.unlink()
        refused = [await host("edit_image", **edit)]
        let_go()
        await collected(host, earlier)
        refused.append(await host("edit_image", **edit))
        other = await host("edit_image", **{**edit, "prompt": "Make it day"})
    for told, fate in zip(
        refused, ("It is under way and may be charged.", "Its result is there."), strict=True
    ):
        assert "is not there any more. Nothing was charged." in told.text
        assert f"{earlier} is an earlier call with this prompt and these sources. {fate}" in told.text
        assert f"Call get_generation with {earlier} first." in told.text
    assert "earlier call" not in other.text
    assert len(asked(sandbox)) == 2
