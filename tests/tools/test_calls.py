"""Calls that outlive their callers: handed off and collected, joined, cancelled, shared by two servers."""

import asyncio
import io
import re
import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import CallToolResult
from PIL import Image

from imagerouter_mcp.gallery.entries import OPEN_STATES
from imagerouter_mcp.generation.calls import calls
from imagerouter_mcp.sandbox.service.serve import Sandbox
from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import open_app
from patience import PATIENCE_SECONDS, at_once, until
from support.eras import in_both_eras

Hosts = Callable[..., AbstractAsyncContextManager[Any]]
Change = Callable[..., None]
LetGo = Callable[[], None]

SLOW = {"model": "sandbox/slow-0.3", "size": "256x256"}
HELD = {"model": "sandbox/held", "size": "256x256"}
"""Answered once the test lets it go."""
FAST = {"model": "sandbox/slow-0", "size": "256x256"}
EACH_ITS_OWN = {"handle", "path", "url", "generation", "latency_ms", "bytes"}
"""What differs between two results of the same wish."""
UNKNOWN = {
    "kind": "outcome_unknown",
    "what": "No answer came.",
    "charged": "unknown",
    "remedy": "Look first.",
}


def asked(sandbox: Sandbox) -> list[dict[str, Any]]:
    """The requests that cost money, as they have arrived so far."""
    entries: list[dict[str, Any]] = sandbox.app.state.sandbox.journal.as_json()
    return [entry for entry in entries if entry["path"].startswith("/v1/openai/")]


def prompts(sandbox: Sandbox) -> list[str]:
    return [entry["fields"]["prompt"] for entry in asked(sandbox)]


def alike(told: Any) -> Any:  # noqa: ANN401 - JSON
    """Structured content without what is each result's own."""
    if isinstance(told, dict):
        return {name: alike(value) for name, value in told.items() if name not in EACH_ITS_OWN}  # pyright: ignore[reportUnknownVariableType] - JSON
    if isinstance(told, list):
        return [alike(item) for item in told]  # pyright: ignore[reportUnknownVariableType] - JSON
    return told


def words(told: Any) -> str:  # noqa: ANN401 - conftest's Told
    """The text without handles, places, times and sizes in kB, begun as where it was made."""
    text = re.sub(r"\A(.*), made with", r"Made \1 with", told.text)
    return re.sub(r"(gen|img)_\w+|\S+\.(webp|jpg)|in \d+\.\d s|\d+\.\d s|\d+ kB", "…", text)


@asynccontextmanager
async def under_way(
    sandbox: Sandbox,
    host: Any,  # noqa: ANN401 - conftest's Host
    tool: str,
    **arguments: object,
) -> AsyncGenerator["asyncio.Task[Any]"]:
    """A call whose request has arrived at the service; cancelled at the end of the block."""
    before = len(asked(sandbox))
    task = asyncio.create_task(host(tool, **arguments))
    try:
        await until(lambda: len(asked(sandbox)) > before)
        yield task
    finally:
        await cancel(task)


async def listening(host: Any, told: list[str], **wish: object) -> CallToolResult:  # noqa: ANN401 - conftest's Host
    """Have a picture made, and note what is told meanwhile."""

    async def note(progress: float, total: float | None, message: str | None) -> None:
        del progress, total
        told.append(message or "")

    return await host.client.call_tool("generate_image", wish, progress_callback=note)


async def cancel(task: "asyncio.Task[Any]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def collected(host: Any, handle: str) -> Any:  # noqa: ANN401 - conftest's Host and Told
    """What a host that keeps asking is told in the end."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            told = await host("get_generation", generation=handle)
            assert not told.failed, (told.text, told.fields)
            if "ask_again_seconds" not in told.fields:
                return told


NOT_CHARGED_AGAIN = "This is the result of the same call made before; nothing was charged again."

KINDS: dict[str, tuple[str, dict[str, object]]] = {
    "one": ("generate_image", {**HELD, "quality": "low"}),
    "the person's model": ("generate_image", {"size": "256x256"}),
    "three": ("generate_image", {**HELD, "n": 3}),
    "several models": (
        "compare_models",
        {"models": ["sandbox/held", "test/test", "sandbox/moderated"], "size": "256x256"},
    ),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_handed_off_is_collected_as_it_would_have_been_answered(
    connect: Hosts, sandbox: Sandbox, let_go: LetGo, kind: str
) -> None:
    tool, arguments = KINDS[kind]
    wish = {"prompt": "A fox", "model": "sandbox/held", **arguments}
    if tool == "compare_models" or kind == "the person's model":
        del wish["model"]
    async with connect(wait_seconds=0.1, model="sandbox/held") as host:
        handed_off = await host(tool, **wish)
        assert not handed_off.failed, handed_off.text
        let_go()
        late = await collected(host, handed_off.fields["generation"])
    sandbox.app.state.sandbox.takes.clear()  # the same prompt would give another picture
    async with connect(model="sandbox/held") as host:
        direct = await host(tool, **wish, again=True)
        by_another = await host("get_generation", generation=late.fields["generation"])
    assert handed_off.fields["state"] in ("preparing", "queued", "working")
    assert 5 <= handed_off.fields["ask_again_seconds"] <= 60
    assert handed_off.fields["generation"] in handed_off.text
    assert "images" not in handed_off.fields
    assert direct.fields["images"]
    assert alike(late.fields) == alike(by_another.fields) == alike(direct.fields)
    assert late.fields == by_another.fields
    assert words(late) == words(by_another) == words(direct)
    assert [block.type for block in late.result.content] == [block.type for block in direct.result.content]
    assert len(late.previews) == len(direct.previews) == 1
    for image in late.fields["images"]:
        with Image.open(image["path"]) as picture:
            assert picture.size == (256, 256)


@pytest.mark.parametrize("era", ["auto"])  # the protocol has no part in it
async def test_collecting_costs_nothing_however_often_and_by_whichever_handle(
    connect: Hosts, sandbox: Sandbox, let_go: LetGo
) -> None:
    async with connect(wait_seconds=0.1) as host:
        handed_off = await host("generate_image", prompt="A fox", n=2, **HELD)
        let_go()
        first = await collected(host, handed_off.fields["generation"])
        again = [
            await host("get_generation", generation=handle)
            for handle in (first.fields["generation"], f" {first.fields['generation'].upper()} ")
        ]
    assert all(told.fields == first.fields for told in again)
    assert len(asked(sandbox)) == 2


@pytest.mark.parametrize(("wait", "may"), [(0, 3600), (3600, 0.1)])
async def test_collecting_waits_no_longer_than_it_was_told_or_the_server_may(
    connect: Hosts, sandbox: Sandbox, wait: float, may: float
) -> None:
    async with connect(wait_seconds=0.1, grace_seconds=0) as host, connect(wait_seconds=may) as other:
        handed_off = await host("generate_image", prompt="A fox", **HELD)
        await until(lambda: asked(sandbox))
        async with asyncio.timeout(PATIENCE_SECONDS):
            told = await other("get_generation", generation=handed_off.fields["generation"], wait=wait)
    assert told.fields["state"] == "working"


@pytest.mark.parametrize("era", ["auto"])  # the protocol has no part in it
async def test_what_is_not_known_cannot_be_collected(connect: Hosts, sandbox: Sandbox) -> None:
    async with connect() as host:
        told = await host("get_generation", generation="gen_0000")
        nonsense = await host("get_generation", generation="../../etc/passwd" * 20)
    assert told.fields["error"]["kind"] == nonsense.fields["error"]["kind"] == "not_found"
    assert told.fields["error"]["charged"] == "no"
    assert "list_images" in told.text
    assert len(nonsense.text) < 300
    assert not asked(sandbox)


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


@in_both_eras
async def test_a_call_that_was_cancelled_is_answered_when_it_is_made_again(
    connect: Hosts, sandbox: Sandbox, let_go: LetGo
) -> None:
    async with connect() as host:
        async with under_way(sandbox, host, "generate_image", prompt="A fox", **HELD):
            pass
        let_go()
        joined = await host("generate_image", prompt="A fox", **HELD)
        afterwards = await host("generate_image", prompt="A fox", **HELD)
    assert not joined.failed, joined.text
    assert "was cancelled after the request had left" in joined.text
    assert afterwards.path == joined.path
    assert len(asked(sandbox)) == 1


async def test_what_arrived_after_its_call_was_cancelled_is_stored_and_answers_the_same_call(
    connect: Hosts, sandbox: Sandbox, let_go: LetGo
) -> None:
    async with connect() as host:
        async with under_way(sandbox, host, "generate_image", prompt="A fox", **HELD):
            pass
        let_go()
        listed = await _recorded(host)
        joined = await host("generate_image", prompt="A fox", **HELD)
    assert joined.image["handle"] == listed["images"][0]["handle"]
    assert len(asked(sandbox)) == 1


async def _recorded(host: Any) -> dict[str, Any]:  # noqa: ANN401 - conftest's Host
    """What is listed as soon as nothing is under way any more."""

    async def look() -> dict[str, Any]:
        while True:
            listed: dict[str, Any] = (await host("list_images", limit=20)).fields
            if not any(entry["state"] in OPEN_STATES for entry in listed["unfinished"]):
                return listed

    return await asyncio.wait_for(look(), PATIENCE_SECONDS)


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
async def test_an_edit_of_last_whose_answer_was_lost_does_not_build_on_its_own_result(
    connect: Hosts, sandbox: Sandbox, let_go: LetGo
) -> None:
    edit = {"images": ["last"], "prompt": "Invert", "model": "sandbox/held"}
    async with connect() as host:
        source = await host("generate_image", prompt="A fox", **FAST)
        async with under_way(sandbox, host, "edit_image", **edit):
            pass
        let_go()
        await _recorded(host)
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
        await _recorded(host)
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


async def test_a_call_that_waits_for_its_turn_goes_on_when_one_of_its_two_callers_leaves(
    connect: Hosts, sandbox: Sandbox, let_go: LetGo
) -> None:
    told: list[str] = []

    wish = {"prompt": "Second", **HELD}
    async with connect(concurrency=1) as host:
        async with under_way(sandbox, host, "generate_image", prompt="First", **HELD):
            staying = asyncio.create_task(host("generate_image", **wish))
            await _is_queued(host, "Second")
            leaving = asyncio.create_task(listening(host, told, **wish))
            await until(lambda: any("Waiting for its turn" in line for line in told))
            await cancel(leaving)
            let_go()
        stayed = await staying
    assert not stayed.failed, stayed.text
    assert prompts(sandbox) == ["First", "Second"]


async def test_a_request_is_noted_as_sent_before_it_leaves(
    connect: Hosts, sandbox: Sandbox, let_go: LetGo
) -> None:
    async with connect() as host, under_way(sandbox, host, "generate_image", prompt="Fox", **HELD) as made:
        (entry,) = (await host("spending")).fields["unfinished"]
        let_go()
        await made
    assert entry["state"] == "working"


@in_both_eras
async def test_a_call_that_was_cancelled_before_it_was_sent_is_withdrawn(
    connect: Hosts, sandbox: Sandbox, let_go: LetGo
) -> None:
    async with connect(concurrency=1) as host:
        async with under_way(sandbox, host, "generate_image", prompt="First", **HELD) as first:
            second = asyncio.create_task(host("generate_image", prompt="Second", **HELD))
            await _is_queued(host, "Second")
            await cancel(second)
            withdrawn, _ = await _once_given_up(host)
            assert asked(sandbox)[0]["outcome"] != "made", "it had no need to wait for its turn"
            let_go()
            await first
        spent = (await host("spending")).fields
        told = await host("generate_image", prompt="Second", **FAST)
    assert prompts(sandbox) == ["First", "Second"]
    assert asked(sandbox)[1]["fields"]["model"] == FAST["model"]
    assert (withdrawn["prompt"], withdrawn["state"]) == ("Second", "not_sent")
    assert withdrawn["error"].endswith("Nothing was charged. Ask for it again.")
    assert spent["under_way_usd"] == spent["uncertain_usd"] == 0
    assert not told.failed, told.text


async def _once_given_up(host: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - conftest's Host
    """What is unfinished, as soon as something of it was never sent."""

    async def look() -> list[dict[str, Any]]:
        while True:
            unfinished: list[dict[str, Any]] = (await host("list_images")).fields["unfinished"]
            if any(entry["state"] == "not_sent" for entry in unfinished):
                return unfinished

    return await asyncio.wait_for(look(), PATIENCE_SECONDS)


async def _is_queued(host: Any, prompt: str) -> None:  # noqa: ANN401 - conftest's Host
    """Wait until a call waits for its turn, as anybody may see who looks."""

    async def look() -> None:
        while not any(
            (entry["prompt"], entry["state"]) == (prompt, "queued")
            for entry in (await host("list_images")).fields["unfinished"]
        ):
            pass

    await asyncio.wait_for(look(), PATIENCE_SECONDS)


@in_both_eras
async def test_a_cancelled_call_for_eight_does_not_send_the_rest(
    connect: Hosts, sandbox: Sandbox, let_go: LetGo
) -> None:
    async with connect(concurrency=2) as host:
        async with under_way(sandbox, host, "generate_image", prompt="A fox", n=8, **HELD):
            await until(lambda: len(asked(sandbox)) == 2)
        let_go()
        # What is asked for now has its turn after those of the cancelled call.
        await host("generate_image", prompt="A wolf", **FAST)
        listed = await _recorded(host)
        joined = await host("generate_image", prompt="A fox", n=8, **HELD)
    assert prompts(sandbox) == ["A fox", "A fox", "A wolf"]
    assert [image["prompt"] for image in listed["images"]].count("A fox") == 2
    assert [entry["state"] for entry in listed["unfinished"]] == ["not_sent"] * 6
    assert len(joined.fields["images"]) == 2
    assert len(joined.fields["failures"]) == 6


@pytest.mark.parametrize("era", ["auto"])  # the protocol has no part in it
async def test_a_joined_call_goes_on_when_one_of_its_callers_leaves(
    connect: Hosts, sandbox: Sandbox, let_go: LetGo
) -> None:
    async with (
        connect(concurrency=1) as host,
        under_way(sandbox, host, "generate_image", prompt="First", **HELD),
    ):
        leaving = asyncio.create_task(host("generate_image", prompt="A fox", **FAST))
        await _is_queued(host, "A fox")
        staying = asyncio.create_task(host("generate_image", prompt="A fox", **FAST))
        await _is_queued(host, "A fox")  # which asks the server later than the call before it
        await cancel(leaving)
        let_go()
        told = await staying
    assert not told.failed, told.text
    assert prompts(sandbox) == ["First", "A fox"]


@pytest.mark.parametrize("era", ["auto"])  # the protocol has no part in it
async def test_what_one_server_gives_up_before_it_left_is_made_by_the_other_that_joined_it(
    connect: Hosts, sandbox: Sandbox, change_sandbox: Change, let_go: LetGo
) -> None:
    change_sandbox(models="with-faults")  # where each costs $0.01
    async with (
        connect(concurrency=1) as host,
        connect() as other,
        under_way(sandbox, host, "generate_image", prompt="First", **HELD),
    ):
        leaving = asyncio.create_task(host("generate_image", prompt="A fox", **FAST))
        await _is_queued(other, "A fox")
        told: list[str] = []
        joining = asyncio.create_task(listening(other, told, prompt="A fox", **FAST))
        await until(lambda: any("Another process of yours works on it" in line for line in told))
        await cancel(leaving)
        let_go()
        joined = await joining
        spent = (await other("spending")).fields
    assert not joined.is_error, joined.content
    assert prompts(sandbox) == ["First", "A fox"]
    assert spent["under_way_usd"] + spent["total_usd"] == 0.02, "nothing is set aside for the other"


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
async def test_another_server_collects_what_is_under_way_in_the_first(
    connect: Hosts, sandbox: Sandbox, let_go: LetGo
) -> None:
    async with connect(wait_seconds=0.1) as host, connect(wait_seconds=0.05) as other:
        handed_off = await host("generate_image", prompt="A fox", **HELD)
        handle = handed_off.fields["generation"]
        early = await other("get_generation", generation=handle)
        listed = await other("list_images")
        let_go()
        late = await collected(other, handle)
        here = await host("get_generation", generation=handle)
    assert early.fields["state"] == "working"
    assert "Another process of yours works on it" in early.text
    assert "Another process of yours works on it, 0 s" in early.progress
    assert listed.fields["unfinished"][0]["generation"] == handle
    assert f"collect it with get_generation {handle}" in listed.text
    assert late.fields == here.fields
    assert len(asked(sandbox)) == 1


@in_both_eras
async def test_a_person_sees_at_once_and_again_and_again_that_it_goes_on(
    connect: Hosts, change_sandbox: Change, let_go: LetGo, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert calls.REPORT_SECONDS + calls.LOOK_SECONDS <= 5
    monkeypatch.setattr(calls, "REPORT_SECONDS", 0.1)
    monkeypatch.setattr(calls, "LOOK_SECONDS", 0.05)
    change_sandbox(heartbeat_seconds=60)  # nothing is heard of the service meanwhile
    told: list[str] = []
    async with connect() as host:
        asking = asyncio.create_task(listening(host, told, prompt="A fox", **HELD))
        await until(lambda: sum(line.startswith("Asking sandbox/held, ") for line in told) > 3)
        let_go()
        await asking
    assert told[0] == "Preparing, 0 s"


@pytest.mark.parametrize("era", ["auto"])  # the protocol has no part in it
async def test_progress_of_several_tells_how_many_are_done(
    connect: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "LOOK_SECONDS", 0.02)
    async with connect(concurrency=1) as host:
        told = await host("generate_image", prompt="A fox", n=2, model="sandbox/slow-0.3", size="256x256")
    assert told.progress[0].startswith("0 of 2 done; preparing")
    assert any(line.startswith("1 of 2 done; ") for line in told.progress)
