"""Calls that are handed off: collected later, by the same server or another."""

import asyncio
import re
from typing import Any

import pytest
from PIL import Image

from imagerouter_mcp.generation.calls import calls
from imagerouter_mcp.sandbox.service.serve import Sandbox
from patience import PATIENCE_SECONDS, until
from support.calls_under_way import HELD, Change, Hosts, LetGo, asked, collected, listening
from support.eras import in_both_eras

EACH_ITS_OWN = {"handle", "path", "url", "generation", "latency_ms", "bytes"}
"""What differs between two results of the same wish."""


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
    connect: Hosts, sandbox: Sandbox, wait: float, may: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "LOOK_SECONDS", 2 * PATIENCE_SECONDS)
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


@pytest.mark.parametrize("era", ["auto"])  # the protocol has no part in it
async def test_another_server_collects_what_is_under_way_in_the_first(
    connect: Hosts, sandbox: Sandbox, let_go: LetGo
) -> None:
    async with connect(wait_seconds=0.1) as host, connect(wait_seconds=0.05) as other:
        handed_off = await host("generate_image", prompt="A fox", **HELD)
        handle = handed_off.fields["generation"]
        await until(lambda: asked(sandbox))
        early = await other("get_generation", generation=handle)
        listed = await other("list_images")
        let_go()
        late = await collected(other, handle)
        here = await host("get_generation", generation=handle)
    assert early.fields["state"] == "working"
    assert "Another process or server is working on it" in early.text
    assert "Another process or server is working on it, 0 s" in early.progress
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
