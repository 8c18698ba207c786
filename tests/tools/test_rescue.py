"""What was paid for is kept, though the folder where it belongs, or the gallery, takes nothing any more."""

import asyncio
import base64
import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from faults.places import fill, small_disk, states, without_journal
from imagerouter_mcp.generation.calls import tasks
from imagerouter_mcp.settings import Settings
from patience import until

Hosts = Callable[..., AbstractAsyncContextManager[Any]]
Journal = Callable[[], list[dict[str, Any]]]
UnderWay = Callable[..., AbstractAsyncContextManager[Callable[[], Awaitable[Any]]]]

WISH = {"prompt": "A fox", "model": "sandbox/held", "size": "256x256"}
pytestmark = pytest.mark.parametrize("era", ["auto"])  # the protocol has no part in it


@pytest.fixture
def under_way(made: Journal, let_go: Callable[[], None]) -> UnderWay:
    """Makes a call, and gives its answer once the request has left and the test has changed the folders.

    A folder was looked at before, and is needed afterwards.
    """

    @asynccontextmanager
    async def begin(host: Any, **wish: object) -> AsyncGenerator[Callable[[], Awaitable[Any]]]:  # noqa: ANN401 - conftest's Host
        task = asyncio.create_task(host("generate_image", **wish))
        await until(made)

        async def answer() -> Any:  # noqa: ANN401 - conftest's Told
            let_go()
            return await task

        yield answer

    return begin


def data_uri(file: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(file.read_bytes()).decode()}"


def check_rescued(told: Any, elsewhere: Path, why: str) -> None:  # noqa: ANN401 - conftest's Told
    assert not told.failed, told.text
    assert told.path.parent == elsewhere
    (note,) = [note for note in told.fields["notes"] if note.startswith("It was saved in ")]
    assert str(elsewhere) in note
    assert why in note
    assert f"Note: {note}" in told.text
    with Image.open(told.path) as picture:
        assert picture.size == (256, 256)


async def test_nothing_is_sent_while_the_data_folder_cannot_keep_its_answer(
    connect: Hosts, made: Journal, settings: Settings
) -> None:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    (settings.data_dir / "arriving").touch()
    async with connect() as host:
        told = await host("generate_image", **WISH)
    assert told.failed
    assert "IMAGEROUTER_DATA_DIR" in told.text
    assert made() == []


async def test_a_folder_that_was_deleted_is_made_again(
    connect: Hosts, under_way: UnderWay, settings: Settings
) -> None:
    async with connect() as host, under_way(host, **WISH) as asking:
        shutil.rmtree(settings.output_dir)
        told = await asking()
    assert told.path.parent == settings.output_dir
    assert told.path.is_file()


async def test_of_another_folder_that_became_a_file_it_goes_to_the_persons_own(
    connect: Hosts, under_way: UnderWay, settings: Settings, tmp_path: Path
) -> None:
    chosen = tmp_path / "chosen"
    async with connect() as host, under_way(host, **WISH, output_dir=str(chosen)) as asking:
        chosen.rmdir()
        chosen.touch()
        told = await asking()
        shown = await host("show_image", handle=told.image["handle"])
    check_rescued(told, settings.output_dir, f"it could not be written to {chosen}")
    assert shown.path == told.path


async def test_a_result_and_its_original_go_to_the_same_other_folder(
    connect: Hosts,
    under_way: UnderWay,
    settings: Settings,
    tmp_path: Path,
    change_sandbox: Callable[..., None],
) -> None:
    change_sandbox(latency_seconds=2)
    chosen = tmp_path / "chosen"
    wish = {"prompt": "A fox", "model": "openai/gpt-image-1.5", "size": "1200x630"}
    async with connect() as host, under_way(host, **wish, output_dir=str(chosen)) as asking:
        chosen.rmdir()
        chosen.touch()
        told = await asking()
    names = {"A-fox.webp", "A-fox-original.webp"}
    assert {str(path) for path in settings.output_dir.iterdir()} == {
        told.image["path"],
        told.image["original"]["path"],
    }
    assert {path.name for path in settings.output_dir.iterdir()} == names
    assert sum("It was saved in" in note for note in told.fields["notes"]) == 1


async def test_where_the_persons_own_is_a_file_too_it_goes_to_the_data_folder(
    connect: Hosts, under_way: UnderWay, settings: Settings
) -> None:
    async with connect() as host, under_way(host, **WISH) as asking:
        settings.output_dir.rmdir()
        settings.output_dir.touch()
        told = await asking()
    check_rescued(told, settings.data_dir / "rescued", str(settings.output_dir))


async def test_what_comes_in_base64_is_rescued_too_with_every_picture_of_several(
    connect: Hosts, made: Journal, under_way: UnderWay, settings: Settings
) -> None:
    async with (
        connect() as host,
        under_way(host, **WISH, n=3, response_format="b64_ephemeral") as asking,
    ):
        await until(lambda: len(made()) == 3)
        settings.output_dir.rmdir()
        settings.output_dir.touch()
        told = await asking()
    paths = [Path(image["path"]) for image in told.fields["images"]]
    assert {path.parent for path in paths} == {settings.data_dir / "rescued"}
    assert len(set(paths)) == 3
    assert len([note for note in told.fields["notes"] if note.startswith("It was saved in ")]) == 1


async def test_a_disk_that_filled_up_meanwhile_costs_nobody_the_picture(
    connect: Hosts, under_way: UnderWay, settings: Settings, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk):
        async with connect() as host, under_way(host, **WISH, output_dir=str(disk)) as asking:
            fill(disk)
            told = await asking()
        check_rescued(told, settings.output_dir, "No space left on device")
        assert [path.name for path in disk.iterdir()] == ["filling"], "no half of it is left"


@pytest.mark.skipif(os.name != "posix", reason="the temporary folder of POSIX")
async def test_where_nothing_of_the_persons_takes_it_it_goes_to_the_temporary_folder(
    connect: Hosts, under_way: UnderWay, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    async with connect() as host, under_way(host, **WISH) as asking:
        settings.output_dir.rmdir()
        settings.output_dir.touch()
        (settings.data_dir / "rescued").touch()
        told = await asking()
    check_rescued(told, tmp_path / "temporary" / f"imagerouter-{os.getuid()}", str(settings.output_dir))


async def test_where_nothing_takes_it_the_link_is_told_and_nothing_is_made_again(
    connect: Hosts,
    made: Journal,
    under_way: UnderWay,
    settings: Settings,
    tmp_path: Path,
    *,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    async with connect() as host, under_way(host, **WISH) as asking:
        settings.output_dir.rmdir()
        for place in (settings.output_dir, settings.data_dir / "rescued", tmp_path / "temporary"):
            place.touch()
        told = await asking()
        (listed,) = (await host("list_images")).fields["images"]
        settings.output_dir.unlink()
        shown = await host("show_image", handle=listed["handle"])
    assert told.fields["error"]["kind"] == "delivery"
    assert told.fields["error"]["charged"] == "yes"
    assert listed["url"] in told.text
    assert listed["handle"] in told.text
    assert shown.path.parent == settings.output_dir
    assert len(made()) == 1


async def test_what_no_folder_takes_is_stored_by_the_same_server_once_there_is_room(
    connect: Hosts,
    made: Journal,
    under_way: UnderWay,
    settings: Settings,
    tmp_path: Path,
    *,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    taken = (settings.output_dir, settings.data_dir / "rescued", tmp_path / "temporary")
    async with connect(response_format="b64_ephemeral") as host, under_way(host, **WISH) as asking:
        settings.output_dir.rmdir()
        for place in taken:
            place.touch()
        told = await asking()
        (held,) = (await host("list_images")).fields["unfinished"]
        for place in taken:
            place.unlink()
        stored = await host("get_generation", generation=held["generation"])
    assert (told.fields["error"]["kind"], told.fields["error"]["charged"]) == ("delivery", "yes")
    assert "make room there" in told.text
    assert stored.path.parent == settings.output_dir
    assert len(made()) == 1


async def test_what_the_gallery_did_not_take_is_recorded_once_it_can_be_though_nobody_asks(
    connect: Hosts,
    made: Journal,
    under_way: UnderWay,
    settings: Settings,
    *,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks, "FIRST_PAUSE", 0.02)
    async with connect() as host, under_way(host, **WISH) as asking:
        with without_journal(settings.data_dir):
            told = await asking()
            assert host.app.at_work, "or it could be closed, and nobody would know what was paid"
        await until(lambda: not host.app.at_work)
        assert states(settings.data_dir) == ["done"]
        (listed,) = (await host("list_images")).fields["images"]
    assert "it could not be recorded" in told.text
    assert listed["path"] == str(told.path)
    assert len(made()) == 1


async def test_a_temporary_folder_that_goes_away_costs_nothing(
    connect: Hosts, made: Journal, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = data_uri(source)
    async with connect() as host:
        await host("list_images")
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
        told = await host("edit_image", images=[picture], prompt="Make it night", model="sandbox/slow-0")
        listed = (await host("list_images")).fields["unfinished"]
    assert told.fields["error"]["charged"] == "no"
    assert told.fields["error"]["kind"] != "internal"
    assert not [entry for entry in listed if entry["state"] != "not_sent"]
    assert not made()
