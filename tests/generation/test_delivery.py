"""From answers to files: what is kept when something is in the way, and what is tried again."""

import asyncio
import base64
import io
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from decimal import Decimal
from pathlib import Path

import pytest
from PIL import Image

from imagerouter_mcp.addresses import Policy
from imagerouter_mcp.api.wire import GenerationAnswer, ResultItem
from imagerouter_mcp.errors import DeliveryError
from imagerouter_mcp.fetch import Fetcher
from imagerouter_mcp.gallery.answers import Answers
from imagerouter_mcp.gallery.entries import GalleryImage, Record, Reservation, StoredImage
from imagerouter_mcp.gallery.files import partial_file
from imagerouter_mcp.gallery.journal import Journal
from imagerouter_mcp.gallery.kept_files import KeptFiles
from imagerouter_mcp.gallery.records import Gallery
from imagerouter_mcp.generation import result_files
from imagerouter_mcp.generation.delivery import Delivery
from imagerouter_mcp.generation.lost_files import LostFiles
from imagerouter_mcp.generation.planning.plan import Destination, Plan
from imagerouter_mcp.generation.result_files import ResultFiles, Stored
from imagerouter_mcp.generation.undelivered import undelivered
from imagerouter_mcp.settings import Settings
from support.recording import RecordingGallery

LINK = "https://storage.example/fox.png"


def _png() -> str:
    data = io.BytesIO()
    Image.new("RGB", (48, 32), "teal").save(data, "PNG")
    return base64.b64encode(data.getvalue()).decode()


def plan_into(folder: Path) -> Plan:
    return Plan(
        kind="image",
        prompt="a fox",
        fields={"model": "vendor/x", "prompt": "a fox"},
        why="",
        estimate=None,
        destination=Destination(folder, "a-fox"),
        origins=(),
        notes=(),
    )


async def delivered(deliver: Delivery, handle: str, plan: Plan, answer: GenerationAnswer) -> Record:
    """The record of an answer that was stored."""
    record, _ = await deliver.record(handle, plan, answer, await deliver.store(handle, plan, answer))
    return record


@pytest.fixture
async def files(person: Settings, gallery: Gallery, answers: Answers) -> AsyncIterator[ResultFiles]:
    async with aclosing(Fetcher(Policy(allow_private=True), 2)) as fetcher:
        yield ResultFiles(lambda: fetcher, gallery, answers, KeptFiles(person.output_dir), person)


@pytest.fixture
def deliver(
    files: ResultFiles, person: Settings, gallery: Gallery, entries: Journal, answers: Answers
) -> Delivery:
    return Delivery(files, gallery, entries, answers, KeptFiles(person.output_dir), settings=person)


@pytest.fixture
def handle(entries: Journal) -> str:
    """A generation whose request has left."""
    (handle,), _ = entries.begin("a fox", [("a fox", "vendor/x")], again=False)
    reservation = Reservation(handle=handle, model="vendor/x", usd=Decimal("0.04"), plan="{}")
    entries.reserve([reservation])
    entries.leaves(handle)
    return handle


async def test_a_picture_that_no_folder_takes_is_held_though_another_of_its_answer_can_be_had(
    *,
    deliver: Delivery,
    person: Settings,
    entries: Journal,
    handle: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blocked = [person.output_dir, person.data_dir / "rescued", tmp_path / "no folder"]
    for file in blocked:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "no folder"))
    items = [ResultItem(url="http://127.0.0.1:1/fox.png"), ResultItem(b64_json=_png())]
    answer = GenerationAnswer(items=items, cost=Decimal("0.04"))
    plan = plan_into(person.output_dir)
    with pytest.raises(DeliveryError, match=f"make room there, then call get_generation with {handle}"):
        await deliver.store(handle, plan, answer)
    assert [entry.state for entry in entries.call(handle)] == ["working"], "it can still be stored"
    for file in blocked:
        file.unlink()
    held = deliver.take_held(handle)
    assert held is answer
    record, notes = await deliver.record(handle, plan, answer, await deliver.store(handle, plan, answer))
    assert [image.path is not None for image in record.images] == [False, True]
    assert any("could not be fetched" in note for note in notes)
    assert not deliver.holds(handle)


@pytest.mark.parametrize(("status", "tries"), [("404 Not Found", 1), ("503 Service Unavailable", 3)])
async def test_a_download_is_tried_again_only_if_that_can_help(
    *,
    deliver: Delivery,
    person: Settings,
    handle: str,
    loopback: Callable[..., Awaitable[str]],
    monkeypatch: pytest.MonkeyPatch,
    status: str,
    tries: int,
) -> None:
    monkeypatch.setattr(result_files, "RETRY_AFTER_SECONDS", (0.0, 0.0))
    asked: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()

    url = f"{await loopback(refuse)}/fox.png"
    answer = GenerationAnswer(items=[ResultItem(url=url)], cost=Decimal("0.04"))
    with pytest.raises(DeliveryError, match="could not be fetched") as caught:
        await delivered(deliver, handle, plan_into(person.output_dir), answer)
    assert len(asked) == tries
    assert url in str(caught.value)


@pytest.mark.parametrize("damaged", ["é" + _png(), _png().replace("A", "*"), "A", "A" * 2**20 + "*"])
async def test_base64_that_cannot_be_decoded_is_kept_as_the_text_that_came(
    deliver: Delivery, person: Settings, entries: Journal, handle: str, damaged: str
) -> None:
    answer = GenerationAnswer(items=[ResultItem(b64_json=damaged)], cost=Decimal("0.04"))
    with pytest.raises(DeliveryError) as caught:
        await delivered(deliver, handle, plan_into(person.output_dir), answer)
    kept = person.data_dir / "rescued" / f"{handle}-1.txt"
    assert kept.read_text("utf-8") == damaged
    assert str(kept) in str(caught.value)
    assert [entry.state for entry in entries.call(handle)] == ["done"]


@pytest.mark.parametrize("came", [base64.b64decode(_png())[:-8], b"a picture of a kind yet unknown"])
@pytest.mark.parametrize("as_url", [True, False])
async def test_bytes_that_are_no_whole_picture_are_kept_and_every_look_tells_where(
    *,
    deliver: Delivery,
    files: ResultFiles,
    person: Settings,
    gallery: Gallery,
    answers: Answers,
    handle: str,
    answering: Callable[..., Awaitable[str]],
    came: bytes,
    as_url: bool,
) -> None:
    item = ResultItem(b64_json=base64.b64encode(came).decode())
    if as_url:
        head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(came)
        item = ResultItem(url=f"{await answering(head + came)}/fox.png")
    answer = GenerationAnswer(items=[item], cost=Decimal("0.04"))
    with pytest.raises(DeliveryError) as caught:
        await delivered(deliver, handle, plan_into(person.output_dir), answer)
    record = gallery.generation(handle)
    assert record
    lost = LostFiles(files, gallery, answers, KeptFiles(person.output_dir), settings=person)
    with pytest.raises(DeliveryError) as later:
        await lost.complete(record.images[0], record)
    (kept,) = (person.data_dir / "rescued").iterdir()
    assert kept.read_bytes() == came
    assert not list(person.output_dir.iterdir())
    assert str(kept) in str(caught.value)
    assert str(kept) in str(later.value)


async def test_two_who_fetch_a_lost_file_at_once_leave_one_of_it(
    *,
    files: ResultFiles,
    person: Settings,
    gallery: RecordingGallery,
    answers: Answers,
    answering: Callable[..., Awaitable[str]],
) -> None:
    png = base64.b64decode(_png())
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(png)
    lost = StoredImage(url=f"{await answering(head + png)}/fox.png")
    (image,) = gallery.record([lost], prompt="a fox", model="vendor/x").images
    kept = KeptFiles(person.output_dir)
    each = [LostFiles(files, gallery, answers, kept, settings=person) for _ in range(2)]
    found = await asyncio.gather(*(one.restore(image.handle) for one in each))
    (file,) = person.output_dir.iterdir()
    assert [picture.path for picture, _, _ in found] == [file, file]
    assert file.read_bytes() == png


def test_what_killed_processes_left_in_a_folder_is_removed_before_the_first_call_into_it(
    deliver: Delivery, person: Settings, tmp_path: Path
) -> None:
    left: list[Path] = []
    for folder in (person.output_dir, person.data_dir / "rescued", tmp_path / "one", tmp_path / "other"):
        folder.mkdir(parents=True)
        for age in (7, 5):
            with partial_file(folder) as partial:
                left.append(partial.path)
                partial.path.rename(partial.path.with_suffix(".kept"))
            partial.path.with_suffix(".kept").rename(partial.path)
            then = time.time() - age * 3600
            os.utime(partial.path, (then, then))
    for name, gone in (("one", 3), ("one", 3), ("other", 4)):
        deliver.prepare(Destination(tmp_path / name, "fox"))
        assert [file.exists() for file in left].count(False) == gone
    assert [file.exists() for file in left] == [False, True] * 4


@pytest.mark.parametrize(
    ("image", "stored", "told", "not_told"),
    [
        (StoredImage(), Stored(StoredImage(), "why"), "It cannot be fetched again", "open None"),
        (
            StoredImage(url=LINK),
            Stored(StoredImage(), "why"),
            f"open {LINK} (kept for about 30 days), or call",
            "kept in",
        ),
        (
            StoredImage(url=LINK),
            Stored(StoredImage(), "why", private=True),
            "again: call show_image with img_1",
            LINK,
        ),
        (
            StoredImage(),
            Stored(StoredImage(), "why", kept=Path("/kept/a.txt")),
            "What arrived is kept in /kept/a.txt. It cannot",
            "show_image",
        ),
    ],
    ids=["no link", "a link", "a private link", "something kept"],
)
def test_a_result_without_a_file_says_where_it_can_still_be_had(
    image: StoredImage, stored: Stored, told: str, not_told: str
) -> None:
    said = str(undelivered(GalleryImage(**vars(image), handle="img_1"), stored, remote=False))
    assert told in said
    assert not_told not in said
    elsewhere = str(undelivered(GalleryImage(**vars(image), handle=""), stored, remote=True))
    assert "show_image" not in elsewhere
    assert ("kept on the server." in elsewhere) is bool(stored.kept)
