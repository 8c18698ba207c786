"""What a server left that is gone, as the next one tells it: never sent, unknown, or finished."""

import base64
import io
import json
import os
import sqlite3
import zlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from faults.places import states, without_journal
from imagerouter_mcp.fetch import tls_context
from imagerouter_mcp.gallery.answers import Answers
from imagerouter_mcp.gallery.entries import Reservation
from imagerouter_mcp.gallery.journal import Journal
from imagerouter_mcp.gallery.owners import Owners
from imagerouter_mcp.gallery.tables import gallery_database
from imagerouter_mcp.generation.calls import tasks
from imagerouter_mcp.generation.planning.finishing import Finishing
from imagerouter_mcp.generation.planning.plan import Destination, Plan
from imagerouter_mcp.generation.planning.prices import Estimate
from imagerouter_mcp.sandbox.service.serve import Sandbox
from imagerouter_mcp.sandbox.service.store import StoredFile
from imagerouter_mcp.settings import Settings
from patience import until
from support.object_store import BUCKET, SeaweedFS, new_prefix

Hosts = Callable[..., AbstractAsyncContextManager[Any]]
Made = Callable[[], list[dict[str, Any]]]

HEAD = json.dumps({"status": 200, "headers": {"server": "imagerouter-sandbox"}}).encode() + b"\n"
pytestmark = pytest.mark.parametrize("era", ["auto"])  # the protocol has no part in it


def _png(colour: str = "teal") -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (48, 32), colour).save(data, "PNG")
    return data.getvalue()


def answer_of(**item: str) -> bytes:
    """An answer as the service words it."""
    return json.dumps({"created": 1, "data": [item], "latency": 1234, "cost": 0.01}).encode()


@pytest.fixture
def leave(settings: Settings) -> Callable[..., str]:
    """Leaves a generation as a server does that ends in the middle of it; gives its handle."""

    def left(state: str, kept: bytes | None = None, finishing: Finishing | None = None) -> str:
        database = gallery_database(settings.data_dir)
        journal = Journal(database, Owners(settings.data_dir / "running"))
        (handle,), _ = journal.begin(f"of {state}", [("A fox", "vendor/x")], again=True)
        plan = Plan(
            kind="image",
            prompt="A fox",
            fields={"model": "vendor/x", "prompt": "A fox", "size": "48x32"},
            why="it was chosen",
            estimate=Estimate(Decimal("0.01"), Decimal("0.02"), Decimal("0.03")),
            destination=Destination(settings.output_dir, "a-fox"),
            origins=("/pictures/source.png",),
            notes=("It is small.",),
            finishing=finishing,
        )
        if state != "preparing":
            usd = Decimal("0.03")
            reservation = Reservation(handle=handle, model=plan.model, usd=usd, plan=plan.to_json())
            assert journal.reserve([reservation]) is None
        if state == "working":
            journal.leaves(handle)
        if kept is not None:
            arrived = Answers(settings.data_dir).file(handle)
            arrived.parent.mkdir(parents=True, exist_ok=True)
            arrived.write_bytes(kept)
        journal.close()
        database.close()
        return handle

    return left


@pytest.mark.parametrize("state", ["preparing", "queued"])
async def test_what_had_not_been_sent_is_told_as_never_sent(
    connect: Hosts, made: Made, leave: Callable[..., str], state: str
) -> None:
    handle = leave(state)
    async with connect() as host:
        listed = await host("list_images")
        told = await host("get_generation", generation=handle)
        spent = (await host("spending")).fields
    assert [entry["state"] for entry in listed.fields["unfinished"]] == ["not_sent"]
    assert f"Never sent: {handle}" in listed.text
    assert told.fields["error"]["kind"] == "not_sent"
    assert told.fields["error"]["charged"] == "no"
    assert spent["under_way_usd"] == spent["uncertain_usd"] == 0
    assert not made()


async def test_spending_asked_first_does_not_count_what_was_never_sent(
    connect: Hosts, leave: Callable[..., str]
) -> None:
    leave("queued")
    async with connect() as host:
        spent = (await host("spending")).fields
    assert spent["under_way_usd"] == spent["uncertain_usd"] == 0


HALVES = {
    "no answer": None,
    "nothing": b"",
    "half a head": HEAD[:10],
    "a head": HEAD,
    "a head that is no JSON": b"{\n{}",
    "half an answer": HEAD + answer_of(b64_json=base64.b64encode(_png()).decode())[:-40],
}


@pytest.mark.parametrize("kept", HALVES)
async def test_what_was_sent_and_not_answered_whole_is_unknown(
    connect: Hosts, made: Made, leave: Callable[..., str], kept: str
) -> None:
    handle = leave("working", HALVES[kept])
    async with connect() as host:
        told = await host("get_generation", generation=handle)
        listed = await host("list_images")
        spent = (await host("spending")).fields
        again = await host("edit_image", images=["/pictures/source.png"], prompt="A fox", model="vendor/x")
    assert told.fields["error"]["kind"] == "outcome_unknown"
    assert told.fields["error"]["charged"] == "unknown"
    assert "It may still complete and be charged." in told.text
    (entry,) = listed.fields["unfinished"]
    assert (entry["state"], entry["generation"], entry["may_cost_usd"]) == ("unknown", handle, 0.03)
    assert f"{handle} is an earlier call" in again.text
    assert "and these sources. It may still complete and be charged. Call" in again.text
    assert (spent["uncertain_usd"], spent["total_usd"]) == (0.03, 0)
    assert not made()


@pytest.mark.parametrize("delivery", ["url", "b64_json"])
async def test_what_had_arrived_whole_is_finished_and_told_as_always(
    connect: Hosts, sandbox: Sandbox, made: Made, leave: Callable[..., str], delivery: str
) -> None:
    sandbox.app.state.sandbox.results.put("fox.png", StoredFile(_png(), "image/png"))
    items = {
        "url": {"url": f"{sandbox.base_url}/files/fox.png"},
        "b64_json": {"b64_json": base64.b64encode(_png()).decode()},
    }
    handle = leave("working", HEAD + answer_of(**items[delivery]))
    async with connect() as host:
        told = await host("get_generation", generation=handle)
        last = await host("show_image")
        spent = (await host("spending")).fields
    assert not told.failed, told.text
    assert told.path.name.startswith("a-fox")
    with Image.open(told.path) as picture:
        assert picture.size == (48, 32)
    assert told.fields["generation"] == handle
    assert told.fields["cost_usd"] == 0.01
    assert told.fields["latency_ms"] == 1234
    assert told.fields["why"] == "it was chosen"
    assert told.fields["estimate_usd"] == {"low": 0.01, "likely": 0.02, "high": 0.03}
    assert "It is small." in told.fields["notes"]
    assert any("Made by the sandbox" in note for note in told.fields["notes"])
    assert last.path == told.path
    assert (spent["total_usd"], spent["uncertain_usd"], spent["under_way_usd"]) == (0.01, 0, 0)
    assert not made()


async def test_a_picture_that_a_dead_server_had_stored_already_is_taken_as_it_is(
    connect: Hosts, settings: Settings, leave: Callable[..., str]
) -> None:
    stored, other = settings.output_dir / "a-fox-2.png", settings.output_dir / "a-fox.png"
    stored.parent.mkdir(parents=True)
    stored.write_bytes(_png())
    other.write_bytes(b"of the same name")
    handle = leave("working", HEAD + answer_of(b64_json=base64.b64encode(_png()).decode()))
    another = leave("working", HEAD + answer_of(b64_json=base64.b64encode(_png()).decode()))
    async with connect() as host:
        told = {(await host("get_generation", generation=each)).path for each in (handle, another)}
    assert told == {stored, settings.output_dir / "a-fox-3.png"}, "a file belongs to one picture"
    assert {file.name for file in settings.output_dir.iterdir()} == {
        "a-fox.png",
        "a-fox-2.png",
        "a-fox-3.png",
    }


SQUARE = Finishing(size=(24, 24), output_format="png")


@pytest.mark.parametrize("stored", [(), ("result",), ("result", "original")])
async def test_what_a_dead_server_had_not_finished_is_finished_once_whenever_it_ended(
    connect: Hosts, settings: Settings, leave: Callable[..., str], stored: tuple[str, ...]
) -> None:
    answer = HEAD + answer_of(b64_json=base64.b64encode(_png()).decode())
    handle = leave("working", answer, SQUARE)
    async with connect() as host:
        first = await host("get_generation", generation=handle)
    files = {"result": first.path, "original": settings.output_dir / "a-fox-original.png"}
    contents = {name: file.read_bytes() for name, file in files.items()}
    for file in settings.output_dir.iterdir():
        file.unlink()
    (settings.data_dir / "gallery.sqlite3").unlink()
    for name in stored:
        files[name].write_bytes(contents[name])
    handle = leave("working", answer, SQUARE)
    async with connect() as host:
        told = await host("get_generation", generation=handle)
    assert {file.name for file in settings.output_dir.iterdir()} == {"a-fox.png", "a-fox-original.png"}
    assert contents == {name: file.read_bytes() for name, file in files.items()}
    assert (told.path, told.image["original"]["path"]) == (files["result"], str(files["original"]))
    with Image.open(told.path) as picture:
        assert picture.size == (24, 24)
    assert "vendor/x made 48x32; here it was cropped to 24x24." in told.fields["notes"]


async def test_each_of_several_pictures_of_one_answer_is_finished(
    connect: Hosts, settings: Settings, leave: Callable[..., str]
) -> None:
    items = [{"b64_json": base64.b64encode(_png(colour)).decode()} for colour in ("teal", "red", "blue")]
    answer = json.dumps({"created": 1, "data": items, "latency": 1, "cost": 0.01}).encode()
    handle = leave("working", HEAD + answer, SQUARE)
    async with connect() as host:
        told = await host("get_generation", generation=handle)
    names = [(each["path"], each["original"]["path"]) for each in told.fields["images"]]
    folder = settings.output_dir
    assert names == [
        (str(folder / f"{stem}.png"), str(folder / f"{stem}-original.png"))
        for stem in ("a-fox", "a-fox-2", "a-fox-3")
    ]
    assert [(each["width"], each["height"]) for each in told.fields["images"]] == [(24, 24)] * 3
    assert (
        len({each["handle"] for image in told.fields["images"] for each in (image, image["original"])}) == 6
    )


@pytest.mark.parametrize("how", ["get_generation", "show_image"])
async def test_what_could_not_be_fetched_at_first_is_finished_when_it_can_be(
    connect: Hosts, sandbox: Sandbox, leave: Callable[..., str], how: str
) -> None:
    answer = HEAD + answer_of(url=f"{sandbox.base_url}/files/late-{how}.png")
    handle = leave("working", answer, SQUARE)
    async with connect() as host:
        missing = await host("get_generation", generation=handle)
        (listed,) = (await host("list_images")).fields["images"]
        sandbox.app.state.sandbox.results.put(f"late-{how}.png", StoredFile(_png(), "image/png"))
        wish = {"get_generation": {"generation": handle}, "show_image": {"handle": listed["handle"]}}
        told = await host(how, **wish[how])
        (after,) = (await host("list_images")).fields["images"]
        original = await host("show_image", handle=told.image["original"]["handle"])
    assert missing.fields["error"]["kind"] == "delivery"
    assert listed["url"] == told.image["original"]["url"]
    assert (told.image["handle"], told.image["width"], told.image["height"]) == (listed["handle"], 24, 24)
    assert (original.image["width"], original.image["height"]) == (48, 32)
    assert any("here it was cropped to 24x24" in note for note in told.fields["notes"])
    assert after["original"] == told.image["original"]


def _broken_png() -> bytes:
    """Return a PNG with a sound structure and nonsense for pixels."""
    whole = _png()
    at = whole.index(b"IDAT")
    length = int.from_bytes(whole[at - 4 : at], "big")
    body = b"IDAT" + b"\x78\x9c" + b"\xff" * (length - 2)
    return whole[:at] + body + zlib.crc32(body).to_bytes(4, "big") + whole[at + 8 + length :]


async def test_a_picture_that_cannot_be_finished_arrives_as_the_model_made_it_with_a_note(
    connect: Hosts, settings: Settings, leave: Callable[..., str]
) -> None:
    answer = HEAD + answer_of(b64_json=base64.b64encode(_broken_png()).decode())
    handle = leave("working", answer, SQUARE)
    async with connect() as host:
        told = await host("get_generation", generation=handle)
        shown = await host("show_image", handle=told.image["handle"])
    assert told.path == shown.path == settings.output_dir / "a-fox.png"
    assert told.path.read_bytes() == _broken_png()
    assert "original" not in told.image
    (note,) = [each for each in told.fields["notes"] if each.startswith("It could not be cropped to 24x24")]
    assert note.endswith("this is what vendor/x made.")
    assert "24x24 was asked for; vendor/x made 48x32." in told.fields["notes"]


@pytest.mark.parametrize("row", ['{"handle": "gen_1"}', "{", "", "[]", "null"])
async def test_a_row_that_cannot_be_read_ends_once_and_what_had_arrived_is_kept(
    connect: Hosts, settings: Settings, leave: Callable[..., str], row: str
) -> None:
    answer = HEAD + answer_of(b64_json=base64.b64encode(_png()).decode())
    handle = leave("working", answer)
    with closing(sqlite3.connect(settings.data_dir / "gallery.sqlite3")) as connection, connection:
        connection.execute("UPDATE journal SET job = ?", (row,))
    async with connect() as host:
        told = [await host("get_generation", generation=handle) for _ in range(2)]
        listed = (await host("list_images")).fields["unfinished"]
        spent = (await host("spending")).fields
    assert told[0].result == told[1].result
    assert (told[0].fields["error"]["kind"], told[0].fields["error"]["charged"]) == ("delivery", "yes")
    kept = settings.data_dir / "rescued" / f"{handle}.answer"
    assert str(kept) in told[0].text
    assert kept.read_bytes() == answer
    assert [entry["state"] for entry in listed] in ([], ["failed"])
    assert "$0.01 was charged." in told[0].text
    assert (spent["total_usd"], spent["uncertain_usd"]) == (0.01, 0)


async def test_a_row_of_an_earlier_version_is_delivered(
    connect: Hosts, settings: Settings, leave: Callable[..., str]
) -> None:
    handle = leave("working", HEAD + answer_of(b64_json=base64.b64encode(_png()).decode()))
    job: dict[str, Any] = {
        "handle": handle,
        "call": handle,
        "kind": "image",
        "prompt": "A fox",
        "fields": {"model": "vendor/x", "prompt": "A fox"},
        "why": "it was chosen",
        "estimate": {"low": 0.01, "likely": 0.02, "high": 0.03},
        "destination": {"folder": str(settings.output_dir), "stem": "a-fox"},
        "origins": [],
        "notes": [],
    }
    with closing(sqlite3.connect(settings.data_dir / "gallery.sqlite3")) as connection, connection:
        connection.execute("UPDATE journal SET job = ?", (json.dumps(job),))
    async with connect() as host:
        told = await host("get_generation", generation=handle)
    assert told.path.parent == settings.output_dir
    assert told.fields["estimate_usd"] == {"low": 0.01, "likely": 0.02, "high": 0.03}


async def test_an_error_that_had_arrived_is_told_as_it_came(
    connect: Hosts, leave: Callable[..., str]
) -> None:
    error = {"error": {"message": "Your request was rejected as a result of our safety system.", "type": "x"}}
    handle = leave("working", HEAD + json.dumps(error).encode())
    async with connect() as host:
        told = await host("get_generation", generation=handle)
        spent = (await host("spending")).fields
    assert told.fields["error"]["charged"] == "no"
    assert "safety system" in told.text
    assert spent["uncertain_usd"] == 0


async def test_the_most_that_a_failure_kept_is_told_whoever_settles_it(
    connect: Hosts, leave: Callable[..., str]
) -> None:
    error = {"error": {"message": "Failed to postlog usage", "type": "internal_error"}}
    handle = leave("working", HEAD + json.dumps(error).encode())
    async with connect() as host:
        told = [await host("get_generation", generation=handle) for _ in range(2)]
    for each in told:
        assert "Up to $0.03 was kept." in each.text
        assert each.fields["error"]["up_to_usd"] == 0.03


async def test_what_cannot_be_delivered_ends_with_its_cost_and_the_place_of_its_bytes(
    connect: Hosts, settings: Settings, leave: Callable[..., str]
) -> None:
    handle = leave("working", HEAD + answer_of(b64_json="no base64 %%%"))
    async with connect() as host:
        told = [await host("get_generation", generation=handle) for _ in range(2)]
    for each in told:
        assert "$0.01 was charged." in each.text
        assert str(settings.data_dir / "rescued" / f"{handle}-1.txt") in each.text
        assert each.fields["error"]["cost_usd"] == 0.01


async def test_what_cannot_be_settled_yet_may_have_been_charged_and_is_settled_later(
    connect: Hosts, leave: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = leave("working", HEAD + answer_of(b64_json=base64.b64encode(_png()).decode()))
    tls_context.cache_clear()
    with monkeypatch.context() as environment:
        environment.setenv("SSL_CERT_FILE", "/no/such/file.pem")
        async with connect() as host:
            told = await host("get_generation", generation=handle)
    assert (told.fields["error"]["kind"], told.fields["error"]["charged"]) == ("configuration", "unknown")
    async with connect() as host:
        later = await host("get_generation", generation=handle)
    assert later.path.is_file()


async def test_what_could_not_be_looked_up_is_settled_once_it_can_be_though_nobody_asks_again(
    connect: Hosts, settings: Settings, leave: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "FIRST_PAUSE", 0.02)
    leave("queued")
    async with connect() as host:
        with without_journal(settings.data_dir):
            assert (await host("list_images")).failed
        await until(lambda: states(settings.data_dir) == ["not_sent"])


async def test_what_killed_servers_left_is_swept_before_the_next_paid_call(
    connect: Hosts, settings: Settings, leave: Callable[..., str]
) -> None:
    refused = Answers(settings.data_dir).file(leave("queued", HEAD + b"a refusal"))
    unknown = Answers(settings.data_dir).file(leave("working", HEAD + b"half an answ"))
    lock = settings.data_dir / "running" / "1-killed.lock"
    parts = [
        folder / ".imagerouter-1.part" for folder in (settings.output_dir, settings.data_dir / "rescued")
    ]
    for file in (lock, *parts):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        os.utime(file, (0, 0))
    async with connect() as host:
        await host("list_images")
        await host("generate_image", prompt="A wolf", model="test/test")
    assert not [file for file in (refused, lock, *parts) if file.exists()]
    kept = settings.data_dir / "rescued" / unknown.name
    assert kept.read_bytes() == HEAD + b"half an answ", "it may be all that there is of a paid picture"


async def test_a_paid_call_that_asks_for_something_else_settles_what_was_left_too(
    connect: Hosts, leave: Callable[..., str]
) -> None:
    handle = leave("working")
    async with connect() as host:
        await host("generate_image", prompt="A wolf", model="test/test")
        listed = (await host("list_images")).fields
    assert [(each["generation"], each["state"]) for each in listed["unfinished"]] == [(handle, "unknown")]


@pytest.fixture
def in_its_environment(object_store: SeaweedFS, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Set what the object store's clients read; return a folder for the test."""
    for name, value in object_store.credentials().items():
        monkeypatch.setenv(name, value)
    return tmp_path


async def test_a_whole_answer_that_another_server_received_is_found_in_the_object_store(
    connect: Hosts,
    made: Made,
    leave: Callable[..., str],
    object_store: SeaweedFS,
    in_its_environment: Path,
) -> None:
    handle, prefix = leave("working"), new_prefix()
    answer = HEAD + answer_of(b64_json=base64.b64encode(_png()).decode())
    object_store.put(f"{prefix}/people/local/answers/{handle}", answer)
    pictures = in_its_environment / "elsewhere"
    async with connect(object_store=f"s3://{BUCKET}/{prefix}", output_dir=pictures) as host:
        told = await host("get_generation", generation=handle)
    assert (told.fields["state"], told.fields["cost_usd"]) == ("done", 0.01)
    assert told.path.read_bytes() == _png()
    assert told.path.is_relative_to(pictures)
    assert not made()
    (key,) = object_store.keys(prefix)
    assert key.endswith("/a-fox.png")
