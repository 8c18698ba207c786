"""From answers to files: what is kept when something is in the way, and what is tried again."""

import asyncio
import base64
import io
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
from imagerouter_mcp.gallery.days import start_of, today
from imagerouter_mcp.gallery.entries import Reservation
from imagerouter_mcp.gallery.journal import Journal
from imagerouter_mcp.gallery.records import Gallery
from imagerouter_mcp.generation import delivery
from imagerouter_mcp.generation.delivery import Delivery
from imagerouter_mcp.generation.planning.plan import Destination, Plan
from imagerouter_mcp.settings import Settings


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


@pytest.fixture
async def deliver(person: Settings, gallery: Gallery, entries: Journal) -> AsyncIterator[Delivery]:
    async with aclosing(Fetcher(Policy(allow_private=True), 2)) as fetcher:
        yield Delivery(lambda: fetcher, gallery, entries, person)


@pytest.fixture
def handle(entries: Journal) -> str:
    """A generation whose request has left."""
    (handle,), _ = entries.begin("a fox", [("a fox", "vendor/x")], again=False)
    reservation = Reservation(handle=handle, model="vendor/x", usd=Decimal("0.04"), plan="{}")
    entries.reserve([reservation], None, start_of(today()))
    entries.mark(handle, "working")
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
        await deliver.deliver(handle, plan, answer)
    assert [entry.state for entry in entries.call(handle)] == ["working"], "it can still be stored"
    for file in blocked:
        file.unlink()
    held = deliver.take_held(handle)
    assert held is answer
    record, notes = await deliver.deliver(handle, plan, answer)
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
    monkeypatch.setattr(delivery, "RETRY_AFTER_SECONDS", (0.0, 0.0))
    asked: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()

    url = f"{await loopback(refuse)}/fox.png"
    answer = GenerationAnswer(items=[ResultItem(url=url)], cost=Decimal("0.04"))
    with pytest.raises(DeliveryError, match="could not be fetched") as caught:
        await deliver.deliver(handle, plan_into(person.output_dir), answer)
    assert len(asked) == tries
    assert url in str(caught.value)


@pytest.mark.parametrize("damaged", ["é" + _png(), _png()[:-8], _png().replace("A", "*"), "A"])
async def test_base64_that_is_no_whole_picture_is_kept_as_it_came(
    deliver: Delivery, person: Settings, entries: Journal, handle: str, damaged: str
) -> None:
    arrived = entries.answer_file(handle)
    arrived.parent.mkdir(parents=True)
    arrived.write_text(f'{{"status": 200}}\n{{"data": [{{"b64_json": "{damaged}"}}]}}', "utf-8")
    answer = GenerationAnswer(items=[ResultItem(b64_json=damaged)], cost=Decimal("0.04"))
    with pytest.raises(DeliveryError) as caught:
        await deliver.deliver(handle, plan_into(person.output_dir), answer)
    kept = entries.kept_answer(handle)
    assert kept
    assert str(kept) in str(caught.value)
    assert "It has been paid for." in str(caught.value)
    assert damaged in kept.read_text("utf-8")
    assert [entry.state for entry in entries.call(handle)] == ["done"]
