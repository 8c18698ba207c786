"""`list_images` and `show_image`: what was made, found again from every host and after every mishap."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import to_thread

from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import open_app

Hosts = Callable[..., AbstractAsyncContextManager[Any]]
Journal = Callable[[], list[dict[str, Any]]]

TINY = {"model": "test/test"}
EMBEDDED = {**TINY, "response_format": "b64_json"}


async def test_an_empty_gallery_says_so(connect: Hosts) -> None:
    async with connect() as host:
        told = await host("list_images")
    assert told.fields == {"images": [], "unfinished": [], "total": 0}
    assert told.text == "No picture has been made yet."


async def test_the_newest_picture_is_listed_first_with_all_that_is_known(connect: Hosts) -> None:
    async with connect() as host:
        first = await host("generate_image", prompt="A red fox", **TINY)
        second = await host(
            "generate_image", prompt="A blue whale\nin the sea", model="sandbox/gif", size="256x256"
        )
        told = await host("list_images")
    newest, oldest = told.fields["images"]
    assert (newest["handle"], oldest["handle"]) == (second.image["handle"], first.image["handle"])
    assert newest.items() >= second.image.items()
    assert (newest["prompt"], newest["model"], newest["cost_usd"]) == (
        "A blue whale\nin the sea",
        "sandbox/gif",
        0.01,
    )
    assert datetime.fromisoformat(newest["created"]).tzinfo
    assert told.fields["total"] == 2
    line = told.text.splitlines()[0]
    for part in (
        second.image["handle"],
        "sandbox/gif",
        "$0.01",
        '"A blue whale in the sea"',
        str(second.path),
    ):
        assert part in line


async def test_a_limit_keeps_the_newest(connect: Hosts) -> None:
    async with connect() as host:
        for prompt in ("one", "two", "three"):
            await host("generate_image", prompt=prompt, **TINY)
        told = await host("list_images", limit=2)
        none = await host("list_images", query="a word of many " * 1000)
    assert [image["prompt"] for image in told.fields["images"]] == ["three", "two"]
    assert told.fields["total"] == 3
    assert told.text.splitlines()[-1] == "And 1 older generation: use a larger limit, or words in query."
    assert len(none.text) < 200


async def test_a_list_counts_what_matches_and_keeps_the_pictures_of_a_call_in_their_order(
    connect: Hosts,
) -> None:
    async with connect() as host:
        made = await host("generate_image", prompt="A fox", n=4, **TINY)
        await host("generate_image", prompt="A whale", **TINY)
        listed = await host("list_images")
        found = await host("list_images", query="fox", limit=3)
    handles = [image["handle"] for image in made.fields["images"]]
    assert [image["handle"] for image in listed.fields["images"][1:]] == handles
    assert found.fields["total"] == 4
    assert found.text.splitlines()[-1] == "And 1 older generation with these words: use a larger limit."


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("fox", ["A red FOX", "A grey fox"]),
        ("RED fox", ["A red FOX"]),
        ("whale", ["A blue whale"]),
        ("sandbox/gif", ["A blue whale"]),
        ("today", ["A blue whale", "A red FOX", "A grey fox"]),
        ("yesterday", []),
        ("fox whale", []),
        ("100%", []),
    ],
)
async def test_pictures_are_found_by_words_of_prompt_model_and_date(
    connect: Hosts, query: str, found: list[str]
) -> None:
    async with connect() as host:
        await host("generate_image", prompt="A grey fox", **TINY)
        await host("generate_image", prompt="A red FOX", **TINY)
        await host("generate_image", prompt="A blue whale", model="sandbox/gif", size="256x256")
        told = await host("list_images", query=query)
    assert [image["prompt"] for image in told.fields["images"]] == found
    if not found:
        assert "Use fewer words" in told.text


async def test_failures_take_few_short_lines_and_are_searched_like_pictures(connect: Hosts) -> None:
    async with connect(wait_seconds=0) as host:
        for name in ("Moby", "Willy", "Keiko", "Migaloo", "Humphrey"):
            await host("generate_image", prompt=f"Whale {name}", model="nobody/nothing")
        fox = await host("generate_image", prompt="A fox", model="test/test")
        while (
            "ask_again_seconds" in (await host("get_generation", generation=fox.fields["generation"])).fields
        ):
            pass
        told = await host("list_images")
        while [each["state"] for each in told.fields["unfinished"]] != ["failed"] * 5:
            told = await host("list_images")
        searched = await host("list_images", query="whale migaloo")
        other = await host("list_images", query="fox")
    assert [line.split(":")[0] for line in told.text.splitlines()[:3]] == ["Failed"] * 3
    assert told.text.splitlines()[3] == "and 2 more that failed"
    assert [each["prompt"] for each in searched.fields["unfinished"]] == ["Whale Migaloo"]
    assert (len(other.fields["images"]), other.fields["unfinished"]) == (1, [])


async def test_a_picture_is_found_by_its_handle(connect: Hosts) -> None:
    async with connect() as host:
        wanted = await host("generate_image", prompt="A fox", **TINY)
        await host("generate_image", prompt="Another", **TINY)
        told = await host("list_images", query=wanted.image["handle"])
    assert [image["handle"] for image in told.fields["images"]] == [wanted.image["handle"]]


async def test_a_picture_is_shown_again_as_it_was_told_first(connect: Hosts, made: Journal) -> None:
    async with connect() as host:
        first = await host("generate_image", prompt="A fox", model="test/test")
        await host("generate_image", prompt="Another", **TINY)
        again = await host("show_image", handle=f" {first.image['handle'].upper()} ")
        large = await host("show_image", handle=first.image["handle"], preview="large")
        none = await host("show_image", handle=first.image["handle"], preview="none")
    assert again.image == first.image
    for name in ("model", "prompt", "cost_usd", "latency_ms"):
        assert again.fields[name] == first.fields[name]
    assert str(first.path) in again.text
    assert [len(told.previews) for told in (again, large, none)] == [1, 1, 0]
    assert len(large.previews[0].data) > len(again.previews[0].data)
    assert len(made()) == 2


@pytest.mark.parametrize("mishap", ["deleted", "moved"])
async def test_a_picture_whose_file_is_gone_is_fetched_again_from_its_link(
    connect: Hosts, tmp_path: Path, made: Journal, mishap: str
) -> None:
    async with connect() as host:
        first = await host("generate_image", prompt="A fox", **TINY)
        bytes_before = first.path.read_bytes()
        _lose(first.path, tmp_path, mishap)
        (listed,) = (await host("list_images")).fields["images"]
        edited = await host("edit_image", images=[listed["handle"]], prompt="Invert", model="test/test")
        again = await host("show_image", handle="last")
        (after,) = (await host("list_images")).fields["images"]
        edited_now = await host("edit_image", images=["last"], prompt="Invert", model="test/test")
    assert listed["missing"] is True
    assert edited.failed
    assert f"Call show_image with {listed['handle']}" in edited.text
    assert f"was no longer at {first.path}; it was fetched again" in again.text
    assert again.path.read_bytes() == bytes_before
    assert "missing" not in after
    assert not edited_now.failed
    assert len(made()) == 2


@pytest.mark.parametrize("mishap", ["deleted", "moved"])
async def test_a_picture_whose_file_is_gone_and_has_no_link_is_said_to_be_gone(
    connect: Hosts, tmp_path: Path, mishap: str
) -> None:
    async with connect() as host:
        first = await host("generate_image", prompt="A fox", **EMBEDDED)
        _lose(first.path, tmp_path, mishap)
        told = await host("show_image", handle=first.image["handle"])
        listed = await host("list_images")
    assert told.fields["error"]["kind"] == "not_found"
    assert f"no longer at {first.path}" in told.text
    assert "If it was moved, give its new path" in told.text
    assert listed.fields["images"][0]["missing"] is True
    assert "(the file is gone)" in listed.text


def _lose(path: Path, tmp_path: Path, mishap: str) -> None:
    if mishap == "deleted":
        path.unlink()
    else:
        path.rename(tmp_path / f"moved{path.suffix}")


async def test_a_link_that_has_expired_too_is_said_so(
    connect: Hosts, session_sandbox: tuple[Any, Any]
) -> None:
    async with connect() as host:
        first = await host("generate_image", prompt="A fox", **TINY)
        first.path.unlink()
        session_sandbox[0].app.state.sandbox.results.clear()
        told = await host("show_image")
    assert told.fields["error"]["kind"] == "delivery"
    assert "status 404" in told.text
    assert first.image["url"] in told.text


async def test_two_hosts_on_one_machine_share_one_gallery(connect: Hosts) -> None:
    async with connect(name="one") as one, connect(name="two") as two:
        first = await one("generate_image", prompt="By one", **TINY)
        seen = await two("show_image")
        second = await two("edit_image", images=["last"], prompt="By two", model="test/test")
        listed = await one("list_images")
        third = await one(
            "edit_image", images=[second.image["handle"]], prompt="By one again", model="test/test"
        )
    assert seen.image == first.image
    assert not third.failed
    assert [image["prompt"] for image in listed.fields["images"]] == ["By two", "By one"]


async def test_two_hosts_at_once_lose_and_mix_nothing(connect: Hosts, settings: Settings) -> None:
    answers: list[Any] = []

    async def make(host: Any, who: str) -> None:  # noqa: ANN401 - of conftest.py
        answers.extend(
            [
                await host("generate_image", prompt=f"{who} {number}", filename="same", **TINY)
                for number in range(8)
            ]
        )

    async with connect(name="one") as one, connect(name="two") as two:
        async with anyio.create_task_group() as both:
            both.start_soon(make, one, "one")
            both.start_soon(make, two, "two")
        listed = (await two("list_images", limit=100)).fields["images"]
    told = {(each.image["handle"], each.image["path"], each.fields["prompt"]) for each in answers}
    assert len(told) == 16
    assert {(each["handle"], each["path"], each["prompt"]) for each in listed} == told
    assert {str(path) for path in settings.output_dir.iterdir()} == {path for _, path, _ in told}


async def test_a_gallery_outlives_its_server(connect: Hosts) -> None:
    async with connect() as host:
        first = await host("generate_image", prompt="Before", **TINY)
    async with connect() as host:
        again = await host("show_image", handle=first.image["handle"])
        edited = await host("edit_image", images=["last"], prompt="After", model="test/test")
    assert again.image == first.image
    assert not edited.failed


async def test_what_a_person_deleted_is_told_as_deleted_and_costs_nothing_to_name(
    connect: Hosts, settings: Settings, made: Journal
) -> None:
    async with connect() as host, open_app(settings) as person:
        first = await host("generate_image", prompt="A red fox", **TINY)
        await host("generate_image", prompt="An owl", **TINY)
        handle, generation = first.image["handle"], first.fields["generation"]
        await to_thread.run_sync(person.deletion.delete, [handle])
        sent = len(made())
        named = [
            await host("show_image", handle=handle),
            await host("get_generation", generation=generation),
            await host("edit_image", prompt="Make it blue", images=[handle], **TINY),
        ]
        listed = await host("list_images")
        again = await host("generate_image", prompt="A red fox", **TINY)
    for told in named:
        assert told.failed
        assert "was deleted" in told.text
        assert "Nothing was charged" in told.text
    assert len(made()) == sent + 1, "only the last call was sent"
    assert [image["prompt"] for image in listed.fields["images"]] == ["An owl"]
    assert again.path.is_file(), "the same call again is a new one"
    assert again.image["handle"] != handle
