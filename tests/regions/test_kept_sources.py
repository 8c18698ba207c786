"""What is kept of a masked edit's source until its answer is laid in, and what is told of that."""

import base64
import io
import json
import os
import stat
import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from PIL import Image

from imagerouter_mcp.gallery.answers import Answers
from imagerouter_mcp.gallery.entries import Reservation
from imagerouter_mcp.gallery.journal import Journal
from imagerouter_mcp.gallery.kept_sources import KeptSources
from imagerouter_mcp.gallery.owners import Owners
from imagerouter_mcp.gallery.tables import gallery_database
from imagerouter_mcp.generation.planning.finishing import Cut, Finishing
from imagerouter_mcp.generation.planning.plan import Destination, Plan
from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import open_app
from regions.conftest import Edit
from regions.sources import SMALL, scenery
from support.models_at_work import Habit, answered
from support.regions import outside

MODEL = "google/gemini-2.5-flash"
REGION = (200, 100, 300, 200)
CUT = Cut(box=(100, 40, 400, 340), size=(600, 600), inner=(0, 0, 600, 600))
HEAD = json.dumps({"status": 200, "headers": {"server": "imagerouter-sandbox"}}).encode() + b"\n"


def png(picture: Image.Image) -> io.BytesIO:
    file = io.BytesIO()
    picture.save(file, "PNG")
    file.seek(0)
    return file


def masked() -> Image.Image:
    mask = Image.new("L", SMALL)
    mask.paste(255, REGION)
    return mask


def kept(settings: Settings) -> list[Path]:
    return sorted((settings.data_dir / "sources").glob("*"))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    scenery(SMALL).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def left_by_another_process(settings: Settings) -> str:
    """Leave a masked edit whose answer has arrived and whose process is gone; return its handle."""
    database = gallery_database(settings.data_dir)
    journal = Journal(database, Owners(settings.data_dir / "running"))
    (handle,), _ = journal.begin("of an edit", [("A balloon", MODEL)], again=True)
    plan = Plan(
        kind="image",
        prompt="A balloon",
        fields={"model": MODEL, "prompt": "A balloon", "size": "600x600"},
        why="",
        estimate=None,
        destination=Destination(settings.output_dir, "balloon"),
        origins=("/pictures/source.png",),
        notes=(),
        finishing=Finishing(cut=CUT),
    )
    reservation = Reservation(handle=handle, model=MODEL, usd=Decimal("0.03"), plan=plan.to_json())
    assert journal.reserve([reservation]) is None
    journal.leaves(handle)
    KeptSources(settings.data_dir).keep([handle], png(scenery(SMALL)), png(masked()))
    sent = scenery(SMALL).crop(CUT.box).resize(CUT.size)  # pyright: ignore[reportUnknownMemberType] - its annotation names NumPy
    answer = answered(sent, Habit(shift=(3, -3)), (0.4, 0.3, 0.6, 0.5))
    item = {"b64_json": base64.b64encode(png(answer).getvalue()).decode()}
    arrived = Answers(settings.data_dir).file(handle)
    arrived.parent.mkdir(parents=True, exist_ok=True)
    arrived.write_bytes(
        HEAD + json.dumps({"created": 1, "data": [item], "latency": 9, "cost": 0.01}).encode()
    )
    journal.close()
    database.close()
    return handle


async def test_another_process_lays_in_what_arrived_for_one_that_is_gone(settings: Settings) -> None:
    handle = left_by_another_process(settings)
    assert len(kept(settings)) == 2
    async with open_app(settings) as app, Client(build_server(app)) as client:
        told = await client.call_tool("get_generation", {"generation": handle})
    content: dict[str, Any] = told.structured_content or {}
    with Image.open(content["images"][0]["path"]) as result:
        assert outside(scenery(SMALL), result.convert("RGB"), masked()) == 0
    assert "Outside the mask every pixel is the source's" in " ".join(content["notes"])
    assert kept(settings) == []


async def test_nothing_is_kept_of_a_source_once_its_edit_is_delivered(
    behave: Callable[..., None], edit: Edit, settings: Settings, photo: Path
) -> None:
    behave(Habit())
    _, told = await edit(images=[str(photo)], mask="box:200,100,100,100", model=MODEL, n=2)
    assert len(told["images"]) == 2
    assert all("original" in image for image in told["images"])
    folder = settings.data_dir / "sources"
    assert kept(settings) == []
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_nothing_is_kept_of_a_source_whose_edit_is_refused(
    edit: Edit, settings: Settings, photo: Path
) -> None:
    text, _ = await edit(images=[str(photo)], mask="box:200,100,100,100", model="sandbox/moderated")
    assert "Nothing was charged" in text
    assert kept(settings) == []


async def test_a_lossy_format_is_saved_and_told(behave: Callable[..., None], edit: Edit, photo: Path) -> None:
    behave(Habit())
    text, told = await edit(
        images=[str(photo)], mask="box:200,100,100,100", model=MODEL, filename="edited.jpg"
    )
    assert told["images"][0]["path"].endswith("edited.jpg")
    assert "only PNG keeps every pixel outside the mask" in text


async def test_the_model_alone_decides_where_a_person_says_so(
    behave: Callable[..., None], edit: Edit, photo: Path
) -> None:
    behave(Habit(tint=(40, 0, 0)))
    text, told = await edit(
        images=[str(photo)], mask="box:200,100,100,100", model="stabilityai/sd3", keep_outside=False
    )
    with Image.open(told["images"][0]["path"]) as result:
        after = result.convert("RGB")
    assert after.size != SMALL or outside(scenery(SMALL), after, masked()) > 0
    assert "Outside the mask" not in text


async def test_a_picture_that_cannot_be_kept_exactly_is_refused_before_paying(
    behave: Callable[..., None], edit: Edit, tmp_path: Path
) -> None:
    behave(Habit())
    scenery(SMALL).convert("F").save(tmp_path / "floats.tif")
    text, _ = await edit(images=[str(tmp_path / "floats.tif")], mask="box:200,100,100,100", model=MODEL)
    assert "keep_outside=false" in text
    assert "Nothing was charged" in text


async def test_the_mask_belongs_to_the_first_source_and_the_others_are_sent_along(
    edit: Edit, photo: Path, tmp_path: Path, journal: Callable[[], list[dict[str, Any]]]
) -> None:
    Image.new("RGB", (64, 64), "orange").save(tmp_path / "hat.png")
    _, told = await edit(
        images=[str(photo), str(tmp_path / "hat.png")], mask="box:200,100,100,100", model="test/test"
    )
    with Image.open(told["images"][0]["path"]) as result:
        assert outside(scenery(SMALL), result.convert("RGB"), masked()) == 0
    (sent,) = [entry for entry in journal() if entry["path"] == "/v1/openai/images/edits"]
    assert [file["field"] for file in sent["files"]] == ["image[]", "image[]", "mask[]"]
    assert {(file["content_type"], file["filename"].rpartition(".")[2]) for file in sent["files"]} == {
        ("image/png", "png")
    }


async def test_a_mask_that_is_refused_for_nothing_is_left_out_within_the_same_call(
    behave: Callable[..., None], edit: Edit, photo: Path, journal: Callable[[], list[dict[str, Any]]]
) -> None:
    behave(Habit(), live=True)
    text, told = await edit(images=[str(photo)], mask="box:200,100,100,100", model="stabilityai/sd3")
    sent = [entry for entry in journal() if entry["path"] == "/v1/openai/images/edits"]
    assert [[file["field"] for file in entry["files"]] for entry in sent] == [
        ["image[]", "mask[]"],
        ["image[]"],
    ]
    assert "took no mask; it was told in words which part to change" in text
    assert told["cost_usd"] == pytest.approx(0.0019)


async def test_a_mask_whose_refusal_was_charged_is_not_sent_again(
    behave: Callable[..., None], edit: Edit, photo: Path, journal: Callable[[], list[dict[str, Any]]]
) -> None:
    behave(Habit(), charged_refusal="Mask editing failed at the provider")
    text, told = await edit(images=[str(photo)], mask="box:200,100,100,100", model="stabilityai/sd3")
    assert len([entry for entry in journal() if entry["path"] == "/v1/openai/images/edits"]) == 1
    assert "$0.01 was charged" in text
    assert told["error"]["charged"] == "yes"


def test_a_sweep_removes_only_what_is_older(tmp_path: Path) -> None:
    sources = KeptSources(tmp_path)
    for handle, hours in (("gen_new", 1), ("gen_old", 3)):
        sources.keep([handle], png(scenery(SMALL)), png(masked()))
        ended = time.time() - hours * 3600
        os.utime(sources.source(handle), (ended, ended))
    sources.sweep(timedelta(hours=2))
    assert sources.source("gen_new").is_file()
    assert not sources.source("gen_old").exists()
