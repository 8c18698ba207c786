"""Calls whose callers leave: withdrawn before they are sent, kept once they are."""

import asyncio
from typing import Any

import pytest

from imagerouter_mcp.sandbox.service.serve import Sandbox
from patience import PATIENCE_SECONDS, until
from support.calls_under_way import (
    FAST,
    HELD,
    Change,
    Hosts,
    LetGo,
    asked,
    cancel,
    listening,
    prompts,
    recorded,
    under_way,
)
from support.eras import in_both_eras


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
        listed = await recorded(host)
        joined = await host("generate_image", prompt="A fox", **HELD)
    assert joined.image["handle"] == listed["images"][0]["handle"]
    assert len(asked(sandbox)) == 1


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
        listed = await recorded(host)
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
        await until(lambda: any("Another process or server is working on it" in line for line in told))
        await cancel(leaving)
        let_go()
        joined = await joining
        spent = (await other("spending")).fields
    assert not joined.is_error, joined.content
    assert prompts(sandbox) == ["First", "A fox"]
    assert spent["under_way_usd"] + spent["total_usd"] == 0.02, "nothing is set aside for the other"
