"""What a person deletes is gone, what it cost stays, and nothing else is touched."""

import contextlib
import multiprocessing
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from imagerouter_mcp.errors import NotFoundError
from imagerouter_mcp.gallery.days import today
from imagerouter_mcp.gallery.deletion import Deletion
from imagerouter_mcp.gallery.entries import Metadata, Record, Reservation, StoredImage
from imagerouter_mcp.gallery.journal import Journal
from imagerouter_mcp.gallery.kept_files import KeptFiles
from imagerouter_mcp.gallery.ledger import Ledger
from imagerouter_mcp.gallery.thumbnails import Thumbnails, state_of
from imagerouter_mcp.settings import Settings
from support.postgres import Galleries
from support.recording import RecordingGallery

spawn = multiprocessing.get_context("spawn")
BYTES = b"a picture's bytes"


class Place:
    """A gallery with files, and what deletes them."""

    def __init__(self, folder: Path, galleries: Galleries | None = None, *, remote: bool = False) -> None:
        self.folder = folder
        self.database = (galleries or Galleries()).database(folder / "data")
        self.gallery = RecordingGallery(self.database)
        self.thumbnails = Thumbnails(folder / "data")
        settings = Settings(data_dir=folder / "data", output_dir=folder / "pictures")
        settings = settings.model_copy(update={"remote": remote})
        self.deletion = Deletion(self.database, self.thumbnails, KeptFiles(settings.output_dir), settings)

    def file(self, name: str = "fox.png") -> StoredImage:
        """Write a file, and describe it."""
        path = self.folder / "pictures" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(BYTES)
        return StoredImage(path=path, media_type="image/png", bytes=len(BYTES))

    def record(self, *images: StoredImage, days_ago: int = 0) -> Record:
        """Record a generation that cost 4 cents."""
        when = datetime.now(UTC) - timedelta(days=days_ago)
        return self.gallery.record(images, when, prompt="a secret fox", model="m", cost_usd=Decimal("0.04"))

    def spent(self) -> Decimal:
        """Return what was spent in all."""
        all_of_it = Ledger(self.database).between(date(2026, 1, 1), today())
        return sum((each.usd for each in all_of_it), Decimal())


@pytest.fixture
def place(tmp_path: Path, galleries: Galleries) -> Iterator[Place]:
    made = Place(tmp_path, galleries)
    with contextlib.closing(made.database):
        yield made


@pytest.fixture
def in_file(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    with contextlib.closing(made.database):
        yield made


def test_a_picture_goes_with_its_original_its_thumbnail_and_its_cost_stays(
    place: Place,
) -> None:
    original = place.file("fox-original.png")
    image = StoredImage(path=place.file().path, bytes=len(BYTES), original=original)
    record = place.record(image)
    status = state_of(place.folder / "pictures" / "fox.png") or ""
    place.thumbnails.keep(record.images[0].handle, "tile_320", status, b"small")
    assert place.thumbnails.find(record.images[0].handle, "tile_320", status) == b"small"

    chosen = place.deletion.named([record.images[0].handle.upper()])
    assert chosen.bytes == 2 * len(BYTES)
    deleted = place.deletion.delete(chosen.handles)

    assert (deleted.pictures, deleted.bytes, deleted.notes) == (1, 2 * len(BYTES), ())
    assert list((place.folder / "pictures").iterdir()) == []
    assert list((place.folder / "data" / "thumbnails").iterdir()) == []
    assert place.gallery.list() == []
    assert place.spent() == Decimal("0.04")
    for handle in (record.generation, record.images[0].handle, record.originals[0].handle):
        assert place.gallery.was_deleted(handle)
    assert not place.gallery.was_deleted("img_ffff")


def test_thumbnails_of_pictures_that_another_server_deleted_are_removed_here(place: Place) -> None:
    kept = place.record(place.file()).images[0].handle
    for handle in (kept, "img_ffff"):
        place.thumbnails.keep(handle, "tile_320", "as it was", b"small")
    place.deletion.drop_stale_copies(timedelta(hours=1))
    assert place.thumbnails.handles() == {kept}


def test_the_words_of_a_deleted_picture_are_overwritten(in_file: Place) -> None:
    record = in_file.record(in_file.file())
    in_file.deletion.delete([record.images[0].handle])
    in_file.database.close()
    assert b"secret fox" not in (in_file.folder / "data" / "gallery.sqlite3").read_bytes()


def test_everything_of_a_person_is_forgotten_and_nothing_of_another(
    tmp_path: Path, galleries: Galleries
) -> None:
    place, other = (Place(tmp_path / name, galleries) for name in ("one", "other"))
    for each in (place, other):
        (each.folder / "pictures").mkdir(parents=True)
        first, _ = each.record(each.file("1.png")), each.record(each.file("2.png"))
        each.deletion.delete([first.images[0].handle])
    place.deletion.forget_everything()
    assert (place.gallery.count(), place.spent()) == (0, 0)
    assert (other.gallery.count(), other.spent()) == (1, Decimal("0.08"))
    for each in (place, other):
        each.database.close()


def test_one_of_several_pictures_goes_alone(place: Place) -> None:
    record = place.record(place.file("1.png"), place.file("2.png"))
    first, second = (image.handle for image in record.images)
    place.deletion.delete([first])
    left = place.gallery.generation(record.generation)
    assert left
    assert [image.handle for image in left.images] == [second]
    assert place.gallery.find(first) is None
    assert not place.gallery.was_deleted(record.generation)
    with pytest.raises(NotFoundError, match="was deleted"):
        place.gallery.update(first, place.file("late.png"))


def test_a_file_that_is_not_as_it_was_saved_stays(place: Place) -> None:
    changed, linked, shared = (place.file(name) for name in ("changed.png", "linked.png", "shared.png"))
    own = place.folder / "own.png"
    own.write_bytes(BYTES)
    records = [place.record(image) for image in (changed, linked, shared)]
    place.record(shared)
    assert changed.path
    assert linked.path
    assert shared.path
    changed.path.write_bytes(BYTES + b", painted over")
    linked.path.unlink()
    linked.path.symlink_to(own)

    deleted = place.deletion.delete([record.images[0].handle for record in records])

    assert deleted.pictures == 3
    assert deleted.bytes == 0
    assert len(deleted.notes) == 2
    assert all("changed since" in note for note in deleted.notes)
    assert changed.path.is_file()
    assert linked.path.is_symlink()
    assert own.read_bytes() == BYTES
    assert shared.path.is_file(), "another record names it"
    assert place.gallery.count() == 1


def test_for_callers_elsewhere_nothing_outside_of_the_output_folder_is_removed(tmp_path: Path) -> None:
    place = Place(tmp_path, remote=True)
    outside = tmp_path / "letter.png"
    outside.write_bytes(BYTES)
    record = place.record(StoredImage(path=outside, bytes=len(BYTES)), place.file())
    deleted = place.deletion.delete([image.handle for image in record.images])
    place.database.close()
    assert outside.is_file()
    assert deleted.pictures == 2
    assert deleted.bytes == len(BYTES)


@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="root may remove anything")
def test_a_file_that_cannot_be_removed_keeps_its_record(place: Place) -> None:
    record = place.record(place.file())
    folder = place.folder / "pictures"
    folder.chmod(0o500)
    try:
        deleted = place.deletion.delete([record.images[0].handle])
    finally:
        folder.chmod(0o700)
    assert deleted.pictures == 0
    assert "cannot be removed" in deleted.notes[0]
    assert place.gallery.find(record.images[0].handle)


def test_what_is_older_than_a_day_is_counted_first_and_the_rest_stays(place: Place) -> None:
    old = [place.record(place.file(f"{days}.png"), days_ago=days) for days in (10, 11)]
    new = place.record(place.file("new.png"))
    gone = place.file("gone.png")
    place.record(gone, days_ago=12)
    assert gone.path
    gone.path.unlink()
    chosen = place.deletion.before(today() - timedelta(days=5))
    assert len(chosen.handles) == 3
    assert chosen.bytes == 3 * len(BYTES)
    assert place.gallery.count() == 4, "counting deletes nothing"
    deleted = place.deletion.delete(chosen.handles)
    assert (deleted.pictures, deleted.bytes) == (3, 2 * len(BYTES))
    assert place.gallery.list() == [new]
    assert place.spent() == Decimal("0.16")
    assert {record.images[0].handle for record in old} < set(chosen.handles)


def test_names_that_are_no_picture_are_told_one_by_one(place: Place) -> None:
    handle = place.record(place.file()).images[0].handle
    place.deletion.delete([handle])
    chosen = place.deletion.named([handle, "img_ffff", "../etc"])
    assert chosen.handles == ()
    assert chosen.unknown[0] == f"{handle} was deleted already."
    assert all("no picture" in sentence for sentence in chosen.unknown[1:])


def test_a_picture_whose_call_is_under_way_is_kept_whole(place: Place, galleries: Galleries) -> None:
    journal = Journal(place.database, galleries.owners(place.folder / "data"))
    (first, second), _ = journal.begin("call", [("a fox", "m"), ("a fox", "m")], again=True)
    reserved = [Reservation(handle=each, model="m", usd=Decimal(1), plan="") for each in (first, second)]
    journal.reserve(reserved)
    record = journal.record(first, [place.file()], (), Metadata(prompt="a fox", model="m"))
    handle = record.images[0].handle

    kept = place.deletion.delete([handle])
    assert kept.pictures == 0
    assert "still under way" in kept.notes[0]
    assert place.gallery.find(handle)
    assert (place.folder / "pictures" / "fox.png").is_file()

    error = {"kind": "x", "what": "It failed.", "remedy": "", "charged": "no"}
    journal.end(second, "failed", error)
    assert place.deletion.delete([handle]).pictures == 1
    assert journal.call(first) == []
    assert journal.begin("call", [("a fox", "m")], again=False)[1] is False, "nobody gets what was deleted"
    journal.close()


def delete_all(
    folder: Path, handles: list[str], start: Barrier, counts: "multiprocessing.Queue[int]"
) -> None:
    place = Place(folder)
    start.wait()
    counts.put(place.deletion.delete(handles).pictures)
    place.database.close()


def test_two_processes_that_delete_the_same_count_each_picture_once(in_file: Place) -> None:
    handles = [in_file.record(in_file.file(f"{number}.png")).images[0].handle for number in range(150)]
    start, counts = spawn.Barrier(2), spawn.Queue()
    processes = [
        spawn.Process(target=delete_all, args=(in_file.folder, handles, start, counts)) for _ in range(2)
    ]
    for process in processes:
        process.start()
    assert counts.get() + counts.get() == len(handles)
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert in_file.gallery.count() == 0
    assert list((in_file.folder / "pictures").iterdir()) == []
    assert in_file.spent() == Decimal("0.04") * len(handles)
