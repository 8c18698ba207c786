"""What a result tells: everything that matters in the text alone and in the structured content alone."""

import json
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import ElicitRequestParams, ElicitResult, ResourceLink

from imagerouter_mcp.gallery.signed_links import Links
from imagerouter_mcp.sandbox.service.accounts import KEY
from imagerouter_mcp.sandbox.service.serve import Sandbox
from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import open_app
from patience import until

Hosts = Callable[..., AbstractAsyncContextManager[Any]]
Journal = Callable[[], list[dict[str, Any]]]

FLUX = "black-forest-labs/FLUX-1-schnell"
SMALL: dict[str, Any] = {"model": FLUX, "size": "128x128"}


LISTED: dict[str, Any] = {
    "providers": [
        {
            "id": "p",
            "pricing": {"type": "calculated", "range": {"min": 0.01, "average": 0.02, "max": 0.024}},
        }
    ],
    "output": ["image"],
}
"""An entry of the model list."""


def check_both(told: Any, *facts: str) -> None:  # noqa: ANN401 - of conftest.py
    """Whether a host that keeps only one of the two keeps every fact."""
    for kept in (told.text, json.dumps(told.fields, ensure_ascii=False)):
        assert [fact for fact in facts if fact not in kept] == [], kept


async def test_one_picture_is_told_with_state_money_link_and_handle(connect: Hosts) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="A fox", **SMALL)
    image = told.image
    check_both(told, image["path"], image["url"], image["handle"], FLUX, "0.0013", *told.fields["notes"])
    assert told.fields["state"] == "done"
    assert "number" not in image
    (link,) = [block for block in told.result.content if isinstance(block, ResourceLink)]
    assert link.description == "A fox"


async def test_several_pictures_have_the_same_numbers_in_the_text_and_in_the_structured_content(
    connect: Hosts,
) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="A fox", n=3, **SMALL)
    for number, image in enumerate(told.fields["images"], start=1):
        assert image["number"] == number
        line = f"{number} · {image['handle']} · {FLUX} · $0.0013"
        after = told.text.partition(line)[2]
        assert after.startswith(" · "), told.text
        assert after.splitlines()[1].startswith(f"Saved: {image['path']} (")
        assert Path(image["path"]).stem == f"A-fox-{number}"
    assert '"last"' not in told.text, "it would name one of several"
    assert told.fields["notes"]
    assert len(set(told.fields["notes"])) == len(told.fields["notes"]), "each note is told once"


async def test_the_answer_with_one_picture_is_short(connect: Hosts) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="A fox in the snow", aspect_ratio="16:9")
        edited = await host("edit_image", prompt="Make it night", images=["last"])
    for each in (told, edited):
        links = (each.image["path"], each.image["url"])
        assert len(each.text) - sum(map(len, links)) <= 900, each.text


async def test_an_edit_names_what_it_was_made_from(connect: Hosts, source: Path) -> None:
    async with connect() as host:
        made = await host("generate_image", prompt="A red fox", **SMALL)
        told = await host("edit_image", prompt="Bluer", images=["last", str(source)])
    check_both(told, made.image["handle"], made.path.name, "A red fox", str(source))
    assert f"From: {made.image['handle']} · {made.path.name}" in told.text


async def test_an_old_picture_that_is_shown_again_is_not_called_made_now_or_last(connect: Hosts) -> None:
    async with connect() as host:
        first = await host("generate_image", prompt="A red fox", **SMALL)
        await host("generate_image", prompt="A blue fox", **SMALL)
        told = await host("show_image", handle=first.image["handle"])
    assert told.text.startswith(f"1 picture, made with {FLUX} for $0.0013")
    assert '"last"' not in told.text


@pytest.mark.parametrize(("on", "links"), [(True, 1), (False, 0)])
async def test_resource_links_can_be_left_out(connect: Hosts, on: bool, links: int) -> None:  # noqa: FBT001 - a column
    async with connect(resource_links=on) as host:
        told = await host("generate_image", prompt="A fox", **SMALL)
    assert sum(isinstance(block, ResourceLink) for block in told.result.content) == links


@pytest.mark.parametrize(("version", "links"), [("2025-03-26", 0), ("2025-06-18", 1)])
def test_a_client_whose_protocol_lacks_resource_links_gets_none(
    sandbox: Sandbox, tmp_path: Path, version: str, links: int
) -> None:
    client = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "old", "version": "1"}}
    call = {"name": "generate_image", "arguments": {"prompt": "A fox", "model": "test/test"}}
    told = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": client},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call},
    ]
    places = {
        "IMAGEROUTER_API_KEY": KEY,
        "IMAGEROUTER_BASE_URL": sandbox.base_url,
        "IMAGEROUTER_OUTPUT_DIR": str(tmp_path / "pictures"),
        "IMAGEROUTER_DATA_DIR": str(tmp_path / "data"),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "imagerouter_mcp"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **places},
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write("".join(f"{json.dumps(each)}\n" for each in told))
        process.stdin.flush()
        answer = next(read for line in process.stdout if (read := json.loads(line)).get("id") == 2)
        process.stdin.close()
    kinds = [block["type"] for block in answer["result"]["content"]]
    assert not answer["result"].get("isError")
    assert kinds.count("resource_link") == links


async def test_a_call_that_goes_on_says_in_both_how_to_collect_it(connect: Hosts) -> None:
    async with connect(wait_seconds=0.1) as host:
        told = await host("generate_image", prompt="A fox", model="sandbox/slow-0.6", size="256x256")
        seconds = told.fields["ask_again_seconds"]
        check_both(
            told,
            f"Call get_generation with {told.fields['generation']} in about {seconds} s",
            "paid for only once",
        )
        done = await host("get_generation", generation=told.fields["generation"], wait=20)
        while "ask_again_seconds" in done.fields:
            done = await host("get_generation", generation=told.fields["generation"])
    assert done.fields["generation"] == told.fields["generation"]


async def test_a_dry_run_says_in_both_that_nothing_was_sent(connect: Hosts) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="A fox", n=2, dry_run=True, **SMALL)
    check_both(told, FLUX, "128x128", "0.0026", "Nothing was sent.")


async def test_a_picture_for_the_chat_says_in_both_how_to_show_it(connect: Hosts) -> None:
    async with connect(media_lines=True) as host:
        told = await host("generate_image", prompt="A fox", **SMALL)
    check_both(told, f"MEDIA:{told.path}", "end your reply with")


async def test_what_is_unfinished_says_in_both_what_it_may_cost_and_what_to_do(
    connect: Hosts, made: Journal
) -> None:
    async with connect(wait_seconds=0.1, grace_seconds=0) as host:
        begun = await host("generate_image", prompt="A fox", model="sandbox/slow-9.5", size="256x256")
        handle = begun.fields["generation"]
        await until(made)
        for told in (await host("list_images"), await host("spending")):
            check_both(told, handle, f"collect it with get_generation {handle}", "1.0")


async def test_a_failure_that_cost_nothing_leaves_the_sum_as_certain_as_it_was(connect: Hosts) -> None:
    models = [FLUX, "sandbox/moderated"]
    async with connect() as host:
        some = await host("compare_models", prompt="A fox", models=models, size="128x128")
        whole = await host("compare_models", prompt="A fox", models=[FLUX, "test/test"], size="128x128")
    assert some.text.startswith(f"Made 1 of 2 pictures with {FLUX} for $0.0013")
    check_both(some, *some.fields["failures"])
    assert whole.text.startswith("Made 2 pictures with 2 models for $0.0013")
    assert f"2 · {whole.fields['images'][1]['handle']} · test/test · free" in whole.text


def contents(path: Path) -> bytes:
    return path.read_bytes()


def json_answer(value: object) -> bytes:
    body = json.dumps(value).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@pytest.mark.parametrize(
    ("cost", "note"),
    [
        (0.1343, "x/y cost $0.1343, but the model list says at most $0.024."),
        (None, "ImageRouter did not say what x/y cost; by the model list it costs about $0.02"),
        (0.024, None),
    ],
)
async def test_a_cost_that_the_list_did_not_lead_to_expect_is_said(
    connect: Hosts, answering: Callable[..., Any], source: Path, cost: float | None, note: str | None
) -> None:
    picture = b64encode(contents(source)).decode()
    answer: dict[str, Any] = {"data": [{"b64_json": picture}], "cost": cost, "latency": 2013}
    base_url = await answering(json_answer({"x/y": LISTED}), json_answer(answer))
    async with connect(base_url=base_url) as host:
        told = await host("generate_image", prompt="A fox", model="x/y", preview="none")
    assert not told.failed, told.text
    check_both(told, note or "")
    assert len([each for each in told.fields["notes"] if " cost" in each]) == (1 if note else 0)
    amount = f" for ${cost}" if cost else ""
    assert told.text.startswith(f"Made 1 picture with x/y{amount} in 2.0 s.")


POSTLOG = "Failed to postlog usage for x/y 0b5e6f6e-4a39-4e0e-8e39-0b8a3c6b3d55"


@pytest.mark.parametrize(
    ("error", "words", "fields"),
    [
        (
            {"error": {"message": "The provider failed", "type": "internal_error"}, "cost": 0.04},
            "$0.04 was charged.",
            {"charged": "yes", "cost_usd": 0.04},
        ),
        (
            {"error": {"message": "The provider failed", "type": "internal_error"}},
            "Nothing was charged.",
            {"charged": "no"},
        ),
        (
            {"error": {"message": POSTLOG, "type": "internal_error"}},
            "Up to $0.024 was kept.",
            {"charged": "yes", "up_to_usd": 0.024},
        ),
    ],
)
async def test_a_failure_says_in_both_what_it_cost(
    connect: Hosts,
    answering: Callable[..., Any],
    error: dict[str, object],
    words: str,
    fields: dict[str, object],
) -> None:
    base_url = await answering(json_answer({"x/y": LISTED}), json_answer(error))
    async with connect(base_url=base_url) as host:
        told = await host("generate_image", prompt="A fox", model="x/y")
    assert told.failed
    check_both(told, words)
    assert told.fields["error"].items() >= fields.items()
    assert ("cost_usd" in told.fields["error"]) == ("cost_usd" in fields)


async def test_a_call_that_may_cost_exactly_the_persons_limit_needs_no_question(connect: Hosts) -> None:
    asked: list[str] = []

    async def person(_: object, question: ElicitRequestParams) -> ElicitResult:
        asked.append(question.message)
        return ElicitResult(action="decline")

    async with connect() as host:
        planned = await host("generate_image", prompt="A fox", dry_run=True, **SMALL)
    limit = Decimal(str(planned.fields["estimate_usd"]["high"]))
    async with connect(person=person, confirm_usd=limit) as host:
        within = await host("generate_image", prompt="A fox", **SMALL)
    async with connect(person=person, confirm_usd=limit - Decimal("0.0001")) as host:
        above = await host("generate_image", prompt="A wolf", **SMALL)
    assert not within.failed, within.text
    assert above.failed
    assert len(asked) == 1


class FlakyLinks(Links):
    """Download links that cannot be made for a while, as nobody foresaw."""

    broken = True

    def download(self, handle: str) -> str:
        """Fail while they are broken."""
        if self.broken:
            raise LookupError(handle)
        return super().download(handle)


async def test_a_call_whose_answer_failed_on_the_way_is_answered_when_it_is_made_again(
    settings: Settings, made: Journal
) -> None:
    links = FlakyLinks("https://pictures.example", b"a secret of this test")
    wish = {"prompt": "A fox", **SMALL}
    async with open_app(settings, links) as app, Client(build_server(app)) as client:
        lost = await client.call_tool("generate_image", wish)
        links.broken = False
        again = await client.call_tool("generate_image", wish)
        third = await client.call_tool("generate_image", {**wish, "again": True})
    assert lost.is_error
    assert not again.is_error, again
    assert len(made()) == 2, "the second call shows the first picture; the third asks for another"
    assert again.structured_content
    assert third.structured_content
    assert again.structured_content["generation"] != third.structured_content["generation"]
    assert Decimal(str(again.structured_content["cost_usd"])) == Decimal("0.0013")


async def test_last_is_the_sessions_own_picture_and_names_none_of_several(
    connect: Hosts, settings: Settings
) -> None:
    invert = {"prompt": "Invert", "images": ["last"], "model": "test/test"}
    async with connect() as host:
        own = await host("generate_image", prompt="Mine", **SMALL)
        async with open_app(settings) as app, Client(build_server(app)) as other:
            await other.call_tool("generate_image", {"prompt": "Another session's", **SMALL})
        edited = await host("edit_image", **invert)
        several = await host("generate_image", prompt="Two", n=2, **SMALL)
        refusals = [
            await host("edit_image", **{**invert, "prompt": "Bluer"}),
            await host("edit_image", dry_run=True, **invert),
            await host("show_image"),
            await host("preview_mask", mask="box:0,0,50%,50%"),
        ]
    assert f"From: {own.image['handle']} · {own.path.name}" in edited.text
    assert "made elsewhere" not in edited.text
    for refusal in refusals:
        assert refusal.failed
        for image in several.fields["images"]:
            assert image["handle"] in refusal.text


async def test_last_of_another_session_is_said_to_come_from_elsewhere(connect: Hosts) -> None:
    async with connect() as host:
        made = await host("generate_image", prompt="A red fox", **SMALL)
    async with connect() as host:
        told = await host("edit_image", prompt="Invert", images=["last"], model="test/test")
    check_both(told, f"`last` was taken to mean {made.image['handle']} (A red fox)", "made elsewhere")


async def test_a_repeated_edit_of_last_with_several_results_is_the_same_call(
    connect: Hosts, journal: Journal
) -> None:
    edit = {"prompt": "Invert", "images": ["last"], "model": "test/test", "n": 2}
    async with connect() as host:
        await host("generate_image", prompt="A fox", **SMALL)
        first = await host("edit_image", **edit)
        second = await host("edit_image", **edit)
    assert second.fields["images"] == first.fields["images"]
    assert len([entry for entry in journal() if entry["path"].startswith("/v1/openai/")]) == 3


async def test_a_video_is_not_what_last_edits_but_what_it_shows(connect: Hosts) -> None:
    async with connect() as host:
        clip = await host("generate_video", prompt="Waves", model="ir/test-video")
        edited = await host("edit_image", prompt="Invert", images=["last"], model="test/test")
        shown = await host("show_image")
    assert edited.failed
    assert f"{clip.image['handle']}, is a video" in edited.text
    assert shown.text.startswith("1 video, made with ir/test-video")
